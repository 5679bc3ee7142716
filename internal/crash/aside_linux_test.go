package crash

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What the child of this binary does with a file in place of dying.
const (
	probeEnv = "CRASH_TEST_PROBE"
	ownEnv   = "CRASH_TEST_OWN"
)

// probe says whether another process has a record lock on the file.
func probe(path string) int {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 9
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil {
		return 9
	}
	if lock.Type == unix.F_UNLCK {
		return 3
	}
	return 0
}

// dieWithOwn sets a crash output of its own, meets Install, and panics.
func dieWithOwn(path string) {
	hole, err := os.Open(os.DevNull)
	if err != nil {
		os.Exit(9)
	}
	own, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		os.Exit(9)
	}
	if err := errors.Join(debug.SetCrashOutput(own, debug.CrashOptions{}), own.Close(), hole.Close()); err != nil {
		os.Exit(9)
	}
	other, err := os.Create(path + ".other")
	if err != nil {
		os.Exit(9)
	}
	for range 3 {
		if _, err := Install(other); !errors.Is(err, ErrTaken) {
			os.Exit(9)
		}
	}
	panic("into its own")
}

// again runs this binary as one of these.
func again(t *testing.T, env, path string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), env+"="+path)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

func TestRecordLocksStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "database")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	held := func(want int) {
		t.Helper()
		if code := again(t, probeEnv, path); code != want {
			t.Errorf("the probe ended with %d, want %d (0: locked, 3: not)", code, want)
		}
	}
	held(3)
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	held(0)
	o, err := Install(newFile(t))
	if err != nil {
		t.Fatal(err)
	}
	held(0)
	if err := o.Remove(); err != nil {
		t.Fatal(err)
	}
	held(0)

	// Its own output keeps them, too.
	defer set(t, nil)
	set(t, newFile(t))
	if _, err := Install(newFile(t)); !errors.Is(err, ErrTaken) {
		t.Error(err)
	}
	held(0)
}

func TestOwnOutputGetsTheWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.txt")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := again(t, ownEnv, path); code != 2 {
		t.Fatalf("ended with %d, want 2 of a panic", code)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), "into its own") {
		t.Errorf("%q, %v", text, err)
	}
	if text, err := os.ReadFile(path + ".other"); err != nil || len(text) > 0 {
		t.Errorf("the other has %q, %v", text, err)
	}
}

// A file that the program closes right then is not the output.
func TestFilesClosedMeanwhile(t *testing.T) {
	defer set(t, nil)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				f, err := os.CreateTemp(dir, "data")
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 100 {
		o, err := Install(newFile(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	own := newFile(t)
	set(t, own)
	for range 100 {
		if _, err := Install(newFile(t)); !errors.Is(err, ErrTaken) {
			t.Fatal(err)
		}
		if n := links(t)[own.Name()]; n != 2 {
			t.Fatalf("%d descriptors of the application's file, want its own and the runtime's", n)
		}
	}
}

// The thread with the copy is gone.
func TestNoCopyStays(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 20 {
		o, err := Install(newFile(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), r.SetReadDeadline(time.Now().Add(10*time.Second))); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the writing end is still open somewhere: %v", err)
	}
}
