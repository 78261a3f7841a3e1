package metadata

import "iter"

// degree is half the fan-out of the trees: nodes but the root hold degree-1 to
// 2*degree-1 entries. At 16, ten thousand topics make three levels.
const degree = 16

const maxItems = 2*degree - 1

// tree is a persistent ordered map, a B-tree. Copying the struct is a snapshot
// of the map; set and del copy the nodes that the edit does not own and leave
// every snapshot as it was.
//
// Ordered rather than hashed, because DescribeTopicPartitions pages by name
// and because a simulation must iterate alike in each run.
type tree[K, V any] struct {
	cmp  func(K, K) int
	root *node[K, V]
	len  int
}

// edit is the identity of one writer: nodes it made it may change in place.
// It ends when the tree is published; a new edit owns nothing.
type edit struct{ _ byte }

type node[K, V any] struct {
	owner *edit
	keys  []K
	vals  []V
	kids  []*node[K, V] // none in a leaf, else len(keys)+1
}

// search is the position of the first key >= k, and whether it is k.
func (n *node[K, V]) search(cmp func(K, K) int, k K) (int, bool) {
	lo, hi := 0, len(n.keys)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch c := cmp(n.keys[mid], k); {
		case c == 0:
			return mid, true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

func (t tree[K, V]) get(k K) (V, bool) {
	for n := t.root; n != nil; {
		i, ok := n.search(t.cmp, k)
		if ok {
			return n.vals[i], true
		}
		if n.kids == nil {
			break
		}
		n = n.kids[i]
	}
	var zero V
	return zero, false
}

// own is n itself if e made it, else a copy that e owns.
func (n *node[K, V]) own(e *edit) *node[K, V] {
	if n.owner == e {
		return n
	}
	c := &node[K, V]{owner: e, keys: make([]K, len(n.keys), maxItems), vals: make([]V, len(n.vals), maxItems)}
	copy(c.keys, n.keys)
	copy(c.vals, n.vals)
	if n.kids != nil {
		c.kids = make([]*node[K, V], len(n.kids), maxItems+1)
		copy(c.kids, n.kids)
	}
	return c
}

func insertAt[T any](s []T, i int, v T) []T {
	var zero T
	s = append(s, zero)
	copy(s[i+1:], s[i:])
	s[i] = v
	return s
}

func removeAt[T any](s []T, i int) ([]T, T) {
	v := s[i]
	copy(s[i:], s[i+1:])
	var zero T
	s[len(s)-1] = zero
	return s[:len(s)-1], v
}

func cutTail[T any](s []T, i int) (head, tail []T) {
	tail = make([]T, len(s)-i, cap(s))
	copy(tail, s[i:])
	clear(s[i:])
	return s[:i], tail
}

// split halves the full child i; n and the child are owned.
func (n *node[K, V]) split(e *edit, i int) {
	c := n.kids[i].own(e)
	r := &node[K, V]{owner: e}
	c.keys, r.keys = cutTail(c.keys, degree)
	c.vals, r.vals = cutTail(c.vals, degree)
	if c.kids != nil {
		c.kids, r.kids = cutTail(c.kids, degree)
	}
	var k K
	var v V
	c.keys, k = removeAt(c.keys, degree-1)
	c.vals, v = removeAt(c.vals, degree-1)
	n.keys, n.vals = insertAt(n.keys, i, k), insertAt(n.vals, i, v)
	n.kids[i] = c
	n.kids = insertAt(n.kids, i+1, r)
}

// set puts v under k.
func (t *tree[K, V]) set(e *edit, k K, v V) {
	if t.root == nil {
		t.root = &node[K, V]{owner: e}
	}
	t.root = t.root.own(e)
	if len(t.root.keys) >= maxItems {
		t.root = &node[K, V]{owner: e, kids: []*node[K, V]{t.root}}
		t.root.split(e, 0)
	}
	n := t.root
	for {
		i, ok := n.search(t.cmp, k)
		if ok {
			n.keys[i], n.vals[i] = k, v
			return
		}
		if n.kids == nil {
			n.keys, n.vals = insertAt(n.keys, i, k), insertAt(n.vals, i, v)
			t.len++
			return
		}
		if len(n.kids[i].keys) >= maxItems {
			n.split(e, i)
			switch c := t.cmp(k, n.keys[i]); {
			case c == 0:
				n.keys[i], n.vals[i] = k, v
				return
			case c > 0:
				i++
			}
		}
		n.kids[i] = n.kids[i].own(e)
		n = n.kids[i]
	}
}

// del removes k; it reports whether it was there.
func (t *tree[K, V]) del(e *edit, k K) bool {
	if _, ok := t.get(k); !ok {
		return false
	}
	t.root = t.root.own(e)
	t.root.del(e, t.cmp, k)
	if len(t.root.keys) == 0 {
		if t.root.kids == nil {
			t.root = nil
		} else {
			t.root = t.root.kids[0]
		}
	}
	t.len--
	return true
}

// del removes k, which is below n. *Invariant:* n is owned and, unless it is
// the root, holds at least degree entries.
func (n *node[K, V]) del(e *edit, cmp func(K, K) int, k K) {
	i, ok := n.search(cmp, k)
	if n.kids == nil {
		n.keys, _ = removeAt(n.keys, i)
		n.vals, _ = removeAt(n.vals, i)
		return
	}
	if ok {
		switch {
		case len(n.kids[i].keys) >= degree:
			n.kids[i] = n.kids[i].own(e)
			n.keys[i], n.vals[i] = n.kids[i].popMax(e)
		case len(n.kids[i+1].keys) >= degree:
			n.kids[i+1] = n.kids[i+1].own(e)
			n.keys[i], n.vals[i] = n.kids[i+1].popMin(e)
		default:
			n.merge(e, i)
			n.kids[i].del(e, cmp, k)
		}
		return
	}
	i = n.fill(e, i)
	n.kids[i].del(e, cmp, k)
}

func (n *node[K, V]) popMax(e *edit) (k K, v V) {
	if n.kids == nil {
		n.keys, k = removeAt(n.keys, len(n.keys)-1)
		n.vals, v = removeAt(n.vals, len(n.vals)-1)
		return k, v
	}
	return n.kids[n.fill(e, len(n.kids)-1)].popMax(e)
}

func (n *node[K, V]) popMin(e *edit) (k K, v V) {
	if n.kids == nil {
		n.keys, k = removeAt(n.keys, 0)
		n.vals, v = removeAt(n.vals, 0)
		return k, v
	}
	return n.kids[n.fill(e, 0)].popMin(e)
}

// fill makes child i owned and at least degree entries strong, so that one can
// be taken from it; it returns where the child is then.
func (n *node[K, V]) fill(e *edit, i int) int {
	n.kids[i] = n.kids[i].own(e)
	c := n.kids[i]
	switch {
	case len(c.keys) >= degree:
	case i > 0 && len(n.kids[i-1].keys) >= degree:
		l := n.kids[i-1].own(e)
		n.kids[i-1] = l
		c.keys, c.vals = insertAt(c.keys, 0, n.keys[i-1]), insertAt(c.vals, 0, n.vals[i-1])
		l.keys, n.keys[i-1] = removeAt(l.keys, len(l.keys)-1)
		l.vals, n.vals[i-1] = removeAt(l.vals, len(l.vals)-1)
		if c.kids != nil {
			var kid *node[K, V]
			l.kids, kid = removeAt(l.kids, len(l.kids)-1)
			c.kids = insertAt(c.kids, 0, kid)
		}
	case i < len(n.keys) && len(n.kids[i+1].keys) >= degree:
		r := n.kids[i+1].own(e)
		n.kids[i+1] = r
		c.keys, c.vals = append(c.keys, n.keys[i]), append(c.vals, n.vals[i])
		r.keys, n.keys[i] = removeAt(r.keys, 0)
		r.vals, n.vals[i] = removeAt(r.vals, 0)
		if c.kids != nil {
			var kid *node[K, V]
			r.kids, kid = removeAt(r.kids, 0)
			c.kids = append(c.kids, kid)
		}
	case i > 0:
		n.merge(e, i-1)
		return i - 1
	default:
		n.merge(e, i)
	}
	return i
}

// merge joins child i, the entry i and child i+1.
func (n *node[K, V]) merge(e *edit, i int) {
	l, r := n.kids[i].own(e), n.kids[i+1]
	var k K
	var v V
	n.keys, k = removeAt(n.keys, i)
	n.vals, v = removeAt(n.vals, i)
	n.kids, _ = removeAt(n.kids, i+1)
	n.kids[i] = l
	l.keys = append(append(l.keys, k), r.keys...)
	l.vals = append(append(l.vals, v), r.vals...)
	if l.kids != nil {
		l.kids = append(l.kids, r.kids...)
	}
}

// all iterates in order.
func (t tree[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { t.root.each(yield) }
}

func (n *node[K, V]) each(yield func(K, V) bool) bool {
	if n == nil {
		return true
	}
	for i := range n.keys {
		if n.kids != nil && !n.kids[i].each(yield) || !yield(n.keys[i], n.vals[i]) {
			return false
		}
	}
	return n.kids == nil || n.kids[len(n.keys)].each(yield)
}

// from iterates in order over the keys >= k.
func (t tree[K, V]) from(k K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { t.root.eachFrom(t.cmp, k, yield) }
}

func (n *node[K, V]) eachFrom(cmp func(K, K) int, k K, yield func(K, V) bool) bool {
	if n == nil {
		return true
	}
	i, ok := n.search(cmp, k)
	if !ok && n.kids != nil && !n.kids[i].eachFrom(cmp, k, yield) {
		return false
	}
	for ; i < len(n.keys); i++ {
		if !yield(n.keys[i], n.vals[i]) || n.kids != nil && !n.kids[i+1].each(yield) {
			return false
		}
	}
	return true
}
