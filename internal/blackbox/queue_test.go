package blackbox

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// Whoever takes records out and goes to sleep is woken for the next one, however
// the two meet: none stays behind, and their order is kept.
func TestQueueLosesNoWakeUp(t *testing.T) {
	q := queue{wake: make(chan struct{}, 1)}
	const n = 200_000
	var wg sync.WaitGroup
	wg.Go(func() {
		for seq := uint64(1); seq <= n; {
			r := q.next()
			if r == nil {
				runtime.Gosched()
				continue
			}
			r.setEvent(seq, time.Time{}, Spike, seq, 0)
			q.push()
			if seq%3 == 0 {
				runtime.Gosched() // So that the other side comes to the end.
			}
			seq++
		}
	})
	for want := uint64(1); want <= n; {
		for !q.sleep() {
			for r := q.front(); r != nil; r = q.front() {
				if r.Seq() != want {
					t.Fatalf("record %d, want %d", r.Seq(), want)
				}
				want++
				q.pop()
			}
		}
		if want <= n {
			<-q.wake // For ever, if a wake-up were lost.
		}
	}
	wg.Wait()
}
