def chunk_evenly(items, size):
    groups = []
    current = []
    for item in items:
        current.append(item)
        if len(current) == size:
            groups.append(current)
            current = []
    if current:
        groups.append(current)
    return groups


def is_balanced(text):
    pairs = {")": "(", "]": "[", "}": "{"}
    stack = []
    for char in text:
        if char in pairs.values():
            stack.append(char)
        elif char in pairs:
            if not stack or stack.pop() != pairs[char]:
                return False
    return not stack


def find_sorted(values, wanted):
    low, high = 0, len(values) - 1
    while low <= high:
        middle = (low + high) // 2
        if values[middle] == wanted:
            return middle
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle - 1
    return -1


def retry_with_backoff(action, attempts, delay):
    for attempt in range(attempts):
        try:
            return action()
        except Exception:
            if attempt == attempts - 1:
                raise
            time.sleep(delay)
            delay = delay * 2


def edit_distance(first, second):
    previous = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        row = [i]
        for j, b in enumerate(second, 1):
            cost = 0 if a == b else 1
            row.append(min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + cost))
        previous = row
    return previous[-1]


def topological_order(graph):
    visited = set()
    order = []

    def visit(node):
        if node in visited:
            return
        visited.add(node)
        for neighbour in graph.get(node, []):
            visit(neighbour)
        order.append(node)

    for node in graph:
        visit(node)
    return order[::-1]


def parse_duration(text):
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    total = 0
    number = ""
    for char in text:
        if char.isdigit():
            number += char
        elif char in units:
            total += int(number) * units[char]
            number = ""
        else:
            raise ValueError("invalid duration: " + text)
    return total


def wrap_words(text, width):
    lines = []
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = line + " " + word if line else word
    if line:
        lines.append(line)
    return lines


class LeastRecentlyUsed:
    def fetch(self, key):
        if key not in self.entries:
            return None
        value = self.entries.pop(key)
        self.entries[key] = value
        return value

    def store(self, key, value):
        self.entries.pop(key, None)
        self.entries[key] = value
        if len(self.entries) > self.capacity:
            oldest = next(iter(self.entries))
            del self.entries[oldest]


def flatten_keys(tree, prefix=""):
    flat = {}
    for key, value in tree.items():
        path = prefix + "." + key if prefix else key
        if isinstance(value, dict):
            flat.update(flatten_keys(value, path))
        else:
            flat[path] = value
    return flat


def roman_numeral(number):
    symbols = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
               (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]
    written = ""
    for value, symbol in symbols:
        while number >= value:
            written += symbol
            number -= value
    return written


def breadth_first_distance(graph, start, goal):
    queue = [(start, 0)]
    seen = {start}
    while queue:
        node, distance = queue.pop(0)
        if node == goal:
            return distance
        for neighbour in graph[node]:
            if neighbour not in seen:
                seen.add(neighbour)
                queue.append((neighbour, distance + 1))
    return -1
