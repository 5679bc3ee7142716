package e2e

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/diagnose"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

// restart starts the program again with the same volume, as a restarted
// container does, and gives what it says of the run before.
func (v *victim) restart(wrapper ...string) postmortem.Exit {
	v.t.Helper()
	return v.restartIn(v.dumps, wrapper...)
}

// restartIn is restart with a volume that the test has made.
func (v *victim) restartIn(dumps string, wrapper ...string) postmortem.Exit {
	v.t.Helper()
	g := kerneltest.NewGroup(v.t, 256*mebi)
	again := startWrapped(v.t, g, []string{"MEMGUARD_DUMP_DIR=" + dumps}, wrapper, "idle")
	// Start does not wait for it where the volume is slow.
	until(v.t, "the story of the run before", func() bool {
		return strings.Contains(again.stderr.String(), "how the process before ended")
	})
	e := newestExit(v.t, dumps)
	until(v.t, "a record of the exit", func() bool { return strings.Contains(again.stderr.String(), e.Run) })
	again.terminate()
	return e
}

// newestExit reads the last verdict in a volume.
func newestExit(t *testing.T, dir string) postmortem.Exit {
	t.Helper()
	all := exits(t, dir)
	if len(all) == 0 {
		t.Fatal("no verdict")
	}
	return all[len(all)-1]
}

// exits reads all verdicts in a volume, the last run's at the end.
func exits(t *testing.T, dir string) []postmortem.Exit {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "exit-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := make([]postmortem.Exit, len(paths))
	for i, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &all[i]); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if n := all[i].Torn; n > 1 { // One may be: a kill can end a write between two pages.
			t.Errorf("%d torn records", n)
		}
	}
	return all
}

// lastBeat is when the victim leaked its last object.
func lastBeat(t *testing.T, path string) time.Time {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || len(text) != 8 {
		t.Fatalf("%x, %v", text, err)
	}
	return time.Unix(0, int64(binary.NativeEndian.Uint64(text)))
}

// TestKernelBlackBoxTellsAnOOMKill kills programs by the limit and wants the
// next start to say so, with where memory went and who took it.
func TestKernelBlackBoxTellsAnOOMKill(t *testing.T) {
	for _, c := range []struct {
		name, bucket, function string
		finding                diagnose.Code
		args                   []string
		beats                  bool // writes when it leaked its last object
		// fresh is how old the last sample may be then: in time at the median of
		// many, and in what grew since at this rate in nearly all of them. The
		// kernel holds a process at its limit up for 100 ms at a time, in which
		// nothing grows. A busy machine says little in a few.
		fresh time.Duration
		rate  uint64 // bytes a second
	}{
		{"slow heap", "go_heap", ".leakRequestContexts", diagnose.HeapLeak, args("leak -rate 40MiB -object 1KiB"), true, 50 * time.Millisecond, 40 * mebi},
		{"fast heap", "go_heap", ".leakRequestContexts", diagnose.HeapLeak, args("leak -rate 500MiB -object 64KiB"), true, 10 * time.Millisecond, 500 * mebi},
		{"outside Go", "off_heap", "", diagnose.OffHeap, args("leak -rate 100MiB -object 64KiB -outside"), true, 50 * time.Millisecond, 100 * mebi},
		{"shared", "shared_memory", "", diagnose.Tmpfs, args("shmem -size 256MiB"), false, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := *rounds
			if c.beats && !kerneltest.InVM() {
				n = max(3, n)
			}
			var gaps, grew []time.Duration
			repeat(t, "killed by the limit, "+c.name, n, func(t *testing.T) {
				gap, unseen := oomKill(t, c.args, c.beats, c.bucket, c.function, c.finding)
				if c.beats {
					gaps = append(gaps, gap)
					grew = append(grew, time.Duration(float64(unseen)/float64(c.rate)*float64(time.Second)))
				}
			})
			if len(gaps) < n {
				return
			}
			slices.Sort(gaps)
			slices.Sort(grew)
			median, nearlyAll := gaps[n/2], grew[n*9/10]
			t.Logf("freshness: | %s | cgroup %s | %d | %.1f | %.1f | %.1f | %.1f |", c.name, version(t), n,
				milliseconds(median), milliseconds(gaps[n-1]), milliseconds(grew[n/2]), milliseconds(grew[n-1]))
			if many := 20; n >= many && (median > c.fresh || nearlyAll > c.fresh) {
				t.Errorf("the last sample is %v old in half of the runs, and in growth %v in a tenth; want %v", median, nearlyAll, c.fresh)
			}
		})
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// oomKill is one such kill. It gives the time from the last sample to the last
// object, where there is a beat, and the bytes from there to the limit.
func oomKill(t *testing.T, args []string, beats bool, bucket, function string, finding diagnose.Code) (gap time.Duration, unseen uint64) {
	t.Helper()
	beat := filepath.Join(t.TempDir(), "beat")
	if beats {
		args = append(args[:len(args):len(args)], "-beat", beat)
	}
	g := kerneltest.NewGroup(t, 128*mebi)
	v := startVictim(t, g, nil, args...)
	v.wait("death at the limit")
	if !v.killedBySIGKILL() || g.OOMKills(t) == 0 {
		t.Fatalf("the kernel did not kill it: %v", v.cmd.ProcessState)
	}
	e := v.restart()
	t.Logf("%s (%s)", e.Summary, strings.Join(e.Reasons, "; "))
	if e.Kind != postmortem.OOMSuspected || e.Bucket != bucket {
		t.Errorf("%s, bucket %s; want %s, %s", e.Kind, e.Bucket, postmortem.OOMSuspected, bucket)
	}
	if function != "" && (e.Culprit == nil || !strings.HasSuffix(e.Culprit.Function, function)) {
		t.Errorf("culprit %+v, want %s; %d dumps", e.Culprit, function, len(e.Dumps))
	}
	if e.Climb == nil {
		t.Error("no climb")
	}
	// The record must reach up to the kill, when usage is the limit.
	used, limit := e.Last.Usage.Or(0), e.Limit.Or(0)
	if limit != 128*mebi || used < limit*3/4 {
		t.Errorf("the last sample has %d of %d bytes", used, limit)
	}
	if e.Breakdown == nil || len(e.Findings) == 0 || e.Findings[0].Code != finding {
		t.Errorf("findings %+v, want %s first; breakdown %v", e.Findings, finding, e.Breakdown != nil)
	}
	unseen = limit - min(used, limit)
	if beats {
		gap = lastBeat(t, beat).Sub(e.Last.Time)
	}
	return gap, unseen
}

// TestKernelBlackBoxOfARestartLoop is a process that is killed again and again
// with one volume.
func TestKernelBlackBoxOfARestartLoop(t *testing.T) {
	dumps := t.TempDir()
	restartLoop(t, "process", dumps, func(command []string) (output string) {
		v := startVictim(t, kerneltest.NewGroup(t, 128*mebi), []string{"MEMGUARD_DUMP_DIR=" + dumps}, command...)
		v.wait("death at the limit")
		return v.stderr.String()
	})
}

// TestKernelContainerRestartLoop is a container that is.
func TestKernelContainerRestartLoop(t *testing.T) {
	dumps := kerneltest.Volume(t)
	binary := victimBinary(t)
	restartLoop(t, "container", dumps, func(command []string) (output string) {
		c := kerneltest.NewContainer(t, kerneltest.ContainerSpec{
			Binary: binary, Args: command, LimitBytes: 128 * mebi,
			Env:    []string{finer, "MEMGUARD_DUMP_DIR=/dumps"},
			Mounts: []kerneltest.Mount{{Source: dumps, Target: "/dumps"}},
		})
		c.Start(t)
		if exit := c.Wait(t); exit.Code != 137 || exit.OOMKills == 0 {
			t.Fatalf("exit %+v, want a kill by the kernel; output:\n%s", exit, c.Output())
		}
		return c.Output()
	})
}

// restartLoop has a program killed again and again and wants each kill to be
// told. Kill runs one until its death.
func restartLoop(t *testing.T, rig, dumps string, kill func(command []string) (output string)) {
	t.Helper()
	told := map[string]bool{}
	kills, readable, slow := 0, 0, 0
	for wanted := 3 * *rounds; kills < wanted; {
		output := kill(args("leak -rate 200MiB -object 16KiB"))
		kills++
		if strings.Contains(output, "no answer within") {
			// It was killed before the volume answered; the next start tells of both.
			if slow++; kills == wanted && slow < 10 {
				wanted++
			}
			continue
		}
		for _, e := range exits(t, dumps) {
			if told[e.Run] {
				continue
			}
			told[e.Run] = true
			if e.Kind == postmortem.OOMSuspected && e.Bucket == "go_heap" && e.Climb != nil &&
				e.Culprit != nil && strings.HasSuffix(e.Culprit.Function, ".leakRequestContexts") {
				readable++
			} else {
				t.Errorf("kill %d: %s: %s (%v), %d dumps", kills-1, e.Kind, e.Summary, e.Reasons, len(e.Dumps))
			}
			if !strings.Contains(output, e.Run) {
				t.Errorf("kill %d: the log does not tell of %s", kills-1, e.Run)
			}
		}
	}
	t.Logf("%d starts had a volume that did not answer", slow)
	tabulate(t, "killed by the limit again and again", rig, readable, kills-1)
	if readable != kills-1 { // Nobody starts after the last.
		t.Errorf("%d of %d kills were told, %d of them readable", len(told), kills-1, readable)
	}
	boxes, err := filepath.Glob(filepath.Join(dumps, "blackbox-*.box"))
	if err != nil || len(boxes) > 8+1 {
		t.Errorf("%d boxes kept, %v", len(boxes), err)
	}
}
