package cgroupstat

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/internal/ratio"
)

// ownReader reads the cgroup of this process.
func ownReader(b *testing.B) *Reader {
	b.Helper()
	l, err := Locate()
	if err != nil {
		b.Skip(err)
	}
	r := open(b, l)
	if _, err := r.Usage(); err != nil {
		b.Skip(err)
	}
	return r
}

// bare is a pread of each file into one buffer, without a look at it.
func bare(b *testing.B, r *Reader, names ...string) func() {
	b.Helper()
	var fds []int
	for _, name := range names {
		f, err := openFile(filepath.Join(r.Location().Levels[0], name), true)
		if err != nil {
			b.Fatal(err)
		}
		if f.exists() {
			b.Cleanup(func() { _ = f.close() })
			fds = append(fds, f.fd)
		}
	}
	buf := make([]byte, bufferSize)
	return func() {
		for _, fd := range fds {
			if _, err := unix.Pread(fd, buf, 0); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkUsage(b *testing.B) {
	r := ownReader(b)
	name := map[Version]string{V1: "memory.usage_in_bytes", V2: "memory.current"}[r.Location().Version]
	ratio.Bench(b, func() {
		if _, err := r.Usage(); err != nil {
			b.Fatal(err)
		}
	}, bare(b, r, name))
}

func BenchmarkStat(b *testing.B) {
	r := ownReader(b)
	names := []string{"memory.stat", "memory.swap.current"}
	if r.Location().Version == V1 {
		names = []string{"memory.stat", "memory.kmem.usage_in_bytes", "memory.kmem.tcp.usage_in_bytes"}
	}
	var s Stat
	ratio.Bench(b, func() {
		if err := r.Stat(&s); err != nil {
			b.Fatal(err)
		}
	}, bare(b, r, names...))
}

func BenchmarkLimits(b *testing.B) {
	r := ownReader(b)
	var l Limits
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Limits(&l); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseStat is the part of Stat that is not the kernel's.
func BenchmarkParseStat(b *testing.B) {
	for _, c := range statTexts {
		b.Run(c.name, func(b *testing.B) {
			p, text := newStatParser(c.version), []byte(c.text)
			var s Stat
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if err := p.parse(text, &s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
