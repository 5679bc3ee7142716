package heapdump

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// TestSlowDisk: while the disk takes its time to make one dump last, urgent ones
// are written, keep that one, and Close waits for it.
func TestSlowDisk(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	var calls, settled atomic.Int32
	dir := t.TempDir()
	s := testStore(t, dir, Options{Keep: 1}, func(e *edges) {
		settle := e.settle
		e.settle = func(d *directory, files []written) error {
			if calls.Add(1) == 1 {
				close(begun)
				<-release
			}
			defer settled.Add(1)
			return settle(d, files)
		}
	})
	slow := make(chan error, 1)
	go func() {
		_, err := s.Capture(t.Context(), Request{Time: noon, Goroutines: true})
		slow <- err
	}()
	<-begun
	urgent(t, s, Request{Time: noon.Add(time.Second)})
	finish(t, s, true)
	urgent(t, s, Request{Time: noon.Add(2 * time.Second)})
	finish(t, s, true)
	// The third took the place of the second; the first is not done with.
	if names := listing(t, dir); len(names) != 3+2 {
		t.Errorf("files %v", names)
	}
	// Nobody can fill a volume on which nothing is made to last.
	ended, end := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, end)
	if d, err := s.Capture(ended, Request{Time: noon.Add(3 * time.Second)}); !errors.Is(err, context.Canceled) || d.Path != "" {
		t.Errorf("beside the slow one: %+v, %v", d, err)
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	for deadline := time.Now().Add(time.Minute); s.Arm(t.Context()) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("Close has not begun")
		}
	}
	select {
	case err := <-closed:
		t.Fatalf("closed (%v) before the slow one had ended", err)
	case err := <-slow:
		t.Fatalf("the slow one ended: %v", err)
	default:
	}
	close(release)
	if err := <-closed; err != nil || settled.Load() != 3 {
		t.Errorf("closed with %d of 3 made to last: %v", settled.Load(), err)
	}
	if err := <-slow; err != nil {
		t.Error(err)
	}
	// The bounds held in the end.
	if names := listing(t, dir); len(names) != 2 {
		t.Errorf("left: %v", names)
	}
}
