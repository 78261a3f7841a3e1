package coordinator

import "gregor/internal/model"

// parked is the operations that wait for the high watermark, in the order of
// their records. Some at the front may have been answered, because they waited
// for too long.
type parked[M Machine] struct {
	list    []parkedOp[M]
	head    int
	expired int // how many from head on are answered
}

type parkedOp[M Machine] struct {
	op    op[M]
	at    model.Offset // what the high watermark must reach
	since model.Millis
}

func (p *parked[M]) empty() bool { return p.head == len(p.list) }

func (p *parked[M]) add(o *op[M], at model.Offset, now model.Millis) {
	if p.empty() {
		p.list, p.head, p.expired = p.list[:0], 0, 0
	}
	p.list = append(p.list, parkedOp[M]{*o, at, now})
}

// first is the offset that the oldest waits for.
func (p *parked[M]) first() model.Offset { return p.list[p.head].at }

// release answers all that wait for an offset up to hw.
func (p *parked[M]) release(hw model.Offset, complete func(*op[M], error)) {
	for !p.empty() && p.list[p.head].at <= hw {
		p.pop(nil, complete)
	}
	p.shrink()
}

// pop takes the oldest out and answers it, unless it has its answer.
func (p *parked[M]) pop(err error, complete func(*op[M], error)) {
	o := p.list[p.head].op
	p.list[p.head] = parkedOp[M]{}
	p.head++
	if p.expired > 0 {
		p.expired--
		return
	}
	complete(&o, err)
}

func (p *parked[M]) shrink() {
	switch {
	case p.empty() && cap(p.list) > keepQueue:
		*p = parked[M]{}
	case p.empty():
		*p = parked[M]{list: p.list[:0]}
	case p.head > keepQueue && p.head > len(p.list)/2:
		n := copy(p.list, p.list[p.head:])
		clear(p.list[n:])
		p.list, p.head = p.list[:n], 0
	}
}

// deadline is when the oldest that has no answer has waited for timeout.
func (p *parked[M]) deadline(timeout model.Millis) model.Millis {
	if i := p.head + p.expired; i < len(p.list) {
		return p.list[i].since + timeout
	}
	return never
}

// expire answers those that have waited for timeout and reports whether there
// were any.
func (p *parked[M]) expire(now, timeout model.Millis, complete func(*op[M], error)) bool {
	any := false
	for p.deadline(timeout) <= now {
		o := &p.list[p.head+p.expired].op
		p.expired++
		complete(o, errTimeout)
		*o = op[M]{}
		any = true
	}
	return any
}

// failAll answers all with err.
func (p *parked[M]) failAll(err error, complete func(*op[M], error)) {
	for !p.empty() {
		p.pop(err, complete)
	}
	p.shrink()
}
