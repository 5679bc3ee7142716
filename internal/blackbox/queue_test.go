package blackbox

import (
	"sync"
	"testing"
	"time"
)

// Whoever takes records out and goes to sleep is woken for the next one, however
// the two meet: every third record is waited for, as if it were the last.
func TestQueueLosesNoWakeUp(t *testing.T) {
	q := newQueue()
	const n = 60_000
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		want := uint64(1)
		for {
			if !q.sleep() {
				q.again()
			}
			select {
			case <-done:
				return
			case <-q.wake:
			}
			for r := q.front(); r != nil; r = q.front() {
				if r.Seq() != want {
					t.Errorf("record %d, want %d", r.Seq(), want)
				}
				want++
				q.pop()
			}
		}
	})
	deadline := time.Now().Add(time.Minute)
	for seq := uint64(1); seq <= n && !t.Failed(); seq++ {
		r := q.next()
		if r == nil {
			t.Error("no room, though two records wait at most")
			break // The other side ends, too.
		}
		r.setEvent(seq, time.Time{}, Spike, seq, 0)
		q.push()
		for spins := 0; seq%3 == 0 && q.out.done.Load() != seq; spins++ {
			if spins%1000 == 999 && time.Now().After(deadline) {
				t.Errorf("record %d was not taken out", seq)
				break
			}
		}
	}
	close(done)
	wg.Wait()
}
