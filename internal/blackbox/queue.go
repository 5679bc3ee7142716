package blackbox

import "sync/atomic"

// waiting is how many records wait while the volume does not answer; what
// comes then is counted and lost.
const waiting = 256

// line keeps what one side writes to out of the other's cache line.
type line [64]byte

// queue hands records from one goroutine to another without a lock, so that
// one who is descheduled keeps nobody waiting. Each side looks at the other's
// count only when the one it saw last does not do: a line that the other
// writes to costs as much as a whole record.
type queue struct {
	wake    chan struct{}
	dropped atomic.Uint64
	_       line
	in      side // of next and push
	_       line
	out     side // of front and pop, and of sleep
	_       line
	asleep  atomic.Bool
	_       line
	records *[waiting]place
}

func newQueue() queue {
	// An allocation of its own begins with a line.
	return queue{wake: make(chan struct{}, 1), records: new([waiting]place)}
}

// side is how far one of the two has come, and the other when it last looked.
type side struct {
	done   atomic.Uint64
	at     uint64 // done, for itself
	others uint64
}

// place is a record in lines of its own.
type place struct {
	Record
	_ [3*len(line{}) - recordBytes]byte
}

// next is the place for a new record; nil: there is none.
func (q *queue) next() *Record {
	in := &q.in
	if in.at-in.others == waiting {
		if in.others = q.out.done.Load(); in.at-in.others == waiting {
			q.dropped.Add(1)
			return nil
		}
	}
	return &q.records[in.at%waiting].Record
}

// push hands over what was put into next.
func (q *queue) push() {
	q.in.at++
	q.in.done.Store(q.in.at)
	if q.asleep.Load() && q.asleep.CompareAndSwap(true, false) {
		q.again()
	}
}

// again has the other side look, now or when it next would sleep.
func (q *queue) again() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// front is the oldest record; nil: there is none.
func (q *queue) front() *Record {
	out := &q.out
	if out.at == out.others {
		if out.others = q.in.done.Load(); out.at == out.others {
			return nil
		}
	}
	return &q.records[out.at%waiting].Record
}

// pop gives the place of front back.
func (q *queue) pop() {
	q.out.at++
	q.out.done.Store(q.out.at)
}

// sleep says that the next push has to wake; false: something came before.
func (q *queue) sleep() bool {
	q.asleep.Store(true)
	if q.front() == nil {
		return true
	}
	q.asleep.Store(false)
	return false
}
