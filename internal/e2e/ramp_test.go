package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// TestKernelRampIsNamed fills a container too fast for a profile to be made in
// the usual way, beside a heap that is slow to mark.
func TestKernelRampIsNamed(t *testing.T) {
	const limit, base = 256 * mebi, 100 * mebi
	type ramp struct{ rate, object, procs string }
	ramps := []ramp{{"50MiB", "1KiB", "2"}, {"500MiB", "1KiB", "2"}, {"500MiB", "64KiB", "1"}}
	if kerneltest.InVM() {
		// An emulated processor takes seconds to mark this heap.
		ramps = []ramp{{"10MiB", "1KiB", "2"}, {"10MiB", "64KiB", "1"}}
	}
	for _, c := range ramps {
		t.Run(c.rate+" "+c.object+" GOMAXPROCS="+c.procs, func(t *testing.T) {
			// One run in twenty may miss, more on a busy machine; the duel of
			// docs/catch.md has the rates.
			const tries = 3
			for range tries {
				v := startVictim(t, kerneltest.NewGroup(t, limit), []string{"GOMAXPROCS=" + c.procs},
					args("leak -rate %s -object %s -base %d -settle 1s", c.rate, c.object, base)...)
				if v.rampIsNamed(base) {
					return
				}
			}
			t.Errorf("the dumps of none of %d runs name 80 %% of what leaked", tries)
		})
	}
}

// rampIsNamed waits for the kill and tells whether a dump names most of what
// had leaked over base when the threshold was crossed.
func (v *victim) rampIsNamed(base int64) bool {
	v.t.Helper()
	v.wait("death at the limit")
	if !v.killedBySIGKILL() {
		v.t.Fatalf("the kernel did not kill it: %v", v.cmd.ProcessState)
	}
	v.recover()
	everythingIsComplete(v.t, v.dumps)
	immediate := profiles(v.t, v.dumps, heapdump.Immediate)
	if len(immediate) == 0 {
		v.t.Log("no dump")
		return false
	}
	description := strings.TrimSuffix(immediate[0], ".pb") + ".json"
	if _, err := os.Stat(description); err != nil {
		v.t.Logf("killed before the profile had its manifest: %v", err)
		return false
	}
	m := readManifest(v.t, description)
	leaked := int64(m.Context.Sample.Go.Objects) - base
	best, name := int64(0), ""
	all, err := filepath.Glob(filepath.Join(v.dumps, "heap-*.pb"))
	if err != nil {
		v.t.Fatal(err)
	}
	for _, path := range all {
		for _, s := range top(v.t, path) {
			if strings.HasSuffix(s.Function, ".leakRequestContexts") && s.Bytes > best {
				best, name = s.Bytes, filepath.Base(path)
			}
		}
	}
	v.t.Logf("crossed with %d MiB leaked; %s names %d MiB of it; %d profiles", leaked/mebi, name, best/mebi, len(all))
	return float64(best) >= 0.8*float64(leaked)
}

// recover does what a restart of the container does: the same program starts
// again with the same volume.
func (v *victim) recover() {
	v.t.Helper()
	again := startVictim(v.t, kerneltest.NewGroup(v.t, 256*mebi), []string{"MEMGUARD_DUMP_DIR=" + v.dumps}, "idle")
	until(v.t, "the next start", func() bool { return strings.Contains(again.stdout.String(), "ready") })
	until(v.t, "symbols in all profiles", func() bool {
		all, err := filepath.Glob(filepath.Join(v.dumps, "heap-*.pb"))
		if err != nil {
			v.t.Fatal(err)
		}
		for _, path := range all {
			if !hasSymbols(v.t, path) {
				return false
			}
		}
		return true
	})
	again.terminate()
}

// hasSymbols looks for a name that every heap profile has.
func hasSymbols(t *testing.T, path string) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(text), "main.main")
}

// TestKernelDumpIsNotTheKiller leaves 4 MiB to a program with 30,000
// allocation stacks and a volume in memory, and crosses a threshold there.
func TestKernelDumpIsNotTheKiller(t *testing.T) {
	const limit, headroom = 128 * mebi, 4 * mebi
	dumps := mountTmpfs(t, 64*mebi)
	g := kerneltest.NewGroup(t, limit)
	v := startVictim(t, g, []string{
		"GODEBUG=memprofilerate=1", "MEMGUARD_DUMP_DIR=" + dumps, "MEMGUARD_GOMEMLIMIT=off",
		"MEMGUARD_THRESHOLD=" + strconv.Itoa(limit-headroom-mebi/2),
	}, args("stacks -n 30000 -until %d -usage %s", limit-headroom, g.UsageFile())...)
	until(t, "the program at its height", func() bool { return strings.Contains(v.stdout.String(), "done") })
	var m string
	until(t, "a manifest", func() bool {
		for _, path := range profiles(t, dumps, heapdump.Immediate) {
			text, err := os.ReadFile(strings.TrimSuffix(path, ".pb") + ".json")
			m = string(text)
			return err == nil
		}
		return false
	})
	if !strings.Contains(m, `"omitted": "a dump must not be what kills`) {
		t.Errorf("the manifest does not say why there is no more:\n%s", m)
	}
	info, err := os.Stat(profiles(t, dumps, heapdump.Immediate)[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("immediate profile of %d bytes; usage %.1f of %d MiB, peak %.1f", info.Size(), float64(g.Usage(t))/mebi, limit/mebi, float64(g.Peak(t))/mebi)
	if info.Size() < 1<<20 {
		t.Errorf("a profile of %d bytes has no 30,000 stacks", info.Size())
	}
	if fresh := profiles(t, dumps, heapdump.Fresh); len(fresh) > 0 {
		t.Errorf("and yet: %v", fresh)
	}
	v.terminate()
	t.Logf("peak at its end %.1f MiB", float64(g.Peak(t))/mebi)
	if n := g.OOMKills(t); n != 0 {
		t.Errorf("oom_kill is %d", n)
	}
}
