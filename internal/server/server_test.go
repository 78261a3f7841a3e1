package server

import "testing"

func TestAnswersInOrder(t *testing.T) {
	h := &toy{}
	c := dial(t, start(t, h, nil))
	c.send("ea")
	c.expect("a")
	c.send("eb", "l1", "ec", "s", "l2", "ed")
	c.expect("b")
	waitFor(t, "two holes", func() bool { _, p := h.count(); return p == 2 })
	h.answer(1, nil)
	h.answer(0, nil)
	c.expect("1", "c", "2", "d")
}
