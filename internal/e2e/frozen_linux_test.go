package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

// mountDisk makes an ext4 file system on a loop device.
func mountDisk(t *testing.T, bytes int64) string {
	t.Helper()
	if kerneltest.InVM() {
		t.Skip("the VM has no mkfs.ext4")
	}
	image, dir := filepath.Join(t.TempDir(), "disk"), t.TempDir()
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, bytes); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			kerneltest.Missing(t, "%v: %v: %s", command, err, out)
		}
	}
	t.Cleanup(func() {
		// Lazily, for a failed test may leave a process there.
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// freeze stops all writes to a file system until thaw, as a storage that does
// not answer does.
func freeze(t *testing.T, dir string) (thaw func()) {
	t.Helper()
	const fiFreeze, fiThaw = 0xc0045877, 0xc0045878
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetInt(int(f.Fd()), fiFreeze, 0); err != nil {
		t.Fatal(err)
	}
	thawed := false
	thaw = func() {
		if thawed {
			return
		}
		thawed = true
		if err := unix.IoctlSetInt(int(f.Fd()), fiThaw, 0); err != nil {
			t.Error(err)
		}
		_ = f.Close()
	}
	t.Cleanup(thaw)
	return thaw
}

// TestKernelFrozenVolumeStallsNothing freezes the volume of a running program:
// it goes on sampling, follows its limit and collects garbage, and after the
// thaw the black box goes on as well.
func TestKernelFrozenVolumeStallsNothing(t *testing.T) {
	dumps := mountDisk(t, 64*mebi)
	g := kerneltest.NewGroup(t, 256*mebi)
	v := startVictim(t, g, []string{"MEMGUARD_DUMP_DIR=" + dumps, "VICTIM_REPORT_GOMEMLIMIT=1"}, "idle")
	follows := func(limit int64) {
		t.Helper()
		began := time.Now()
		g.SetLimit(t, limit)
		until(t, "GOMEMLIMIT at 90 % of "+strconv.FormatInt(limit, 10), func() bool {
			_, ok := reported(v.stdout.String(), limit/10*9)
			return ok
		})
		t.Logf("limit %d MiB: GOMEMLIMIT followed after %v", limit/mebi, time.Since(began))
	}
	follows(200 * mebi)
	thaw := freeze(t, dumps)
	frozen := time.Now()
	for limit := int64(250); limit >= 150; limit -= 10 {
		follows(limit * mebi) // Each at a complete sample, so for seconds.
	}
	thaw()
	t.Logf("frozen for %v", time.Since(frozen))
	follows(140 * mebi)
	until(t, "the box to say so", func() bool {
		boxes, err := filepath.Glob(filepath.Join(dumps, "blackbox-*.box"))
		if err != nil || len(boxes) != 1 {
			t.Fatal(boxes, err)
		}
		text, err := os.ReadFile(boxes[0])
		return err == nil && strings.Contains(string(text), "limit: "+strconv.Itoa(140*mebi))
	})
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	v.wait("its end")
	e := v.restartIn(dumps)
	if gap := frozen.Sub(e.Last.Time); gap > 0 {
		t.Errorf("the last sample is %v older than the freeze", gap)
	}
}

// TestKernelStartOnAStalledVolume starts a program while the volume does not
// answer: it works at once and follows its limit, tells how the run before
// ended when the volume is back, and its own end is a clean one.
func TestKernelStartOnAStalledVolume(t *testing.T) {
	dumps := mountDisk(t, 64*mebi)
	env := []string{"MEMGUARD_DUMP_DIR=" + dumps, "VICTIM_REPORT_GOMEMLIMIT=1"}
	v := startVictim(t, kerneltest.NewGroup(t, 256*mebi), env, "idle")
	until(t, "the first samples", func() bool { return strings.Contains(v.stdout.String(), "ready") })
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	v.wait("its end")

	thaw := freeze(t, dumps)
	g := kerneltest.NewGroup(t, 256*mebi)
	began := time.Now()
	v = startVictim(t, g, env, "idle")
	until(t, "the start", func() bool { return strings.Contains(v.stdout.String(), "ready") })
	took := time.Since(began)
	if took > 10*time.Second {
		t.Errorf("the start took %v", took)
	}
	g.SetLimit(t, 200*mebi)
	until(t, "GOMEMLIMIT to follow", func() bool {
		_, ok := reported(v.stdout.String(), 200*mebi/10*9)
		return ok
	})
	if strings.Contains(v.stderr.String(), "how the process before ended") {
		t.Error("told already: the volume was not stalled")
	}
	thaw()
	until(t, "a record of the exit", func() bool { return strings.Contains(v.stderr.String(), "how the process before ended") })
	told(t, newestExit(t, dumps), postmortem.Unknown, "137 is SIGKILL")
	t.Logf("started within %v", took)
	until(t, "a black box", func() bool { return strings.Contains(v.stderr.String(), "the volume answers now") })
	v.terminate()
	told(t, v.restartIn(dumps), postmortem.Clean, "Stop")
}

// TestKernelStopOnAStalledVolume stops a program that started on a volume that
// never answered.
func TestKernelStopOnAStalledVolume(t *testing.T) {
	dumps := mountDisk(t, 64*mebi)
	thaw := freeze(t, dumps)
	v := startVictim(t, kerneltest.NewGroup(t, 256*mebi), []string{"MEMGUARD_DUMP_DIR=" + dumps}, "idle")
	until(t, "the start", func() bool { return strings.Contains(v.stdout.String(), "ready") })
	began := time.Now()
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "the end of Stop", func() bool { return strings.Contains(v.stderr.String(), "did not end within") })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("Stop took %v", took)
	}
	thaw() // The kernel ends no process that waits for a file system.
	v.wait("its end")
}
