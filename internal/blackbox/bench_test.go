package blackbox

import (
	"runtime"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

func benchSample() sample.Sample {
	var s sample.Sample
	s.UnixNano, s.Since, s.Scope = time.Now().UnixNano(), time.Minute, sample.Cgroup
	s.Usage, s.Limit, s.Peak = cgroupstat.Of(100<<20), cgroupstat.Of(256<<20), cgroupstat.Of(120<<20)
	for k := range cgroupstat.Key(50) {
		s.Stat.Set(k, uint64(k)<<20)
	}
	return s
}

func benchBox(b *testing.B) *Box {
	bb := New(Options{Dir: b.TempDir(), Header: Header{Run: NewRun(time.Now(), 1)}, Bytes: DefaultBytes, Fault: func(error) {}})
	if !Supported {
		b.Skip("no black box on this system")
	}
	if err := bb.Open(); err != nil {
		b.Fatal(err)
	}
	go bb.Run(b.Context())
	b.Cleanup(func() {
		if n := bb.Dropped(); n > 0 {
			b.Errorf("%d records dropped: those cost less", n)
		}
	})
	return bb
}

// written waits until the other side has nothing left to do, and sleeps.
func (b *Box) written() {
	for !b.queue.asleep.Load() || b.queue.out.done.Load() != b.queue.in.done.Load() {
		runtime.Gosched()
	}
}

// BenchmarkSample is what the sampler pays for a record, in bursts that fit
// the queue, while a goroutine writes them to the file.
func BenchmarkSample(b *testing.B) {
	bb, s := benchBox(b), benchSample()
	var spent time.Duration
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		begin := time.Now()
		for range waiting {
			s.UnixNano += int64(5 * time.Millisecond)
			bb.Sample(&s, Full)
		}
		spent += time.Since(begin)
		bb.written()
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/waiting, "ns/record")
}

// BenchmarkSampleWakes is the same with one record at a time: the goroutine
// that writes is asleep and woken for each, which costs more than the record.
// What reading the clock takes is not counted.
func BenchmarkSampleWakes(b *testing.B) {
	bb, s := benchBox(b), benchSample()
	var spent, clock time.Duration
	b.ReportAllocs()
	for b.Loop() {
		s.UnixNano += int64(5 * time.Millisecond)
		begin := time.Now()
		clock += time.Since(begin)
		begin = time.Now()
		bb.Sample(&s, Full)
		spent += time.Since(begin)
		bb.written()
	}
	b.ReportMetric(float64((spent-clock).Nanoseconds())/float64(b.N), "ns/record-and-wake")
}

func BenchmarkEncode(b *testing.B) {
	s := benchSample()
	var r Record
	b.ReportAllocs()
	for b.Loop() {
		r.setSample(1, &s, Full)
	}
}
