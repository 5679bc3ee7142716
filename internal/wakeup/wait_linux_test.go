package wakeup

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// A pipe without its writer stays in EPOLLHUP, as a file of a removed cgroup
// stays in EPOLLERR: it is told once.
func TestReadyForEverIsToldOnce(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if err := unix.Close(pipe[1]); err != nil {
		t.Fatal(err)
	}
	w := &Watcher{events: file{"pipe", pipe[0]}, pressure: noFile, thresholds: noThresholds}
	if err := w.poll(); err != nil {
		t.Fatal(err)
	}
	second, err := newEvent()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.add(second, Pressure); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := second.write([]byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
			t.Fatal(err)
		}
		if ready, _, err := w.sleep(); ready != Pressure || err != nil {
			t.Errorf("%d: %v, %v", i, ready, err)
		}
	}
	if err := errors.Join(second.close(), w.Close()); err != nil {
		t.Error(err)
	}
}

// A file system without notifications is an error of Open, which leaves nothing open.
func TestOpenOfPlainFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"memory.events", "memory.pressure", "memory.usage_in_bytes", "cgroup.event_control"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("0\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range []cgroupstat.Version{cgroupstat.V1, cgroupstat.V2} {
		if w, err := Open(cgroupstat.At(v, dir), 0); err == nil {
			t.Errorf("%v: opened %v", v, w.Sources())
		} else {
			t.Logf("%v: %v", v, err)
		}
	}
}
