package memguard

import (
	"context"
	"os"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// openFiles are the descriptors of this process and what they lead to.
func openFiles(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		// The descriptor of this very directory is gone by now.
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			out[e.Name()] = target
		}
	}
	return out
}

func TestStopLeavesNoDescriptor(t *testing.T) {
	cycle := func() {
		// The real cgroup of this machine, if it has one.
		s := quiet(t, nil)
		s.locate = cgroupstat.Locate
		g := mustStart(t, s)
		if _, err := g.Dump(context.Background(), "opens files"); err != nil {
			t.Fatal(err)
		}
		if err := g.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	cycle() // What the runtime opens once, such as its poller, stays.
	before := openFiles(t)
	for range 5 {
		cycle()
	}
	for fd, target := range openFiles(t) {
		if before[fd] != target {
			t.Errorf("descriptor %s to %s was left open", fd, target)
		}
	}
}
