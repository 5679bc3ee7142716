package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// Tests whose names begin with TestKernel run on this machine's cgroup
// version, and in the VM on version 2.

func TestKernelLeakNamesItsCulpritAndIsKilled(t *testing.T) {
	const limit = 128 * mebi
	g := kerneltest.NewGroup(t, limit)
	v := startVictim(t, g, nil, args("leak -rate 20MiB -object 1KiB")...)
	v.wait("death at the limit")
	if !v.killedBySIGKILL() || g.OOMKills(t) == 0 {
		t.Fatalf("the kernel did not kill it: %v, oom_kill %d", v.cmd.ProcessState, g.OOMKills(t))
	}
	checkCulprit(t, v.dumps, limit)
}

func TestKernelGrowthMakesSeveralDumps(t *testing.T) {
	const limit = 128 * mebi
	g := kerneltest.NewGroup(t, limit)
	v := startVictim(t, g, []string{"MEMGUARD_THRESHOLD=50%"}, args("leak -rate 20MiB -object 16KiB -max 85MiB")...)
	until(t, "done leaking", func() bool { return strings.Contains(v.stdout.String(), "done") })
	until(t, "dumps at 50 % and at the steps above", func() bool { return len(profiles(t, v.dumps, heapdump.Fresh)) >= 3 })
	v.terminate()
	if n := len(profiles(t, v.dumps, heapdump.Fresh)); n > 6 {
		t.Errorf("%d dumps from 50 %% to 72 %%, want one for each step of 5 %%", n)
	}
	everythingIsComplete(t, v.dumps)
}

func TestKernelPageCacheMakesNoDump(t *testing.T) {
	const limit = 64 * mebi
	for _, work := range []string{"pagecache", "logwriter"} {
		for basis, want := range map[string]bool{"unreclaimable": false, "usage": true} {
			t.Run(work+" "+basis, func(t *testing.T) {
				g := kerneltest.NewGroup(t, limit)
				v := startVictim(t, g, []string{"MEMGUARD_BASIS=" + basis},
					args("%s -total %dMiB -dir %s -wait", work, 3*limit/mebi, t.TempDir())...)
				until(t, "done with the files", func() bool { return strings.Contains(v.stdout.String(), "done") })
				if want {
					until(t, "a dump", func() bool { return len(profiles(t, v.dumps, heapdump.Fresh)) > 0 })
				}
				v.terminate()
				peak := g.Peak(t)
				t.Logf("usage peaked at %d of %d MiB, %d dumps", peak/mebi, limit/mebi, len(profiles(t, v.dumps, heapdump.Immediate)))
				if peak < limit*8/10 {
					t.Errorf("the page cache never filled the group: peak %d", peak)
				}
				if got := len(profiles(t, v.dumps, heapdump.Immediate)) > 0; got != want {
					t.Errorf("dumps: %v, want %v", got, want)
				}
			})
		}
	}
}

func TestKernelGoMemLimitFollowsTheLimit(t *testing.T) {
	g := kerneltest.NewGroup(t, 256*mebi)
	v := startVictim(t, g, []string{"VICTIM_REPORT_GOMEMLIMIT=1"}, "idle")
	expect := func(limit int64, since time.Time) time.Duration {
		t.Helper()
		want := limit / 10 * 9
		var seen time.Time
		until(t, "GOMEMLIMIT at 90 % of "+strconv.FormatInt(limit, 10), func() bool {
			var ok bool
			seen, ok = reported(v.stdout.String(), want)
			return ok
		})
		took := seen.Sub(since)
		t.Logf("limit %d MiB: GOMEMLIMIT followed after %v", limit/mebi, took)
		return took
	}
	expect(256*mebi, time.Now())
	// The quickest counts: a busy machine may delay any.
	quickest := time.Hour
	for _, limit := range []int64{128 * mebi, 512 * mebi, 64 * mebi} {
		changed := time.Now()
		g.SetLimit(t, limit)
		quickest = min(quickest, expect(limit, changed))
	}
	if quickest > time.Second {
		t.Errorf("GOMEMLIMIT followed after %v at the quickest, want at most 1 s", quickest)
	}
	v.terminate()
}

// reported finds the last line "gomemlimit <bytes> <unix nanoseconds>" and
// tells when it was, if it is within a page of what is wanted.
func reported(out string, want int64) (time.Time, bool) {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		f := strings.Fields(lines[i])
		if len(f) != 3 || f[0] != "gomemlimit" {
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 64)
		at, err2 := strconv.ParseInt(f[2], 10, 64)
		if err != nil || err2 != nil || n < want-4096 || n > want+4096 {
			return time.Time{}, false
		}
		return time.Unix(0, at), true
	}
	return time.Time{}, false
}

func TestKernelFollowsTheProcessToAnotherGroup(t *testing.T) {
	old := kerneltest.NewGroup(t, 256*mebi)
	next := kerneltest.NewGroup(t, 128*mebi)
	v := startVictim(t, old, []string{"VICTIM_REPORT_GOMEMLIMIT=1"}, "idle")
	until(t, "GOMEMLIMIT of the old group", func() bool {
		_, ok := reported(v.stdout.String(), 256*mebi/10*9)
		return ok
	})
	move(t, v.cmd.Process.Pid, next.Dir)
	until(t, "removal of the old group", func() bool { return os.Remove(old.Dir) == nil })
	until(t, "GOMEMLIMIT of the new group", func() bool {
		_, ok := reported(v.stdout.String(), 128*mebi/10*9)
		return ok
	})
	v.terminate()
}

func move(t *testing.T, pid int, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
		t.Fatal(err)
	}
}

func TestKernelGoroutineProfileBesideTheDump(t *testing.T) {
	g := kerneltest.NewGroup(t, 256*mebi)
	v := startVictim(t, g, []string{"MEMGUARD_THRESHOLD=30Mi"}, args("goroutines -n 20000 -wait")...)
	until(t, "a goroutine profile", func() bool {
		found, err := filepath.Glob(filepath.Join(v.dumps, "goroutine-*.pb"))
		return err == nil && len(found) > 0
	})
	v.terminate()
}

func TestKernelBadConfigurationLeavesTheProgramRunning(t *testing.T) {
	g := kerneltest.NewGroup(t, 64*mebi)
	v := startVictim(t, g, []string{"MEMGUARD_THRESHOLD=eighty", "MEMGUARD_GOMEMLIMIT=2", "VICTIM_REPORT_GOMEMLIMIT=1"}, "idle")
	until(t, "GOMEMLIMIT by default", func() bool {
		_, ok := reported(v.stdout.String(), 64*mebi/10*9)
		return ok
	})
	v.terminate()
	for _, part := range []string{"MEMGUARD_THRESHOLD", "eighty", "MEMGUARD_GOMEMLIMIT", "80%, 0.8, 80"} {
		if !strings.Contains(v.stderr.String(), part) {
			t.Errorf("stderr does not say %q", part)
		}
	}
}
