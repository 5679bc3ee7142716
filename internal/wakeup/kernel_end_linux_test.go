package wakeup_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/wakeup"
)

// readOnly gives a read-only view of a directory, as a container has it.
func readOnly(t *testing.T, dir string) string {
	t.Helper()
	view := t.TempDir()
	if err := unix.Mount(dir, view, "", unix.MS_BIND, ""); err != nil {
		kerneltest.Missing(t, "bind mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(view, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Mount("", view, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	return view
}

// A cgroup that goes while Wait sleeps. Of memory.events alone nothing tells,
// so that it is found out when Wait is roused for something else.
func TestKernelGone(t *testing.T) {
	for _, c := range []struct {
		name       string
		version    cgroupstat.Version
		readOnly   bool
		thresholds []uint64
		silent     bool
	}{
		{name: "thresholds", version: cgroupstat.V1, thresholds: []uint64{16 * mebi, 32 * mebi}},
		{name: "no thresholds", version: cgroupstat.V1},
		{name: "events and pressure", version: cgroupstat.V2},
		{name: "events", version: cgroupstat.V2, readOnly: true, silent: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := kerneltest.NewGroup(t, 64*mebi)
			only(t, g, c.version)
			dir := g.Dir
			if c.readOnly {
				dir = readOnly(t, dir)
			}
			w := openAt(t, cgroupstat.At(g.Version, dir))
			if c.thresholds != nil {
				set(t, w, c.thresholds...)
			}
			ctx, cancel := context.WithTimeout(t.Context(), enough)
			defer cancel()
			result := sleeping(ctx, t, w)
			if err := os.Remove(g.Dir); err != nil {
				t.Fatal(err)
			}
			if c.silent {
				cancel()
			}
			if err := <-result; !errors.Is(err, cgroupstat.ErrGone) {
				t.Errorf("got %v", err)
			}
			for range 3 {
				if got, err := w.Wait(t.Context()); got != 0 || !errors.Is(err, cgroupstat.ErrGone) {
					t.Errorf("got %v, %v", got, err)
				}
			}
			if _, err := wakeup.Open(cgroupstat.At(g.Version, g.Dir), 0); !errors.Is(err, cgroupstat.ErrGone) {
				t.Errorf("open: %v", err)
			}
		})
	}
}

// sleeping gives the error of a Wait that is asleep by now.
func sleeping(ctx context.Context, t *testing.T, w *wakeup.Watcher) <-chan error {
	t.Helper()
	result := make(chan error, 1)
	go func() {
		_, err := w.Wait(ctx)
		result <- err
	}()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(enough); ; <-poll.C {
		for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(stack, "[IO wait") && strings.Contains(stack, "wakeup.(*Watcher).sleep") {
				return result
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("Wait does not sleep")
		}
	}
}

// PSI can be switched off for one cgroup (cgroup.pressure, Linux 6.1).
func TestKernelPressureSwitchedOff(t *testing.T) {
	g := kerneltest.NewGroup(t, 48*mebi)
	only(t, g, cgroupstat.V2)
	w := open(t, g)
	if err := os.WriteFile(filepath.Join(g.Dir, "cgroup.pressure"), []byte("0"), 0o644); err != nil {
		t.Skip(err)
	}
	if n := wakes(t, w); n > 1 {
		t.Errorf("%d wakes", n)
	}
	start(t, g, "hold").exceed(t, 100)
	wants(t, w, wakeup.Events)
}

func TestKernelContext(t *testing.T) {
	w := open(t, kerneltest.NewGroup(t, 64*mebi))
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		result := sleeping(ctx, t, w)
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	if n := wakes(t, w); n != 0 {
		t.Errorf("%d wakes", n)
	}
}

func TestKernelClose(t *testing.T) {
	g := kerneltest.NewGroup(t, 64*mebi)
	before := descriptors(t)
	w := open(t, g)
	result := sleeping(t.Context(), t, w)
	if g.Version == cgroupstat.V1 {
		if err := w.Thresholds(32 * mebi); err != nil {
			t.Error(err)
		}
		if err := <-result; err != nil {
			t.Error(err)
		}
		result = sleeping(t.Context(), t, w)
	}
	if len(descriptors(t)) == len(before) {
		t.Error("it has no descriptors?")
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Error(err)
	}
	if err := <-result; !errors.Is(err, wakeup.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := w.Wait(t.Context()); !errors.Is(err, wakeup.ErrClosed) {
		t.Errorf("after it: %v", err)
	}
	if err := w.Thresholds(1); g.Version == cgroupstat.V1 && !errors.Is(err, wakeup.ErrClosed) {
		t.Errorf("after it: %v", err)
	}
	if after := descriptors(t); !slices.Equal(before, after) {
		t.Errorf("descriptors before %q, after %q", before, after)
	}
}

// descriptors are those of the kinds a Watcher has.
func descriptors(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, name := range names {
		target, err := os.Readlink(name)
		if err == nil && (strings.HasPrefix(target, "anon_inode:") || strings.Contains(target, "memguard-test")) {
			open = append(open, target)
		}
	}
	slices.Sort(open)
	return open
}

func TestKernelNothingOffered(t *testing.T) {
	g := kerneltest.NewGroup(t, 64*mebi)
	other := cgroupstat.V1
	if g.Version == cgroupstat.V1 {
		other = cgroupstat.V2
	}
	before := descriptors(t)
	for _, l := range []cgroupstat.Location{cgroupstat.At(other, g.Dir), cgroupstat.At(g.Version, t.TempDir()), cgroupstat.At(0, g.Dir)} {
		if _, err := wakeup.Open(l, 0); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v %s: %v", l.Version, l.Levels[0], err)
		}
	}
	for _, level := range []int{-1, 1} {
		if _, err := wakeup.Open(cgroupstat.At(g.Version, g.Dir), level); err == nil {
			t.Errorf("level %d was opened", level)
		}
	}
	if after := descriptors(t); !slices.Equal(before, after) {
		t.Errorf("descriptors before %q, after %q", before, after)
	}
}
