package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// The test binary starts itself inside a group, with this variable naming
// what to do there.
const roleVariable = "BENCH_ROLE"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "charge":
		err = charge(os.Args[1])
	case "limits":
		err = limits()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// inside gives the command that runs a role; the group starts it.
func inside(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// still starts a process in the group that holds memory of several kinds, and
// stops it.
func still(t *testing.T, group *kerneltest.Group) {
	t.Helper()
	cmd := inside(t, "charge", filepath.Join(t.TempDir(), "file"))
	ready, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	group.Start(t, cmd)
	if _, err := ready.Read(make([]byte, 1)); err != nil {
		t.Fatalf("the process in %s is not ready: %v", group.Dir, err)
	}
	if err := cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// charge holds clean page cache, a mapped file and anonymous memory until its
// standard input ends.
func charge(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	anon := bytes.Repeat([]byte{1}, 8<<20)
	if _, err := file.Write(anon); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	mapped, err := unix.Mmap(int(file.Fd()), 0, len(anon), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return err
	}
	if !bytes.Equal(mapped, anon) {
		return errors.New("the file is not what was written")
	}
	if _, err := os.Stdout.WriteString("."); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(anon)
	return err
}

// bothLimits is what the two libraries see from inside.
type bothLimits struct {
	Memguard     cgroupstat.Value
	Automemlimit uint64
}

func limits() error {
	loc, err := cgroupstat.Locate()
	if err != nil {
		return err
	}
	reader, err := cgroupstat.Open(loc)
	if err != nil {
		return err
	}
	defer reader.Close()
	var own cgroupstat.Limits
	if err := reader.Limits(&own); err != nil {
		return err
	}
	theirs, err := memlimit.FromCgroup()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(bothLimits{own.Max.Bytes, theirs})
}
