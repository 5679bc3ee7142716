package webcheck

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/syncbuf"
)

const (
	// patience is how long a test waits for anything, a busy machine included.
	patience = 60 * time.Second
	// leaks is the function of the example that does.
	leaks = "main.rememberSession"
)

// until polls for a condition with a deadline.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !met(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

var serving = regexp.MustCompile(`page=(http://\S+)`)

// startExample starts the example in a group of its own and gives the address
// of its page; both numbers are in MiB.
func startExample(t *testing.T, rate, most int) string {
	t.Helper()
	group := kerneltest.NewGroup(t, 192<<20)
	cmd := exec.Command(kerneltest.Build(t, "examples/page", "-trimpath"), "-listen", "127.0.0.1:0",
		"-leak", strconv.Itoa(rate), "-leak-max", strconv.Itoa(most))
	cmd.Env = append(os.Environ(), "MEMGUARD_DUMP_DIR="+t.TempDir(), "POD_NAME=shop-6c9f7d5b8-x2x7k")
	cmd.Args[0] = "shop" // What the page calls it.
	var out syncbuf.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	group.Start(t, cmd)
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // It may have ended.
		_ = cmd.Wait()         // By that signal.
		if t.Failed() {
			t.Logf("output of the example:\n%s", out.String())
		}
	})
	var found []string
	until(t, "the example serves its page", func() bool {
		found = serving.FindStringSubmatch(out.String())
		return found != nil
	})
	return found[1]
}
