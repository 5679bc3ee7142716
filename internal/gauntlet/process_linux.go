package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/internal/diagnose"
)

func processScenarios() []scenario {
	fine := codes(diagnose.Healthy, diagnose.PageCache)
	return []scenario{
		{name: "other_process", about: "a child whose memory grows by 1.5 MiB a second", want: codes(diagnose.OtherProcess), run: growingChild},
		{name: "many_children", about: "a child of some MiB more every three seconds", want: codes(diagnose.OtherProcess), run: manyChildren},
		{name: "short_children", about: "a child of 16 MiB every second that ends", want: fine, healthy: true, run: shortChildren},
		{name: "large_sidecar", about: "a child that holds 60 MiB from the start", want: codes(diagnose.OtherProcess), run: largeChild},
		{name: "invisible_oom_kill", about: "a child that grows until the kernel kills it, alone", want: codes(diagnose.InvisibleOOMKill), run: doomedChild},
		{name: "socket_buffers", about: "TCP connections whose receiver never reads, 4 a second with half a MiB each", want: codes(diagnose.SocketBuffers), run: fullSockets},
	}
}

// The ways of a child.
const (
	childGrows  = "grows"
	childHolds  = "holds"
	childSmall  = "small"
	childMedium = "medium"
	childDoomed = "doomed"
)

// child is this program as another process of the container.
func child(how string) {
	ctx := context.Background()
	rate, most := int64(1500*kib), int64(80*mib)
	switch how {
	case childHolds:
		rate, most = 1<<30, 60*mib
	case childSmall:
		rate, most = 1<<30, 2*mib
	case childMedium:
		rate, most = 1<<30, 16*mib
	case childDoomed:
		// The kernel takes it first.
		if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
			fmt.Fprintln(os.Stderr, "gauntlet:", err)
			return
		}
		rate, most = 30*mib, 0
	}
	if err := steadily(ctx, rate, most, func(n int64) error {
		b, err := mapAnon(int(n))
		mapped = append(mapped, touch(b))
		return err
	}); err != nil {
		fmt.Fprintln(os.Stderr, "gauntlet:", err)
	}
	time.Sleep(time.Hour) // Until it is ended.
}

// startChild starts one that ends when ctx does. It is for a goroutine that
// keeps its thread: the signal of the parent's death is that of the thread's.
func startChild(ctx context.Context, how string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args[0] = "shipper"
	cmd.Env = append(os.Environ(), childVariable+"="+how)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return cmd, cmd.Start()
}

// withChild runs one until the end.
func withChild(ctx context.Context, how string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd, err := startChild(ctx, how)
	if err != nil {
		return err
	}
	err = cmd.Wait()
	if ctx.Err() != nil || how == childDoomed {
		return nil //nolint:nilerr // Ended by us, or as it should.
	}
	return err
}

func manyChildren(ctx context.Context, _ string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	go func() { _ = serve(ctx, 2*mib) }()
	var all []*exec.Cmd
	for ctx.Err() == nil {
		cmd, err := startChild(ctx, childSmall)
		if err != nil {
			return err
		}
		all = append(all, cmd)
		wait(ctx, 3*time.Second)
	}
	for _, cmd := range all {
		_ = cmd.Wait() // Ended by us.
	}
	return nil
}

func shortChildren(ctx context.Context, _ string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	go func() { _ = serve(ctx, 2*mib) }()
	for ctx.Err() == nil {
		short, cancel := context.WithTimeout(ctx, 700*time.Millisecond)
		cmd, err := startChild(short, childMedium)
		if err == nil {
			_ = cmd.Wait() // Ended by us.
		}
		cancel()
		if err != nil && ctx.Err() == nil {
			return err
		}
		wait(ctx, 300*time.Millisecond)
	}
	return nil
}

func growingChild(ctx context.Context, _ string) error {
	go func() { _ = serve(ctx, 2*mib) }()
	return withChild(ctx, childGrows)
}

func largeChild(ctx context.Context, _ string) error {
	go func() { _ = serve(ctx, 2*mib) }()
	return withChild(ctx, childHolds)
}

func doomedChild(ctx context.Context, _ string) error {
	// It alone: a slow kernel may take a second one before the first is gone.
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0); err != nil && !errors.Is(err, os.ErrPermission) {
		return err
	}
	go func() { _ = serve(ctx, 2*mib) }()
	wait(ctx, 5*time.Second)
	return withChild(ctx, childDoomed)
}

func fullSockets(ctx context.Context, _ string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // The run is over.
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			open.keep(c)
		}
	}()
	go func() { _ = serve(ctx, 2*mib) }()
	message := make([]byte, 512*kib)
	return steadily(ctx, 4, 0, func(n int64) error {
		for range n {
			c, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				return err
			}
			// Or until the receiver's buffer is full, and the sender's.
			if err := c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
				return err
			}
			if _, err := c.Write(message); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return err
			}
			open.keep(c)
		}
		return nil
	})
}

// open keeps connections from being collected.
var open connections

type connections struct {
	mu  sync.Mutex
	all []net.Conn
}

func (c *connections) keep(one net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, one)
}
