package e2e

import (
	"flag"
	"strconv"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/memcg"
)

var rounds = flag.Int("rounds", 1, "how often to repeat what is told of ends")

// repeat does something n times, and logs how often it was right for the table
// of make ends.
func repeat(t *testing.T, what string, n int, once func(*testing.T)) {
	t.Helper()
	right := 0
	for i := range n {
		if t.Run(strconv.Itoa(i), once) {
			right++
		}
	}
	tabulate(t, what, "process", right, n)
}

// tabulate logs a line of that table; rig is a process or a container.
func tabulate(t *testing.T, what, rig string, right, n int) {
	t.Helper()
	t.Logf("ends: | %s | cgroup %s, %s | %d of %d |", what, version(t), rig, right, n)
}

func version(t *testing.T) cgroupstat.Version {
	t.Helper()
	h, err := memcg.Root()
	if err != nil {
		t.Fatal(err)
	}
	return h.Version
}
