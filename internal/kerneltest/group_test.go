package kerneltest_test

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

const victim = "internal/victim"

func TestGroupKillsAtItsLimit(t *testing.T) {
	g := kerneltest.NewGroup(t, 32<<20)
	cmd := suffer(t, "leak", "-rate", "200MiB", "-object", "4KiB")
	g.Start(t, cmd)
	if got := signalOf(t, cmd.Wait()); got != syscall.SIGKILL {
		t.Errorf("the leaker ended by %v, want SIGKILL", got)
	}
	if got := g.OOMKills(t); got != 1 {
		t.Errorf("OOMKills = %d, want 1", got)
	}
	if g.Version == cgroupstat.V1 || !isMissing(g.Dir, "memory.peak") {
		// The kernel may charge a few pages beyond the limit before it kills.
		if got := g.Peak(t); got > 33<<20 || got < 28<<20 {
			t.Errorf("Peak = %d, want nearly the limit", got)
		}
	}
}

func TestGroupChargesFromTheStart(t *testing.T) {
	g := kerneltest.NewGroup(t, -1)
	cmd := suffer(t, "leak", "-max", "24MiB", "-rate", "1GiB", "-object", "64KiB")
	waitFor(t, start(t, g, cmd), "done")
	if got := g.Usage(t); got < 24<<20 || got > 64<<20 {
		t.Errorf("Usage = %d, want a little above 24 MiB", got)
	}
	text, err := os.ReadFile(filepath.Join(g.Dir, "cgroup.procs"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(text)); len(got) != 1 {
		t.Errorf("processes in the group = %v, want only the victim", got)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit 0", err)
	}
}

func TestSubGroups(t *testing.T) {
	outer := kerneltest.NewGroup(t, 24<<20)
	inner := outer.Sub(t, -1)
	if got, want := filepath.Dir(inner.Dir), outer.Dir; got != want {
		t.Errorf("the inner group is in %s, want %s", got, want)
	}
	cmd := suffer(t, "leak", "-rate", "200MiB", "-object", "4KiB")
	inner.Start(t, cmd)
	if got := signalOf(t, cmd.Wait()); got != syscall.SIGKILL {
		t.Errorf("the leaker ended by %v, want SIGKILL for the limit of the outer group", got)
	}
	if got := inner.OOMKills(t); got != 1 {
		t.Errorf("OOMKills = %d, want 1", got)
	}
}

func TestSetLimit(t *testing.T) {
	g := kerneltest.NewGroup(t, 64<<20)
	name := "memory.max"
	if g.Version == cgroupstat.V1 {
		name = "memory.limit_in_bytes"
	}
	for _, step := range []struct {
		limit int64
		want  string
	}{{32 << 20, "33554432"}, {128 << 20, "134217728"}, {-1, ""}, {16 << 20, "16777216"}} {
		g.SetLimit(t, step.limit)
		text, err := os.ReadFile(filepath.Join(g.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.TrimSpace(string(text))
		if step.want != "" && got != step.want {
			t.Errorf("%s = %s, want %s", name, got, step.want)
		}
		if step.want == "" && got != "max" && len(got) < len("9223372036854710272") {
			t.Errorf("%s = %s, want no limit", name, got)
		}
	}
}

func TestGroupLeavesNothing(t *testing.T) {
	var dir string
	var left *exec.Cmd
	t.Run("group", func(t *testing.T) {
		g := kerneltest.NewGroup(t, 64<<20)
		inner := g.Sub(t, 32<<20)
		dir = g.Dir
		left = suffer(t, "spawn", "-max", "1MiB", "-rate", "1GiB", "-wait")
		waitFor(t, start(t, inner, left), "child")
	})
	if dir == "" {
		t.Skip("the rig is missing")
	}
	if !isMissing(dir, "") {
		t.Errorf("%s is still there", dir)
	}
	if err := left.Process.Signal(syscall.Signal(0)); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("the victim is still there: %v", err)
	}
}

// suffer is the victim with no guard over it.
func suffer(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(kerneltest.Build(t, victim), args...)
	cmd.Env = append(os.Environ(), "MEMGUARD=off")
	return cmd
}

// start starts cmd in the group and returns its output.
func start(t *testing.T, g *kerneltest.Group, cmd *exec.Cmd) *bufio.Scanner {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = new(bytes.Buffer)
	g.Start(t, cmd)
	return bufio.NewScanner(out)
}

func waitFor(t *testing.T, out *bufio.Scanner, want string) {
	t.Helper()
	for out.Scan() {
		if strings.HasPrefix(out.Text(), want) {
			return
		}
	}
	t.Fatalf("the output ended without %q: %v", want, out.Err())
}

func signalOf(t *testing.T, err error) syscall.Signal {
	t.Helper()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("ended with %v, want a signal", err)
	}
	return exit.Sys().(syscall.WaitStatus).Signal()
}

func isMissing(elem ...string) bool {
	_, err := os.Stat(filepath.Join(elem...))
	return errors.Is(err, os.ErrNotExist)
}
