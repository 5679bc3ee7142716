package memguard

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tree is a cgroup v2 directory made of plain files.
type tree struct {
	t   testing.TB
	dir string
}

const treeStat = "anon 104857600\nfile 10485760\nkernel 5242880\nshmem 1048576\ninactive_file 4194304\nactive_file 4194304\nslab_reclaimable 1048576\nslab_unreclaimable 1048576\nslab 2097152\nsock 0\n"

func newTree(t testing.TB) *tree {
	t.Helper()
	tr := &tree{t, t.TempDir()}
	tr.write("memory.current", "125829120\n") // 120 MiB
	tr.write("memory.max", "268435456\n")
	tr.write("memory.high", "max\n")
	tr.write("memory.swap.max", "0\n")
	tr.write("memory.peak", "130023424\n")
	tr.write("memory.stat", treeStat)
	tr.write("memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n")
	return tr
}

func (tr *tree) write(name, text string) {
	tr.t.Helper()
	if err := os.WriteFile(filepath.Join(tr.dir, name), []byte(text), 0o600); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *tree) locate() (cgroupstat.Location, error) {
	return cgroupstat.At(cgroupstat.V2, tr.dir), nil
}

// quiet is the configuration of most tests: a fake cgroup, a dump directory of
// its own, no log.
func quiet(t testing.TB, tr *tree, opts ...Option) *settings {
	t.Helper()
	all := append([]Option{WithDumpDir(t.TempDir()), WithLogger(slog.New(slog.DiscardHandler))}, opts...)
	s := resolve(all, env(nil))
	s.locate = func() (cgroupstat.Location, error) { return cgroupstat.Location{}, cgroupstat.ErrNoCgroup }
	if tr != nil {
		s.locate = tr.locate
	}
	s.podInfoEvery, s.volumeTimeout = 10*time.Millisecond, time.Minute
	return s
}

func mustStart(t testing.TB, s *settings) *Guard {
	t.Helper()
	g, err := start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !met(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func TestSnapshot(t *testing.T) {
	g := mustStart(t, quiet(t, newTree(t)))
	s := g.Snapshot()
	of := cgroupstat.Of
	if !s.Running || s.Scope != ScopeCgroup || s.Limit.Bytes != of(256<<20) || s.Limit.Source != LimitCgroup || filepath.Base(s.Limit.File) != "memory.max" {
		t.Errorf("running %v, scope %v, limit %+v", s.Running, s.Scope, s.Limit)
	}
	if s.Usage != of(120<<20) || s.WorkingSet != of(116<<20) || s.Unreclaimable != of(111<<20) || s.Peak != of(124<<20) || s.BasisBytes != s.Unreclaimable {
		t.Errorf("usage %v, working set %v, unreclaimable %v, peak %v, basis %v", s.Usage, s.WorkingSet, s.Unreclaimable, s.Peak, s.BasisBytes)
	}
	if s.Cgroup == nil || s.Cgroup.Version != cgroupstat.V2 {
		t.Errorf("cgroup %+v", s.Cgroup)
	}
	if len(s.Thresholds) != 1 || s.Thresholds[0].Bytes != Percent(80).At(of(256<<20)) {
		t.Errorf("thresholds %+v", s.Thresholds)
	}
	var sum uint64
	for _, p := range s.Breakdown.Children {
		sum += p.Bytes
	}
	if sum != 120<<20 {
		t.Errorf("breakdown %v adds up to %d", s.Breakdown, sum)
	}
	if s.HeapInUse() == 0 || s.Go.Goroutines == 0 || s.Time.IsZero() || s.Samples == 0 {
		t.Errorf("go %+v, time %v, samples %d", s.Go, s.Time, s.Samples)
	}
}

func TestGoMemLimitFollowsAndIsRestored(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	tr := newTree(t)
	g := mustStart(t, quiet(t, tr))
	ninety := func(limit float64) func() bool {
		return func() bool { return debug.SetMemoryLimit(-1) == int64(limit*0.9) }
	}
	if !ninety(256 << 20)() {
		t.Errorf("GOMEMLIMIT %d, want 90 %% of 256 MiB", debug.SetMemoryLimit(-1))
	}
	tr.write("memory.max", "134217728\n")
	eventually(t, "GOMEMLIMIT at 90 % of 128 MiB", ninety(128<<20))
	tr.write("memory.max", "536870912\n")
	eventually(t, "GOMEMLIMIT at 90 % of 512 MiB", ninety(512<<20))
	if err := g.Stop(); err != nil {
		t.Error(err)
	}
	if after := debug.SetMemoryLimit(-1); after != before {
		t.Errorf("GOMEMLIMIT %d after Stop, %d before Start", after, before)
	}
}

func TestGoMemLimitOfSomebodyElseIsLeftAlone(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	t.Run("in the environment", func(t *testing.T) {
		t.Setenv("GOMEMLIMIT", "off")
		g := mustStart(t, quiet(t, newTree(t)))
		if got := debug.SetMemoryLimit(-1); got != before || g.goMemLimitOrigin() != "environment" {
			t.Errorf("GOMEMLIMIT %d by %s", got, g.goMemLimitOrigin())
		}
	})
	t.Run("switched off", func(t *testing.T) {
		mustStart(t, quiet(t, newTree(t), WithGoMemLimit(0)))
		if got := debug.SetMemoryLimit(-1); got != before {
			t.Errorf("GOMEMLIMIT %d", got)
		}
	})
	t.Run("changed while running", func(t *testing.T) {
		g := mustStart(t, quiet(t, newTree(t)))
		debug.SetMemoryLimit(77 << 20)
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
		if got := debug.SetMemoryLimit(before); got != 77<<20 {
			t.Errorf("Stop changed it to %d", got)
		}
	})
}

func TestThresholdMakesADump(t *testing.T) {
	tr := newTree(t)
	s := quiet(t, tr)
	g := mustStart(t, s)
	tr.write("memory.current", "230686720\n") // 220 MiB: above 80 % by every basis
	eventually(t, "a fresh dump", func() bool {
		d := g.Snapshot().LastDump
		return d != nil && d.Stage == heapdump.Fresh
	})
	d := g.Snapshot().LastDump
	if !strings.Contains(d.Reason, "unreclaimable reached threshold 80%") || !strings.Contains(d.Reason, "of 256.0MiB") {
		t.Errorf("reason %q", d.Reason)
	}
	manifest, err := os.ReadFile(d.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"threshold": "80%"`, `"basis": "unreclaimable"`, `"source": "cgroup"`, `"anon": 104857600`} {
		if !bytes.Contains(manifest, []byte(part)) {
			t.Errorf("manifest lacks %s:\n%s", part, manifest)
		}
	}
}

func TestPageCacheAloneMakesNoDump(t *testing.T) {
	tr := newTree(t)
	tr.write("memory.current", "268435456\n")
	tr.write("memory.stat", strings.NewReplacer("inactive_file 4194304", "inactive_file 134217728").Replace(treeStat))
	g := mustStart(t, quiet(t, tr))
	first := g.Snapshot().Samples
	eventually(t, "some samples", func() bool { return g.Snapshot().Samples > first+5 })
	if d := g.Snapshot().LastDump; d != nil {
		t.Errorf("dump: %s", d.Reason)
	}
}

func TestFailedDumpIsRetried(t *testing.T) {
	tr := newTree(t)
	s := quiet(t, tr)
	s.policy.retry = 10 * time.Millisecond
	g := mustStart(t, s)
	dir := s.dumpDir.value
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	tr.write("memory.current", "230686720\n")
	eventually(t, "a failed dump", func() bool { return g.Snapshot().Failing["dump"] != "" })
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a dump after the directory is back", func() bool { return g.Snapshot().LastDump != nil })
	eventually(t, "the end of the fault", func() bool { return g.Snapshot().Failing["dump"] == "" })
}

func TestPodInfoIsFollowed(t *testing.T) {
	tr := newTree(t)
	pod := t.TempDir()
	file := func(name, text string) {
		if err := os.WriteFile(filepath.Join(pod, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file("threshold", "60%")
	file("memory_limit", "209715200")
	g := mustStart(t, quiet(t, tr, WithPodInfo(pod), WithThresholds(Percent(90))))
	s := g.Snapshot()
	if s.Thresholds[0].Threshold != Percent(60) || s.Limit.Bytes != cgroupstat.Of(200<<20) || s.Limit.Source != LimitPodInfo {
		t.Fatalf("thresholds %+v, limit %+v", s.Thresholds, s.Limit)
	}
	file("threshold", "sixty")
	eventually(t, "an error for podinfo", func() bool { return strings.Contains(g.Snapshot().Failing["podinfo"], "sixty") })
	if got := g.Snapshot().Thresholds[0].Threshold; got != Percent(60) {
		t.Errorf("threshold %v, want the last good one", got)
	}
	file("threshold", "50%")
	eventually(t, "a dump at the new threshold", func() bool { return g.Snapshot().LastDump != nil })
}

func TestNoCgroupAtAll(t *testing.T) {
	g := mustStart(t, quiet(t, nil, WithMemoryLimit(64<<30)))
	s := g.Snapshot()
	if s.Scope != ScopeProcess && s.Scope != ScopeRuntime {
		t.Errorf("scope %v", s.Scope)
	}
	if n, ok := s.Usage.Get(); !ok || n == 0 {
		t.Errorf("usage %v", s.Usage)
	}
	if s.Limit.Bytes.IsZero() {
		t.Errorf("limit %+v", s.Limit)
	}
}

func TestSuppliedLimitMeasuresTheProcessWhereTheCgroupIsSomethingLarger(t *testing.T) {
	tr := newTree(t)
	tr.write("memory.max", "max\n")
	for name, tt := range map[string]struct {
		limit uint64
		want  Scope
	}{
		"less than the cgroup holds already": {64 << 20, ScopeProcess},
		"more than it holds":                 {200 << 20, ScopeCgroup},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat("/proc/self/status"); err != nil && tt.want == ScopeProcess {
				tt.want = ScopeRuntime
			}
			g := mustStart(t, quiet(t, tr, WithMemoryLimit(tt.limit)))
			if s := g.Snapshot(); s.Scope != tt.want || s.Limit.Source != LimitSupplied {
				t.Errorf("scope %v, limit %+v; want %v", s.Scope, s.Limit, tt.want)
			}
		})
	}
}

func TestSecondStart(t *testing.T) {
	g := mustStart(t, quiet(t, newTree(t)))
	again, err := Start(WithBasis("nonsense"))
	if again != g || !errors.Is(err, ErrAlreadyStarted) || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %p (want %p), %v", again, g, err)
	}
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}
	next := mustStart(t, quiet(t, newTree(t)))
	if next == g {
		t.Error("Start after Stop gave the stopped guard")
	}
}

func TestUseAfterStopAndOfInertGuards(t *testing.T) {
	stopped := mustStart(t, quiet(t, newTree(t)))
	for range 2 {
		if err := stopped.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	off := quiet(t, newTree(t))
	off.off = true
	inert := mustStart(t, off)
	for name, g := range map[string]*Guard{"stopped": stopped, "off": inert, "nil": nil, "zero": {}} {
		if _, err := g.Dump(context.Background(), "test"); !errors.Is(err, ErrStopped) {
			t.Errorf("%s: Dump: %v", name, err)
		}
		if s := g.Snapshot(); s.Running {
			t.Errorf("%s: running", name)
		}
		if err := g.Stop(); err != nil {
			t.Errorf("%s: Stop: %v", name, err)
		}
	}
	if s := stopped.Snapshot(); s.Usage.IsZero() {
		t.Error("the last sample is gone after Stop")
	}
}

func TestDump(t *testing.T) {
	g := mustStart(t, quiet(t, newTree(t)))
	d, err := g.Dump(context.Background(), "asked for")
	if err != nil || d.Stage != heapdump.Fresh || d.Reason != "asked for" {
		t.Fatalf("%+v, %v", d, err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := g.Dump(cancelled, "too late"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestBadDumpDirFallsBackAndSaysSo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"missing": filepath.Join(t.TempDir(), "no"), "a file": file} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			s := quiet(t, newTree(t), WithDumpDir(dir))
			g, err := start(s)
			defer g.Stop()
			if err == nil || !strings.Contains(err.Error(), "WithDumpDir") || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "accepted") {
				t.Errorf("error %v", err)
			}
			if d, err := g.Dump(context.Background(), "anyway"); err != nil || !strings.HasPrefix(d.Path, defaultDumpDir()) {
				t.Errorf("%+v, %v", d, err)
			}
		})
	}
}

func TestNoDumpDirAtAll(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	tr := newTree(t)
	tr.write("memory.current", "230686720\n")
	g := mustStart(t, quiet(t, tr, WithDumpDir("")))
	if _, err := g.Dump(context.Background(), "test"); !errors.Is(err, ErrNoDumpDir) {
		t.Errorf("Dump: %v", err)
	}
	eventually(t, "the fault told", func() bool { return g.Snapshot().Failing["dump"] != "" })
}

func TestSnapshotConcurrentSafe(t *testing.T) {
	g := mustStart(t, quiet(t, newTree(t)))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				if s := g.Snapshot(); s.Usage.IsZero() {
					t.Error("a torn sample")
					return
				}
			}
		})
	}
	for range 5 {
		wg.Go(func() { _, _ = g.Dump(context.Background(), "crowd") })
	}
	wg.Wait()
}
