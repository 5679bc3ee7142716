package cgroupstat_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

func TestKernelNestedLimits(t *testing.T) {
	outer := kerneltest.NewGroup(t, 256*mebi)
	inner := outer.Sub(t, 64*mebi)
	r := openAt(t, cgroupstat.At(inner.Version, inner.Dir, outer.Dir))
	of := cgroupstat.Of

	wantLimit(t, r, cgroupstat.Limit{Bytes: of(64 * mebi), Level: 0, File: limitFile(inner)})
	inner.SetLimit(t, 128*mebi)
	wantLimit(t, r, cgroupstat.Limit{Bytes: of(128 * mebi), Level: 0, File: limitFile(inner)})
	inner.SetLimit(t, -1)
	wantLimit(t, r, cgroupstat.Limit{Bytes: of(256 * mebi), Level: 1, File: limitFile(outer)})
	inner.SetLimit(t, 256*mebi)
	wantLimit(t, r, cgroupstat.Limit{Bytes: of(256 * mebi), Level: 1, File: limitFile(outer)})
	outer.SetLimit(t, 32*mebi)
	wantLimit(t, r, cgroupstat.Limit{Bytes: of(32 * mebi), Level: 1, File: limitFile(outer)})
}

// A container sees its own level only; v1 tells of those above.
func TestKernelInvisibleLimit(t *testing.T) {
	outer := kerneltest.NewGroup(t, 48*mebi)
	inner := outer.Sub(t, -1)
	r := openAt(t, cgroupstat.At(inner.Version, inner.Dir))
	want := cgroupstat.Limit{}
	if inner.Version == cgroupstat.V1 {
		want = cgroupstat.Limit{
			Bytes: cgroupstat.Of(48 * mebi), File: filepath.Join(inner.Dir, "memory.stat"), Key: "hierarchical_memory_limit",
		}
	}
	wantLimit(t, r, want)
}

func TestKernelLocate(t *testing.T) {
	outer := kerneltest.NewGroup(t, 256*mebi)
	inner := outer.Sub(t, -1)
	l, end := startChild(t, inner, 0)
	defer end()
	if l.Version != inner.Version || len(l.Levels) < 2 || l.Levels[0] != inner.Dir || l.Levels[1] != outer.Dir {
		t.Fatalf("got %+v, want %s below %s", l, inner.Dir, outer.Dir)
	}
	if top := l.Levels[len(l.Levels)-1]; top != l.Mount {
		t.Errorf("the topmost level is %s, not the mount point %s", top, l.Mount)
	}
	r := openAt(t, l)
	wantLimit(t, r, cgroupstat.Limit{Bytes: cgroupstat.Of(256 * mebi), Level: 1, File: limitFile(outer)})
	if err := r.Select(1); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Usage(); err != nil || n == 0 {
		t.Errorf("usage of the outer group %d, %v", n, err)
	}
}

// What the Reader says is what the files say, of a group that rests.
func TestKernelReadsWhatTheFilesSay(t *testing.T) {
	g := kerneltest.NewGroup(t, 128*mebi)
	_, end := startChild(t, g, 20)
	defer end()
	r := openAt(t, cgroupstat.At(g.Version, g.Dir))

	var s cgroupstat.Stat
	var texts map[string]string
	until(t, "rest", func() bool {
		before := readAll(t, g.Dir)
		n, err := r.Usage()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Stat(&s); err != nil {
			t.Fatal(err)
		}
		texts = readAll(t, g.Dir)
		return texts["memory.stat"] == before["memory.stat"] && texts["usage"] == before["usage"] &&
			texts["usage"] == strconv.FormatUint(n, 10)
	})

	lines := map[string]string{}
	for line := range strings.Lines(texts["memory.stat"]) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		lines[name] = number
	}
	present := 0
	for _, k := range cgroupstat.Keys() {
		name := k.Info().Name
		if g.Version == cgroupstat.V1 {
			name = k.Info().V1
		}
		want, ok := lines[name]
		if !ok && name != "" {
			want, ok = texts[name]
		}
		if !ok && k == cgroupstat.Swap {
			want, ok = texts["memory.swap.current"]
		}
		if !ok {
			want = "absent"
		} else {
			present++
		}
		if got := s.Get(k).String(); got != want {
			t.Errorf("%v is %s, the kernel says %s", k, got, want)
		}
	}
	t.Logf("cgroup %v: %d keys present", g.Version, present)
	if n := s.Get(cgroupstat.Anon).Or(0); present < 18 || n < 20*mebi {
		t.Errorf("%d keys, anon %d", present, n)
	}
	for _, derived := range []func(uint64, *cgroupstat.Stat) cgroupstat.Value{cgroupstat.WorkingSet, cgroupstat.Unreclaimable} {
		usage, err := r.Usage()
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := derived(usage, &s).Get(); !ok || n > usage || n < 20*mebi {
			t.Errorf("%d of a usage of %d", n, usage)
		}
	}
	if peak, err := r.Peak(); err != nil || (!peak.IsZero() && peak.Or(0) < 20*mebi) {
		t.Errorf("peak %v, %v", peak, err)
	}
}

// readAll gives memory.* by name, without the newline; the usage as "usage" too.
func readAll(t *testing.T, dir string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, name := range []string{
		"memory.stat", "memory.current", "memory.usage_in_bytes", "memory.swap.current",
		"memory.kmem.usage_in_bytes", "memory.kmem.tcp.usage_in_bytes",
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = strings.TrimSuffix(string(text), "\n")
	}
	texts["usage"] = texts["memory.current"] + texts["memory.usage_in_bytes"]
	return texts
}

func TestKernelCountsAKill(t *testing.T) {
	g := kerneltest.NewGroup(t, 32*mebi)
	r := openAt(t, cgroupstat.At(g.Version, g.Dir))
	var before cgroupstat.Events
	if err := r.Events(&before); err != nil || before.OOMKill.Or(1) != 0 {
		t.Fatalf("%+v, %v", before, err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"=1000")
	g.Start(t, cmd)
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child took more than the limit")
	}
	var e cgroupstat.Events
	until(t, "oom_kill", func() bool {
		if err := r.Events(&e); err != nil {
			t.Fatal(err)
		}
		return e.OOMKill.Or(0) > 0
	})
	t.Logf("cgroup %v: %+v", g.Version, e)
	if g.Version == cgroupstat.V2 && (e.Max.Or(0) == 0 || e.OOM.Or(0) == 0) {
		t.Errorf("the limit was hit, but %+v", e)
	}
	// Its group has a limit of memory and swap too, and where that is met
	// first, v1 may count nothing but the kill.
	if e.Max.IsZero() {
		t.Errorf("max is absent: %+v", e)
	}
	// The kernel charges beyond the limit what a process needs to end.
	if peak, err := r.Peak(); err != nil || (!peak.IsZero() && (peak.Or(0) > 36*mebi || peak.Or(0) < 16*mebi)) {
		t.Errorf("peak %v, %v", peak, err)
	}
	var p cgroupstat.Pressure
	ok, err := r.Pressure(&p)
	if err != nil || (g.Version == cgroupstat.V1 && ok) {
		t.Errorf("pressure %v, %v", ok, err)
	}
	if ok && p.Some.Total == 0 {
		t.Errorf("there was pressure, but %+v", p)
	}
}

func TestKernelGone(t *testing.T) {
	g := kerneltest.NewGroup(t, 64*mebi)
	r := openAt(t, cgroupstat.At(g.Version, g.Dir))
	if err := os.Remove(g.Dir); err != nil {
		t.Fatal(err)
	}
	_, usage := r.Usage()
	_, peak := r.Peak()
	errs := []error{usage, r.Stat(new(cgroupstat.Stat)), r.Limits(new(cgroupstat.Limits)), r.Events(new(cgroupstat.Events)), r.Select(0)}
	if peak != nil {
		errs = append(errs, peak)
	}
	for i, err := range errs {
		var file *cgroupstat.FileError
		if !errors.Is(err, cgroupstat.ErrGone) || !errors.As(err, &file) || filepath.Dir(file.Path) != g.Dir {
			t.Errorf("%d: %v, want ErrGone", i, err)
		}
	}
	if _, err := cgroupstat.Open(r.Location()); !errors.Is(err, cgroupstat.ErrGone) {
		t.Errorf("open: %v, want ErrGone", err)
	}
}

// The root of the hierarchy: v2 has no usage there.
func TestKernelRoot(t *testing.T) {
	l, err := cgroupstat.Locate()
	if err != nil {
		kerneltest.Missing(t, "no memory cgroup: %v", err)
	}
	if _, err := os.Stat(filepath.Join(l.Mount, "memory.max")); err == nil {
		t.Skipf("%s is not the root of the hierarchy", l.Mount)
	}
	r := openAt(t, cgroupstat.At(l.Version, l.Mount))
	if _, err := r.Usage(); (l.Version == cgroupstat.V2) != errors.Is(err, cgroupstat.ErrNoUsage) || (l.Version == cgroupstat.V1 && err != nil) {
		t.Errorf("usage of the root on %v: %v", l.Version, err)
	}
	var s cgroupstat.Stat
	if err := r.Stat(&s); err != nil || s.Get(cgroupstat.Anon).IsZero() {
		t.Errorf("%v, %v", s.Get(cgroupstat.Anon), err)
	}
	var limits cgroupstat.Limits
	if err := r.Limits(&limits); err != nil || !limits.Max.Bytes.IsZero() {
		t.Errorf("%+v, %v", limits, err)
	}
}

func TestKernelDescriptors(t *testing.T) {
	g := kerneltest.NewGroup(t, 64*mebi)
	inner := g.Sub(t, -1)
	open := func() []string {
		names, err := filepath.Glob("/proc/self/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		var targets []string
		for _, name := range names {
			// One that closed meanwhile was not ours.
			if target, err := os.Readlink(name); err == nil && strings.HasPrefix(target, g.Dir) {
				targets = append(targets, target)
			}
		}
		return targets
	}
	if left := open(); len(left) != 0 {
		t.Fatalf("open before: %q", left)
	}
	r, err := cgroupstat.Open(cgroupstat.At(g.Version, inner.Dir, g.Dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Select(1); err != nil {
		t.Error(err)
	}
	held := open()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if left := open(); len(left) != 0 || !slices.Contains(held, limitFile(g)) {
		t.Errorf("open while in use: %q, after Close: %q", held, left)
	}
}
