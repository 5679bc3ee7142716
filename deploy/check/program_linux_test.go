package check

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/syncbuf"
)

const (
	mebi = 1 << 20
	// patience is how long a test waits for anything, a busy machine included.
	patience = 60 * time.Second
)

// until polls for a condition with a deadline.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !met() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// process is a program that a test started.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   syncbuf.Buffer
	ended chan struct{}
	err   error
}

// launch starts a command by start and ends it with the test.
func launch(t *testing.T, cmd *exec.Cmd, start func(*exec.Cmd)) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.out, &p.out
	start(cmd)
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // It may have ended.
		<-p.ended
		if t.Failed() {
			t.Logf("output of %s:\n%s", cmd.Path, p.out.String())
		}
	})
	return p
}

// says waits for a line of its output and gives what the group in it holds.
func (p *process) says(line *regexp.Regexp) string {
	p.t.Helper()
	var found []string
	until(p.t, p.cmd.Path+" says "+line.String(), func() bool {
		select {
		case <-p.ended:
			p.t.Fatalf("%s ended: %v\n%s", p.cmd.Path, p.err, p.out.String())
		default:
		}
		found = line.FindStringSubmatch(p.out.String())
		return found != nil
	})
	return found[1]
}

func (p *process) wait(what string) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("not within %v: %s", patience, what)
	}
}

func (p *process) killed() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// terminate wants a graceful end.
func (p *process) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	p.wait("end after SIGTERM")
	if p.err != nil {
		p.t.Errorf("%s after SIGTERM: %v, want a graceful end", p.cmd.Path, p.err)
	}
}

// startLeak starts the example in the group; both numbers are in MiB.
func startLeak(t *testing.T, g *kerneltest.Group, dumps string, rate, most int, env ...string) *process {
	t.Helper()
	cmd := exec.Command(kerneltest.Build(t, "examples/prometheus"), "-listen", "127.0.0.1:0",
		"-leak", strconv.Itoa(rate), "-leak-max", strconv.Itoa(most))
	cmd.Env = append(append(os.Environ(), "MEMGUARD_DUMP_DIR="+dumps), env...)
	return launch(t, cmd, func(cmd *exec.Cmd) { g.Start(t, cmd) })
}

var listening = regexp.MustCompile(`listening address=(\S+)`)

// address is where it serves.
func (p *process) address() string {
	p.t.Helper()
	return p.says(listening)
}
