package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/heapdump/sites"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/sample"
	"github.com/memguard-dev/go-memguard/internal/syncbuf"
)

const mebi = 1 << 20

// finer makes the runtime sample every 128 KiB instead of 512: of 100 MiB the
// default leaves 200 samples, and so an error of 7 % in one run, which is too
// much to hold a single run against 80 %.
const finer = "GODEBUG=memprofilerate=131072"

// patience is how long a test waits for a kernel, a slow emulated one included.
const patience = 90 * time.Second

// victim is the suffering program inside a group.
type victim struct {
	t      *testing.T
	cmd    *exec.Cmd
	dumps  string
	stdout syncbuf.Buffer
	stderr syncbuf.Buffer
	ended  chan struct{}
	err    error
}

func victimBinary(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("kills programs for minutes; none of it is in this process")
	}
	return kerneltest.Build(t, "github.com/memguard-dev/go-memguard/internal/victim")
}

// startVictim starts it in the group, guarded, with a dump directory of its own.
func startVictim(t *testing.T, g *kerneltest.Group, env []string, args ...string) *victim {
	t.Helper()
	return startWrapped(t, g, env, nil, args...)
}

// startWrapped has another program start it.
func startWrapped(t *testing.T, g *kerneltest.Group, env, wrapper []string, args ...string) *victim {
	t.Helper()
	v := &victim{t: t, dumps: t.TempDir(), ended: make(chan struct{})}
	command := slices.Concat(wrapper, []string{victimBinary(t)}, args)
	v.cmd = exec.Command(command[0], command[1:]...)
	v.cmd.Env = append(append(os.Environ(), finer, "MEMGUARD_DUMP_DIR="+v.dumps), env...)
	v.cmd.Stdout, v.cmd.Stderr = &v.stdout, &v.stderr
	g.Start(t, v.cmd)
	go func() {
		v.err = v.cmd.Wait()
		close(v.ended)
	}()
	t.Cleanup(func() {
		_ = v.cmd.Process.Kill()
		<-v.ended
		if t.Failed() {
			t.Logf("victim's stdout:\n%s\nstderr:\n%s", v.stdout.String(), v.stderr.String())
		}
	})
	return v
}

// until polls for a condition with a deadline.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !met() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (v *victim) wait(what string) {
	v.t.Helper()
	select {
	case <-v.ended:
	case <-time.After(patience):
		v.t.Fatalf("not within %v: %s", patience, what)
	}
}

// killedBySIGKILL tells whether the kernel (or anybody) killed it.
func (v *victim) killedBySIGKILL() bool {
	status, ok := v.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (v *victim) terminate() {
	v.t.Helper()
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		v.t.Fatal(err)
	}
	v.wait("end after SIGTERM")
	if v.err != nil {
		v.t.Errorf("victim after SIGTERM: %v", v.err)
	}
}

// manifest is the part of a manifest that the tests look at.
type manifest struct {
	Stage   heapdump.Stage `json:"stage"`
	Profile string         `json:"profile"`
	Context struct {
		Threshold  string `json:"threshold"`
		BasisBytes uint64 `json:"basis_bytes"`
		Limit      struct {
			Bytes  uint64 `json:"bytes"`
			Source string `json:"source"`
			File   string `json:"file"`
		} `json:"limit"`
		Sample sample.Sample `json:"sample"`
	} `json:"context"`
}

// readManifest waits for it: a profile has its name before its manifest does.
func readManifest(t *testing.T, path string) manifest {
	t.Helper()
	var text []byte
	until(t, "manifest "+path, func() bool {
		var err error
		text, err = os.ReadFile(path)
		return err == nil
	})
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, text)
	}
	return m
}

// profiles lists heap profiles of one stage, oldest first.
func profiles(t *testing.T, dir string, stage heapdump.Stage) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "heap-*-"+string(stage)+".pb"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func top(t *testing.T, path string) []sites.Site {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found, err := sites.Top(f, 10)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return found
}

// everythingIsComplete parses all that has a final name and wants nothing else there.
func everythingIsComplete(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "heap-") && strings.HasSuffix(e.Name(), ".pb"):
			// Killed early, it has addresses only.
			if hasSymbols(t, path) {
				top(t, path)
			} else {
				parse(t, path)
			}
		case strings.HasPrefix(e.Name(), "heap-") && strings.HasSuffix(e.Name(), ".json"):
			readManifest(t, path)
		}
	}
}

func parse(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := profile.ParseData(text); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// checkCulprit wants the first complete dump to name the leak with at least
// 80 % of what the Go heap held when the threshold was crossed.
func checkCulprit(t *testing.T, dir string, limit uint64) {
	t.Helper()
	everythingIsComplete(t, dir)
	fresh := profiles(t, dir, heapdump.Fresh)
	if len(fresh) == 0 {
		entries, _ := os.ReadDir(dir)
		t.Fatalf("no complete dump in %v", entries)
	}
	m := readManifest(t, strings.TrimSuffix(fresh[0], ".pb")+".json")
	if m.Context.Limit.Bytes != limit || m.Context.Limit.Source != "cgroup" {
		t.Errorf("limit %+v, want %d from the cgroup", m.Context.Limit, limit)
	}
	if got, want := m.Context.Sample.Go.MemoryLimit, limit/10*9; got < want || got > want+9 {
		t.Errorf("GOMEMLIMIT %d, want 90 %% of the limit: %d", got, want)
	}
	if m.Context.BasisBytes < limit*8/10 {
		t.Errorf("dump at %d, before the threshold %d", m.Context.BasisBytes, limit*8/10)
	}
	leaked := m.Context.Sample.Go.Objects
	found := top(t, fresh[0])
	if len(found) == 0 || !strings.HasSuffix(found[0].Function, ".leakRequestContexts") {
		t.Fatalf("the first site is not the leak: %+v", found)
	}
	share := float64(found[0].Bytes) / float64(leaked)
	t.Logf("crossed at %.1f%% of %d MiB; %s holds %.1f of %.1f MiB on the heap then: %.0f%%; %s",
		100*float64(m.Context.BasisBytes)/float64(limit), limit/mebi, found[0].Function,
		float64(found[0].Bytes)/mebi, float64(leaked)/mebi, 100*share, filepath.Base(fresh[0]))
	if share < 0.8 {
		t.Errorf("the dump names %.0f %% of the leaked bytes, want at least 80 %%", 100*share)
	}
}

func args(format string, a ...any) []string { return strings.Fields(fmt.Sprintf(format, a...)) }
