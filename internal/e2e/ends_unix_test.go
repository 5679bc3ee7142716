//go:build unix

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

// TestKernelEndsAreToldApart ends programs in every way there is.
func TestKernelEndsAreToldApart(t *testing.T) {
	signal := func(s syscall.Signal) func(*victim) {
		return func(v *victim) {
			until(v.t, "the first samples", func() bool { return strings.Contains(v.stdout.String(), "ready") })
			if err := v.cmd.Process.Signal(s); err != nil {
				v.t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		args []string
		end  func(*victim)
		kind postmortem.Kind
		says string
	}{
		{"SIGTERM and Stop", args("idle"), signal(syscall.SIGTERM), postmortem.Clean, "Stop"},
		// These two leave the same; see TestKernelExitCodeTellsTheSameApart.
		{"SIGKILL from outside", args("idle"), signal(syscall.SIGKILL), postmortem.Unknown, sameTraces},
		{"panic", args("die -how panic -after 100ms"), nil, postmortem.Crash, "nil pointer dereference"},
		{"fatal error", args("die -how fatal -after 100ms"), nil, postmortem.Crash, "concurrent map access"},
		{"stack overflow", args("die -how stack -after 100ms"), nil, postmortem.Crash, "stack overflow"},
		{"os.Exit without Stop", args("die -how exit -after 100ms"), nil, postmortem.Unknown, sameTraces},
		{"out of memory", args("leak -rate 200MiB"), nil, postmortem.OOMSuspected, "out of memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			repeat(t, c.name, *rounds, func(t *testing.T) {
				limit := int64(1 << 30) // Far from what any of them takes.
				if c.kind == postmortem.OOMSuspected {
					limit = 128 * mebi
				}
				v := startVictim(t, kerneltest.NewGroup(t, limit), nil, c.args...)
				if c.end != nil {
					c.end(v)
				}
				v.wait("its end")
				told(t, v.restart(), c.kind, c.says)
			})
		})
	}
}

// sameTraces is said of ends that the volume cannot tell apart.
const sameTraces = "SIGKILL from outside leaves no more than os.Exit or a return from main without Stop"

// TestKernelExitCodeTellsTheSameApart has what the parent saw tell SIGKILL from
// os.Exit: nothing in the process could, for os.Exit runs no hook of a library,
// and the kernel gives back the lock of the box at either.
func TestKernelExitCodeTellsTheSameApart(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		kill bool
		kind postmortem.Kind
		says string
	}{
		{"SIGKILL", args("idle"), true, postmortem.Killed, "the exit code 137 is that of SIGKILL"},
		{"os.Exit", args("die -how exit -after 100ms"), false, postmortem.Unknown, "the exit code 3 is not that of SIGKILL: the program ended itself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			repeat(t, c.name+", by its exit code", *rounds, func(t *testing.T) {
				v := startVictim(t, kerneltest.NewGroup(t, 1<<30), nil, c.args...)
				until(t, "the first samples", func() bool { return strings.Contains(v.stdout.String(), "ready") })
				if c.kill {
					if err := v.cmd.Process.Kill(); err != nil {
						t.Fatal(err)
					}
				}
				v.wait("its end")
				code := v.cmd.ProcessState.ExitCode()
				if v.killedBySIGKILL() {
					code = 137 // As a container runtime says it.
				}
				before := v.restart()
				told(t, before, postmortem.Unknown, sameTraces)
				f, err := os.Open(before.Box)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				story, err := blackbox.Read(f)
				if err != nil {
					t.Fatal(err)
				}
				told(t, postmortem.Judge(&story, postmortem.Facts{ExitCode: &code}), c.kind, c.says)
			})
		})
	}
}

func told(t *testing.T, e postmortem.Exit, kind postmortem.Kind, says string) {
	t.Helper()
	text := e.Summary + "; " + strings.Join(e.Reasons, "; ")
	t.Logf("%s: %s", e.Kind, text)
	if e.Kind != kind || !strings.Contains(text, says) {
		t.Errorf("%s: %s; want %s: %s", e.Kind, text, kind, says)
	}
}

// TestKernelRebootIsToldApart shows the next start another boot id, in a mount
// namespace of its own.
func TestKernelRebootIsToldApart(t *testing.T) {
	if kerneltest.InVM() {
		t.Skip("the VM has no unshare(1) and no shell")
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		kerneltest.Missing(t, "unshare(1): %v", err)
	}
	boot := filepath.Join(t.TempDir(), "boot_id")
	if err := os.WriteFile(boot, []byte("00000000-0000-4000-8000-000000000000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := `mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"`
	for _, c := range []struct {
		name        string
		before, now string // NODE_NAME
		kind        postmortem.Kind
		says        string
	}{
		{"reboot", "a", "a", postmortem.Killed, "started again: its boot id"},
		{"another node", "a", "b", postmortem.Unknown, "it ran on another machine, a"},
		{"reboot or another node", "", "", postmortem.Unknown, "or this one was started again"},
	} {
		repeat(t, c.name, *rounds, func(t *testing.T) {
			v := startVictim(t, kerneltest.NewGroup(t, 128*mebi), []string{"NODE_NAME=" + c.before}, args("idle")...)
			until(t, "the first samples", func() bool { return strings.Contains(v.stdout.String(), "ready") })
			if err := v.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			v.wait("its end")
			told(t, v.restart("env", "NODE_NAME="+c.now, unshare, "--mount", "sh", "-c", other, boot), c.kind, c.says)
		})
	}
}

// TestKernelInvisibleOOMKill kills a child by the limit while its parent, which
// memguard watches, lives on.
func TestKernelInvisibleOOMKill(t *testing.T) {
	repeat(t, "another process killed by the limit", *rounds, func(t *testing.T) {
		g := kerneltest.NewGroup(t, 128*mebi)
		v := startVictim(t, g, []string{"MEMGUARD_GOMEMLIMIT=off"}, args("spawn -rate 200MiB -wait")...)
		until(t, "the end of the child", func() bool { return strings.Contains(v.stdout.String(), "child ended") })
		until(t, "a record of the kill", func() bool {
			return strings.Contains(v.stderr.String(), "killed another process")
		})
		v.terminate()
		e := v.restart()
		told(t, e, postmortem.Clean, "Stop")
		if len(e.OOMKills) != 1 || e.OOMKills[0].Count != 1 {
			t.Errorf("kills of others: %+v", e.OOMKills)
		}
	})
}

// TestKernelSpikeIsReported has another process of the group fill it to 95 %
// for 60 ms, while the one that is watched gets no processor, as under a CPU
// quota. No sample sees it.
func TestKernelSpikeIsReported(t *testing.T) {
	const limit = 128 * mebi
	repeat(t, "spike of 60 ms to 95 % between two samples", *rounds, func(t *testing.T) {
		g := kerneltest.NewGroup(t, limit)
		v := startVictim(t, g, nil, "idle")
		until(t, "a complete sample after the first", func() bool { return len(v.stdout.String()) > 0 })
		pause(t, v, true)
		other := startVictim(t, g, []string{"MEMGUARD=off"}, args("spike -size %d -hold 60ms -after 0s", limit*95/100-int(g.Usage(t))-mebi)...)
		other.wait("the spike")
		pause(t, v, false)
		until(t, "a record of the spike", func() bool { return strings.Contains(v.stderr.String(), "rose and fell") })
		v.terminate()
		e := v.restart()
		t.Logf("%s; highest %.1f%%, spikes %+v", strings.Fields(other.stdout.String())[1:5], 100*float64(g.Peak(t))/limit, e.Spikes)
		if len(e.Spikes) != 1 || e.Spikes[0].Bytes < limit*90/100 || e.Spikes[0].Bytes > g.Peak(t) {
			t.Errorf("spikes %+v; the group's peak was %d of %d", e.Spikes, g.Peak(t), int64(limit))
		}
		if len(e.Crossings) > 0 {
			t.Errorf("a sample saw it: %+v", e.Crossings)
		}
	})
}

// pause stops the victim or has it go on.
func pause(t *testing.T, v *victim, stop bool) {
	t.Helper()
	signal, state := syscall.SIGCONT, "running"
	if stop {
		signal, state = syscall.SIGSTOP, "stopped"
	}
	if err := v.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	until(t, "state "+state, func() bool {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(v.cmd.Process.Pid), "stat"))
		fields := strings.Fields(string(stat))
		return err == nil && len(fields) > 2 && (fields[2] == "T") == stop
	})
}
