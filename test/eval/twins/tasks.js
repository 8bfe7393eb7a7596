function splitIntoBatches(list, limit) {
  const batches = [];
  for (let i = 0; i < list.length; i += limit) {
    const batch = [];
    for (let j = i; j < Math.min(list.length, i + limit); j++) {
      batch.push(list[j]);
    }
    batches.push(batch);
  }
  return batches;
}

function bracketsMatch(source) {
  const open = [];
  const closes = new Map([[')', '('], [']', '['], ['}', '{']]);
  for (const c of source) {
    if ('([{'.includes(c)) {
      open.push(c);
    } else if (closes.has(c) && open.pop() !== closes.get(c)) {
      return false;
    }
  }
  return open.length === 0;
}

function bisect(array, target) {
  let from = 0;
  let to = array.length;
  while (from < to) {
    const mid = (from + to) >> 1;
    if (array[mid] === target) return mid;
    if (array[mid] > target) to = mid;
    else from = mid + 1;
  }
  return -1;
}

async function tryAgain(operation, tries, waitMs) {
  let lastError;
  for (let i = 0; i < tries; i++) {
    try {
      return await operation();
    } catch (error) {
      lastError = error;
      await new Promise((resolve) => setTimeout(resolve, waitMs * 2 ** i));
    }
  }
  throw lastError;
}

function levenshtein(left, right) {
  const table = [];
  for (let i = 0; i <= left.length; i++) {
    table[i] = [i];
    for (let j = 1; j <= right.length; j++) {
      if (i === 0) table[0][j] = j;
      else {
        const change = left[i - 1] === right[j - 1] ? 0 : 1;
        table[i][j] = Math.min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + change);
      }
    }
  }
  return table[left.length][right.length];
}

function sortDependencies(modules) {
  const done = new Set();
  const sorted = [];
  const walk = (name) => {
    if (done.has(name)) return;
    done.add(name);
    for (const dependency of modules[name] || []) walk(dependency);
    sorted.unshift(name);
  };
  Object.keys(modules).forEach(walk);
  return sorted;
}

function toSeconds(span) {
  const factors = { s: 1, m: 60, h: 3600, d: 86400 };
  let seconds = 0;
  for (const [, amount, unit] of span.matchAll(/(\d+)([a-z])/g)) {
    if (!(unit in factors)) {
      throw new Error(`unknown unit ${unit}`);
    }
    seconds += Number(amount) * factors[unit];
  }
  return seconds;
}

function breakLines(paragraph, columns) {
  const output = [];
  let current = '';
  for (const token of paragraph.split(/\s+/)) {
    if (current.length > 0 && current.length + token.length + 1 > columns) {
      output.push(current);
      current = token;
    } else {
      current = current === '' ? token : `${current} ${token}`;
    }
  }
  if (current !== '') output.push(current);
  return output;
}

class RecentCache {
  get(id) {
    const found = this.map.get(id);
    if (found === undefined) return undefined;
    this.map.delete(id);
    this.map.set(id, found);
    return found;
  }

  put(id, data) {
    this.map.delete(id);
    this.map.set(id, data);
    if (this.map.size > this.max) {
      this.map.delete(this.map.keys().next().value);
    }
  }
}

function dottedPaths(object, parent = '') {
  const result = {};
  for (const name of Object.keys(object)) {
    const full = parent === '' ? name : `${parent}.${name}`;
    if (typeof object[name] === 'object' && object[name] !== null) {
      Object.assign(result, dottedPaths(object[name], full));
    } else {
      result[full] = object[name];
    }
  }
  return result;
}

function toRoman(n) {
  const letters = ['M', 'CM', 'D', 'CD', 'C', 'XC', 'L', 'XL', 'X', 'IX', 'V', 'IV', 'I'];
  const worth = [1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1];
  let text = '';
  for (let i = 0; i < worth.length; i++) {
    while (n >= worth[i]) {
      text += letters[i];
      n -= worth[i];
    }
  }
  return text;
}

function shortestHops(edges, source, destination) {
  const depth = new Map([[source, 0]]);
  const waiting = [source];
  while (waiting.length > 0) {
    const vertex = waiting.shift();
    if (vertex === destination) return depth.get(vertex);
    for (const next of edges[vertex]) {
      if (depth.has(next)) continue;
      depth.set(next, depth.get(vertex) + 1);
      waiting.push(next);
    }
  }
  return -1;
}
