package cgroupstat_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

func writeNumber(t *testing.T, n int64, elem ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(elem...), strconv.AppendInt(nil, n, 10), 0o644); err != nil {
		t.Fatal(err)
	}
}

func limitsOf(t *testing.T, r *cgroupstat.Reader) cgroupstat.Limits {
	t.Helper()
	var l cgroupstat.Limits
	if err := r.Limits(&l); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestKernelSwapLimit(t *testing.T) {
	g := kerneltest.NewGroup(t, 64*mebi)
	r := openAt(t, cgroupstat.At(g.Version, g.Dir))
	file, memory := filepath.Join(g.Dir, "memory.swap.max"), int64(0)
	if g.Version == cgroupstat.V1 {
		file, memory = filepath.Join(g.Dir, "memory.memsw.limit_in_bytes"), 64*mebi
	}
	if _, err := os.Stat(file); err != nil {
		if got := limitsOf(t, r).Swap; got != (cgroupstat.Limit{}) {
			t.Errorf("got %+v from a kernel without %s", got, file)
		}
		return
	}
	for _, swap := range []int64{0, 16 * mebi} {
		writeNumber(t, memory+swap, file)
		want := cgroupstat.Limit{Bytes: cgroupstat.Of(uint64(swap)), File: file}
		if got := limitsOf(t, r).Swap; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestKernelHigh(t *testing.T) {
	outer := kerneltest.NewGroup(t, 64*mebi)
	inner := outer.Sub(t, -1)
	r := openAt(t, cgroupstat.At(inner.Version, inner.Dir, outer.Dir))
	if got := limitsOf(t, r).High; got != (cgroupstat.Limit{}) {
		t.Errorf("got %+v, want none", got)
	}
	if inner.Version == cgroupstat.V1 {
		return // It has none.
	}
	writeNumber(t, 48*mebi, outer.Dir, "memory.high")
	want := cgroupstat.Limit{Bytes: cgroupstat.Of(48 * mebi), Level: 1, File: filepath.Join(outer.Dir, "memory.high")}
	if got := limitsOf(t, r); got.High != want || got.Max.Bytes != cgroupstat.Of(64*mebi) {
		t.Errorf("got %+v, want high %+v", got, want)
	}
}

// On the real files, which are longer than those of the tests without a kernel.
func TestKernelReadsDoNotAllocate(t *testing.T) {
	outer := kerneltest.NewGroup(t, 64*mebi)
	inner := outer.Sub(t, -1)
	r := openAt(t, cgroupstat.At(inner.Version, inner.Dir, outer.Dir))
	var (
		stat     cgroupstat.Stat
		limits   cgroupstat.Limits
		events   cgroupstat.Events
		pressure cgroupstat.Pressure
	)
	for what, read := range map[string]func() error{
		"Usage":    func() error { _, err := r.Usage(); return err },
		"Stat":     func() error { return r.Stat(&stat) },
		"Limits":   func() error { return r.Limits(&limits) },
		"Events":   func() error { return r.Events(&events) },
		"Peak":     func() error { _, err := r.Peak(); return err },
		"Pressure": func() error { _, err := r.Pressure(&pressure); return err },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := read(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}
