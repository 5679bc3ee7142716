package blackbox

import "sync/atomic"

// waiting is how many records wait while the volume does not answer; what
// comes then is counted and lost.
const waiting = 256

// queue hands records from one goroutine to another without a lock, so that
// one who is descheduled keeps nobody waiting. Only the first calls next and
// push, only the second front and pop.
type queue struct {
	wake    chan struct{}
	pushed  atomic.Uint64
	dropped atomic.Uint64
	_       [64]byte // the two sides write to cache lines of their own
	popped  atomic.Uint64
	_       [64]byte
	records [waiting]Record
}

// next is the place for a new record; nil: there is none.
func (q *queue) next() *Record {
	at := q.pushed.Load()
	if at-q.popped.Load() == waiting {
		q.dropped.Add(1)
		return nil
	}
	return &q.records[at%waiting]
}

// push hands over what was put into next.
func (q *queue) push() {
	q.pushed.Add(1)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// front is the oldest record; nil: there is none.
func (q *queue) front() *Record {
	at := q.popped.Load()
	if at == q.pushed.Load() {
		return nil
	}
	return &q.records[at%waiting]
}

// pop gives the place of front back.
func (q *queue) pop() { q.popped.Add(1) }
