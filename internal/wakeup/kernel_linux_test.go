package wakeup_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/wakeup"
)

// TestOnOtherKernel runs the tests on the kernel of the virtual machine, with
// v2 and v1.
func TestOnOtherKernel(t *testing.T) {
	for name, v1 := range map[string]bool{"v1": true, "v2": false} {
		t.Run(name, func(t *testing.T) {
			kerneltest.VMTests{Packages: []string{"internal/wakeup"}, Run: "^TestKernel", V1: v1}.Do(t)
		})
	}
}

// enough is time for what is to happen at once, on a slow machine.
const enough = 20 * time.Second

func open(t *testing.T, g *kerneltest.Group) *wakeup.Watcher {
	t.Helper()
	return openAt(t, cgroupstat.At(g.Version, g.Dir))
}

func openAt(t *testing.T, l cgroupstat.Location) *wakeup.Watcher {
	t.Helper()
	w, err := wakeup.Open(l, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// openV1 opens a group with thresholds that have been registered.
func openV1(t *testing.T, g *kerneltest.Group, thresholds ...uint64) *wakeup.Watcher {
	t.Helper()
	only(t, g, cgroupstat.V1)
	w := open(t, g)
	set(t, w, thresholds...)
	return w
}

func only(t *testing.T, g *kerneltest.Group, v cgroupstat.Version) {
	t.Helper()
	if g.Version != v {
		t.Skipf("cgroup %v, this is about %v", g.Version, v)
	}
}

func set(t *testing.T, w *wakeup.Watcher, thresholds ...uint64) {
	t.Helper()
	if err := w.Thresholds(thresholds...); err != nil {
		t.Fatal(err)
	}
	wants(t, w, wakeup.Threshold)
}

// wants waits until these, and no others, have been told.
func wants(t *testing.T, w *wakeup.Watcher, want wakeup.Source) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	if got, err := w.Wait(ctx); err != nil || got != want {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
}

// wakes waits until nothing has come for a while, and counts what came.
func wakes(t *testing.T, w *wakeup.Watcher) int {
	t.Helper()
	for n := 0; ; n++ {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := w.Wait(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestKernelThresholds(t *testing.T) {
	g := kerneltest.NewGroup(t, 256*mebi)
	w := openV1(t, g, 64*mebi, 100*mebi)
	if w.Sources() != wakeup.Threshold {
		t.Errorf("sources: %v", w.Sources())
	}
	child := start(t, g, "hold")
	child.hold(t, 20) // Beside some of its own, more of a race build.
	if n := wakes(t, w); n != 0 {
		t.Errorf("%d wakes below the thresholds", n)
	}
	for _, n := range []int{70, 20, 80, 120, 20} {
		child.hold(t, n)
		wants(t, w, wakeup.Threshold)
		t.Logf("holds %d MiB: %d wakes more", n, wakes(t, w))
	}
	child.end(t)
}

func TestKernelReplacedThresholds(t *testing.T) {
	g := kerneltest.NewGroup(t, 256*mebi)
	w := openV1(t, g, 60*mebi)
	child := start(t, g, "hold")
	child.hold(t, 30)
	set(t, w, 120*mebi)
	child.hold(t, 80)
	if n := wakes(t, w); n != 0 {
		t.Errorf("%d wakes by a threshold that was replaced", n)
	}
	child.hold(t, 140)
	wants(t, w, wakeup.Threshold)
	set(t, w)
	child.hold(t, 30)
	if n := wakes(t, w); n != 0 {
		t.Errorf("%d wakes without thresholds", n)
	}
	child.end(t)
}

// The same again is no reason to register, or to wake.
func TestKernelSameThresholds(t *testing.T) {
	g := kerneltest.NewGroup(t, 256*mebi)
	w := openV1(t, g, 60*mebi, 90*mebi)
	if err := w.Thresholds(90*mebi, 0, 60*mebi, 90*mebi-1); err != nil {
		t.Fatal(err)
	}
	if n := wakes(t, w); n != 0 {
		t.Errorf("%d wakes", n)
	}
}

func TestKernelThresholdsAreBounded(t *testing.T) {
	w := open(t, kerneltest.NewGroup(t, 64*mebi))
	if err := w.Thresholds(make([]uint64, wakeup.MaxThresholds)...); err != nil {
		t.Error(err)
	}
	if err := w.Thresholds(make([]uint64, wakeup.MaxThresholds+1)...); err == nil {
		t.Error("too many were taken")
	}
}

func TestKernelEvents(t *testing.T) {
	g := kerneltest.NewGroup(t, 48*mebi)
	only(t, g, cgroupstat.V2)
	w := open(t, g)
	if w.Sources()&wakeup.Events == 0 {
		t.Fatalf("sources: %v", w.Sources())
	}
	if n := wakes(t, w); n != 0 {
		t.Errorf("%d wakes before anything happened", n)
	}
	for range 3 {
		start(t, g, "hold").exceed(t, 100)
		ctx, cancel := context.WithTimeout(t.Context(), enough)
		got, err := w.Wait(ctx)
		cancel()
		if err != nil || got&wakeup.Events == 0 {
			t.Fatalf("got %v, %v", got, err)
		}
		t.Logf("%v, %d wakes more", got, wakes(t, w))
	}
}

// Tasks that memory.high slows down stall.
func TestKernelPressure(t *testing.T) {
	g := kerneltest.NewGroup(t, 256*mebi)
	only(t, g, cgroupstat.V2)
	if err := os.WriteFile(filepath.Join(g.Dir, "memory.high"), []byte("33554432"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := open(t, g)
	if w.Sources()&wakeup.Pressure == 0 {
		t.Skipf("sources: %v", w.Sources())
	}
	child := start(t, g, "hold")
	if _, err := child.stdin.Write([]byte("200\n")); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	for n := 1; ; n++ {
		got, err := w.Wait(ctx)
		if err != nil {
			t.Fatalf("%d wakes, %v", n, err)
		}
		if got&wakeup.Pressure != 0 {
			t.Logf("wake %d: %v after %v", n, got, time.Since(begin))
			return
		}
	}
}

func TestKernelReadOnlyMount(t *testing.T) {
	g := kerneltest.NewGroup(t, 48*mebi)
	dir := readOnly(t, g.Dir)
	if g.Version == cgroupstat.V1 {
		_, err := wakeup.Open(cgroupstat.At(g.Version, dir), 0)
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "cgroup.event_control") {
			t.Fatalf("got %v", err)
		}
		return
	}
	w := openAt(t, cgroupstat.At(g.Version, dir))
	if w.Sources() != wakeup.Events {
		t.Errorf("sources: %v", w.Sources())
	}
	start(t, g, "hold").exceed(t, 100)
	wants(t, w, wakeup.Events)
}
