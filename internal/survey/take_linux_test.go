package survey

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

func TestTakeWithoutACgroup(t *testing.T) {
	var s Survey
	if err := Take(nil, 0, &s); err != nil || len(s.Processes) != 0 || s.Time.IsZero() {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestTakeNamesTheOthers(t *testing.T) {
	g := kerneltest.NewGroup(t, 64<<20)
	cmd := exec.Command("sleep", "60")
	g.Start(t, cmd)
	loc := cgroupstat.At(g.Version, g.Dir)
	var s Survey
	// Between fork and exec it still has another name.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if err := Take(&loc, 0, &s); err != nil {
			t.Fatal(err)
		}
		if len(s.Processes) == 1 && s.Processes[0].Name == "sleep" {
			break
		}
	}
	if s.NumProcesses != 1 || len(s.Processes) != 1 || s.Truncated {
		t.Fatalf("%+v", s)
	}
	p := s.Processes[0]
	if p.PID != cmd.Process.Pid || p.Name != "sleep" || p.Self || p.RSSAnon.IsZero() || p.OOMScore.IsZero() || s.OtherAnon != p.RSSAnon.Or(0) {
		t.Errorf("%+v", p)
	}
}

func TestTmpfs(t *testing.T) {
	if os.Geteuid() != 0 {
		kerneltest.Missing(t, "a mount needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("memguard-test", dir, "tmpfs", 0, "size=8m"); err != nil {
		kerneltest.Missing(t, "mount tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	var s Survey
	if err := Take(nil, 0, &s); err != nil {
		t.Fatal(err)
	}
	for _, m := range s.Tmpfs {
		if m.Dir == dir {
			if m.Bytes != 3<<20 || m.Size != 8<<20 {
				t.Errorf("%+v", m)
			}
			return
		}
	}
	t.Errorf("%s is not among %+v", dir, s.Tmpfs)
}

// TestQueuesAreReadOnV1: elsewhere nothing needs them.
func TestQueuesAreReadOnV1(t *testing.T) {
	for version, want := range map[cgroupstat.Version]bool{cgroupstat.V1: true, cgroupstat.V2: false} {
		loc := cgroupstat.At(version, t.TempDir())
		var s Survey
		if err := Take(&loc, 0, &s); err != nil {
			t.Fatal(err)
		}
		if told := !s.TCPQueued.IsZero(); told != want {
			t.Errorf("cgroup %v: %t", version, told)
		}
	}
}

func BenchmarkTake(b *testing.B) {
	loc, err := cgroupstat.Locate()
	if err != nil {
		b.Skip(err)
	}
	var s Survey
	b.ReportAllocs()
	for b.Loop() {
		if err := Take(&loc, 0, &s); err != nil {
			b.Fatal(err)
		}
	}
}
