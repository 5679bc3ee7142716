// Package ratio compares two ways to do the same in one benchmark run. Both
// are timed in turns, so that whatever else the machine does hits them alike.
// Only tests import it.
package ratio

import (
	"slices"
	"testing"
	"time"
)

// batch is how often a way runs between two looks at the clock: reading the
// clock costs about as much as a short system call.
const batch = 16

// kept is how many batches the median is taken of; made before the loop, so
// that only what is measured counts as allocated.
const kept = 1 << 16

// Bench times ours and theirs in turns and reports, beside the usual, the
// median time of each in nanoseconds and the ratio ours/theirs.
func Bench(b *testing.B, ours, theirs func()) {
	b.Helper()
	b.ReportAllocs()
	a, c := make([]time.Duration, 0, kept), make([]time.Duration, 0, kept)
	for b.Loop() {
		if len(a) == kept {
			a, c = a[:0], c[:0] // A long run keeps its last part.
		}
		a = append(a, timed(ours))
		c = append(c, timed(theirs))
	}
	b.StopTimer()
	b.ReportMetric(float64(median(a))/batch, "ns/ours")
	b.ReportMetric(float64(median(c))/batch, "ns/theirs")
	b.ReportMetric(float64(median(a))/float64(max(1, median(c))), "ratio")
}

func timed(f func()) time.Duration {
	begin := time.Now()
	for range batch {
		f()
	}
	return time.Since(begin)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
