package memguard

import (
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"runtime/metrics"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/ratio"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// fullFiles are what a complete sample reads, by cgroup version.
var fullFiles = map[cgroupstat.Version][]string{
	cgroupstat.V1: {
		"memory.usage_in_bytes", "memory.stat", "memory.kmem.usage_in_bytes", "memory.kmem.tcp.usage_in_bytes",
		"memory.max_usage_in_bytes", "memory.failcnt", "memory.memsw.failcnt", "memory.oom_control",
	},
	cgroupstat.V2: {"memory.current", "memory.stat", "memory.swap.current", "memory.peak", "memory.events", "memory.pressure"},
}

// BenchmarkFull puts a complete sample beside the bare reads it is made of:
// one pread for each file and one metrics.Read.
func BenchmarkFull(b *testing.B) {
	s, missing := openSource(cgroupstat.Locate)
	defer s.close()
	if s.scope != sample.Cgroup {
		b.Skip(missing)
	}
	fault := func(p part, err error) {
		if err != nil {
			b.Fatal(p, err)
		}
	}
	loc := s.cgroup.Location()
	paths := []string{"/proc/self/status", "/proc/self/oom_score", "/proc/self/oom_score_adj"}
	for _, name := range fullFiles[loc.Version] {
		paths = append(paths, filepath.Join(loc.Levels[0], name))
	}
	var fds []int
	for _, path := range paths {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			b.Fatal(err)
		}
		defer unix.Close(fd)
		fds = append(fds, fd)
	}
	samples := runtimeSamples()
	buf := make([]byte, 16<<10)
	var dst sample.Sample
	ratio.Bench(b, func() { s.full(&dst, fault) }, func() {
		for _, fd := range fds {
			if _, err := unix.Pread(fd, buf, 0); err != nil {
				b.Fatal(err)
			}
		}
		metrics.Read(samples)
	})
}

// runtimeSamples are the memory, GC, scheduler and CPU metrics a sample holds.
func runtimeSamples() []metrics.Sample {
	var out []metrics.Sample
	for _, name := range []string{
		"/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes", "/memory/classes/heap/free:bytes",
		"/memory/classes/heap/released:bytes", "/memory/classes/heap/stacks:bytes", "/memory/classes/os-stacks:bytes",
		"/memory/classes/metadata/mspan/inuse:bytes", "/memory/classes/metadata/mspan/free:bytes",
		"/memory/classes/metadata/mcache/inuse:bytes", "/memory/classes/metadata/mcache/free:bytes",
		"/memory/classes/metadata/other:bytes", "/memory/classes/profiling/buckets:bytes", "/memory/classes/other:bytes",
		"/memory/classes/total:bytes", "/gc/heap/live:bytes", "/gc/heap/goal:bytes", "/gc/gomemlimit:bytes",
		"/gc/cycles/total:gc-cycles", "/gc/limiter/last-enabled:gc-cycle", "/cpu/classes/gc/total:cpu-seconds",
		"/cpu/classes/total:cpu-seconds", "/sched/goroutines:goroutines",
	} {
		out = append(out, metrics.Sample{Name: name})
	}
	return out
}

// BenchmarkTick is what watching costs between complete samples: the usage
// reading and the decision.
func BenchmarkTick(b *testing.B) {
	s := resolve([]Option{WithDumpDir(b.TempDir()), WithLogger(slog.New(slog.DiscardHandler)), WithThresholds(Bytes(1 << 45))}, env(nil))
	g, err := newGuard(s)
	if err != nil {
		b.Fatal(err)
	}
	if err := g.Stop(); err != nil {
		b.Fatal(err)
	}
	source, _ := openSource(s.locate)
	defer source.close()
	g.sampler.source = source
	g.sampler.lastFull = 1 << 62 // no complete sample is due
	b.ReportAllocs()
	for b.Loop() {
		g.sampler.tick()
	}
}

// BenchmarkPublish is the hand-over of a sample to readers.
func BenchmarkPublish(b *testing.B) {
	var p published
	var s sample.Sample
	b.Run("store", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.store(&s)
		}
	})
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = p.load()
		}
	})
}

// BenchmarkSnapshot is what a reader pays.
func BenchmarkSnapshot(b *testing.B) {
	g, err := newGuard(resolve([]Option{WithDumpDir(b.TempDir()), WithLogger(slog.New(slog.DiscardHandler))}, env(nil)))
	if err != nil {
		b.Fatal(err)
	}
	defer g.Stop()
	b.ReportAllocs()
	for b.Loop() {
		_ = g.Snapshot()
	}
}
