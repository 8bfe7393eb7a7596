package tasks

func Partition(xs []int, n int) [][]int {
	var parts [][]int
	for len(xs) > n {
		parts = append(parts, xs[:n])
		xs = xs[n:]
	}
	if len(xs) > 0 {
		parts = append(parts, xs)
	}
	return parts
}

func ValidParens(s string) bool {
	var stack []rune
	match := map[rune]rune{')': '(', ']': '[', '}': '{'}
	for _, r := range s {
		switch r {
		case '(', '[', '{':
			stack = append(stack, r)
		case ')', ']', '}':
			if len(stack) == 0 || stack[len(stack)-1] != match[r] {
				return false
			}
			stack = stack[:len(stack)-1]
		}
	}
	return len(stack) == 0
}

func SearchInts(a []int, x int) int {
	i, j := 0, len(a)-1
	for i <= j {
		h := i + (j-i)/2
		switch {
		case a[h] == x:
			return h
		case a[h] < x:
			i = h + 1
		default:
			j = h - 1
		}
	}
	return -1
}

func Persist(fn func() error, times int, pause time.Duration) error {
	var err error
	for k := 0; k < times; k++ {
		if err = fn(); err == nil {
			return nil
		}
		time.Sleep(pause)
		pause *= 2
	}
	return err
}

func EditCost(s, t string) int {
	prev := make([]int, len(t)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(s); i++ {
		cur := make([]int, len(t)+1)
		cur[0] = i
		for j := 1; j <= len(t); j++ {
			sub := prev[j-1]
			if s[i-1] != t[j-1] {
				sub++
			}
			cur[j] = min(sub, prev[j]+1, cur[j-1]+1)
		}
		prev = cur
	}
	return prev[len(t)]
}

func TopoSort(deps map[string][]string) []string {
	seen := map[string]bool{}
	var out []string
	var dfs func(v string)
	dfs = func(v string) {
		if seen[v] {
			return
		}
		seen[v] = true
		for _, w := range deps[v] {
			dfs(w)
		}
		out = append([]string{v}, out...)
	}
	for v := range deps {
		dfs(v)
	}
	return out
}

func ReadInterval(s string) (int, error) {
	total, n := 0, 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			n = n*10 + int(c-'0')
		case c == 's':
			total, n = total+n, 0
		case c == 'm':
			total, n = total+n*60, 0
		case c == 'h':
			total, n = total+n*3600, 0
		case c == 'd':
			total, n = total+n*86400, 0
		default:
			return 0, fmt.Errorf("bad interval %q", s)
		}
	}
	return total, nil
}

func Reflow(text string, max int) []string {
	var rows []string
	row := ""
	for _, w := range strings.Fields(text) {
		if row != "" && len(row)+1+len(w) > max {
			rows = append(rows, row)
			row = w
			continue
		}
		if row != "" {
			row += " "
		}
		row += w
	}
	if row != "" {
		rows = append(rows, row)
	}
	return rows
}

func (c *Cache) Load(k string) (any, bool) {
	el, ok := c.index[k]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(el)
	return el.Value.(*pair).v, true
}

func (c *Cache) Save(k string, v any) {
	if el, ok := c.index[k]; ok {
		el.Value.(*pair).v = v
		c.order.MoveToFront(el)
		return
	}
	c.index[k] = c.order.PushFront(&pair{k, v})
	if c.order.Len() > c.size {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.index, last.Value.(*pair).k)
	}
}

func Unnest(m map[string]any, at string, into map[string]any) {
	for k, v := range m {
		p := k
		if at != "" {
			p = at + "." + k
		}
		if child, ok := v.(map[string]any); ok {
			Unnest(child, p, into)
		} else {
			into[p] = v
		}
	}
}

func Numeral(n int) string {
	vals := []int{1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1}
	syms := []string{"M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"}
	var b strings.Builder
	for i, v := range vals {
		for n >= v {
			b.WriteString(syms[i])
			n -= v
		}
	}
	return b.String()
}

func Hops(adj map[string][]string, a, z string) int {
	dist := map[string]int{a: 0}
	q := []string{a}
	for len(q) > 0 {
		u := q[0]
		q = q[1:]
		if u == z {
			return dist[u]
		}
		for _, v := range adj[u] {
			if _, ok := dist[v]; !ok {
				dist[v] = dist[u] + 1
				q = append(q, v)
			}
		}
	}
	return -1
}
