package heapprofile

import (
	"io"
	"runtime"
	"runtime/pprof"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/ratio"
)

// ordinary samples as a program does: the tests sample everything, and then
// runtime/pprof is busy with records of its own allocations.
func ordinary(b *testing.B) {
	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 512 << 10
	b.Cleanup(func() { runtime.MemProfileRate = rate })
}

// heaps are of programs with few functions and with thousands.
var heaps = map[string]func(testing.TB, int){"few functions": manyStacks, "many functions": manyFunctions}

func BenchmarkHeap(b *testing.B) {
	for name, fill := range heaps {
		b.Run(name, func(b *testing.B) {
			defer func() { kept = nil }()
			fill(b, 30_000)
			ordinary(b)
			e := New()
			e.Prepare(Records() + 1000)
			theirs := func() {
				if err := pprof.WriteHeapProfile(io.Discard); err != nil {
					b.Fatal(err)
				}
			}
			for name, ours := range map[string]func(io.Writer) error{
				"addresses":  e.Addresses,
				"symbolized": func(w io.Writer) error { return New().Symbolized(w) },
			} {
				b.Run(name, func(b *testing.B) {
					ratio.Bench(b, func() {
						if err := ours(io.Discard); err != nil {
							b.Fatal(err)
						}
					}, theirs)
				})
			}
		})
	}
}

// BenchmarkAlone shows what each way allocates.
func BenchmarkAlone(b *testing.B) {
	for name, fill := range heaps {
		b.Run(name, func(b *testing.B) {
			defer func() { kept = nil }()
			fill(b, 30_000)
			ordinary(b)
			e := New()
			e.Prepare(Records() + 1000)
			for name, write := range map[string]func(io.Writer) error{
				"addresses":     e.Addresses,
				"symbolized":    func(w io.Writer) error { return New().Symbolized(w) },
				"runtime/pprof": pprof.WriteHeapProfile,
			} {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					var n counter
					for b.Loop() {
						n = 0
						if err := write(&n); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(n), "file-bytes")
				})
			}
		})
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }
