package memguard

import (
	"sync"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

func TestPublishedConcurrentSafe(t *testing.T) {
	var p published
	if s := p.load(); s != (sample.Sample{}) {
		t.Errorf("before the first: %+v", s)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			last := int64(0)
			for {
				s := p.load()
				// First and last field of one sample, and none older than the one before.
				if s.Usage.Or(0) != uint64(s.UnixNano) || s.Go.Goroutines != uint64(s.UnixNano) || s.UnixNano < last {
					t.Errorf("torn: time %d, usage %v, goroutines %d, before %d", s.UnixNano, s.Usage, s.Go.Goroutines, last)
					return
				}
				last = s.UnixNano
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 20000 {
		var s sample.Sample
		s.UnixNano, s.Usage, s.Go.Goroutines = int64(i), cgroupstat.Of(uint64(i)), uint64(i)
		p.store(&s)
	}
	close(done)
	wg.Wait()
}
