package wakeup_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

const mebi = 1 << 20

// childEnv makes this test binary the process inside of a group.
const childEnv = "WAKEUP_TEST_CHILD"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(childEnv) {
	case "":
		goleak.VerifyTestMain(m)
		return
	case "hold":
		err = hold(os.Stdin, os.Stdout)
	case "measure":
		err = measure(os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// hold holds as many mebibytes as the last line read says, outside of Go's heap.
func hold(in io.Reader, out io.Writer) error {
	var held [][]byte
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			return err
		}
		for len(held) < n {
			block, err := take(mebi)
			if err != nil {
				return err
			}
			held = append(held, block)
		}
		for len(held) > n {
			if err := unix.Munmap(held[len(held)-1]); err != nil {
				return err
			}
			held = held[:len(held)-1]
		}
		if _, err := fmt.Fprintln(out, n); err != nil {
			return err
		}
	}
	return lines.Err()
}

func take(n int) ([]byte, error) {
	block, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	return block, err
}

// holder is a child that holds memory.
type holder struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr strings.Builder
}

func start(t *testing.T, g *kerneltest.Group, mode string, env ...string) *holder {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := &holder{cmd: exec.Command(self)}
	h.cmd.Env = append(append(os.Environ(), childEnv+"="+mode), env...)
	h.cmd.Stderr = &h.stderr
	if h.stdin, err = h.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.stdout = bufio.NewReader(stdout)
	g.Start(t, h.cmd)
	return h
}

// hold makes it hold n mebibytes, and returns when it does.
func (h *holder) hold(t *testing.T, n int) {
	t.Helper()
	_, err := fmt.Fprintln(h.stdin, n)
	if err == nil {
		_, err = h.stdout.ReadString('\n')
	}
	if err != nil {
		t.Fatalf("child: %v\n%s", err, h.stderr.String())
	}
}

// exceed makes it take more than there is.
func (h *holder) exceed(t *testing.T, n int) {
	t.Helper()
	if _, err := fmt.Fprintln(h.stdin, n); err != nil {
		t.Fatal(err)
	}
	if line, err := h.stdout.ReadString('\n'); err == nil {
		t.Fatalf("the child holds %s", line)
	}
	_ = h.cmd.Wait() // It was killed.
}

func (h *holder) end(t *testing.T) {
	t.Helper()
	if err := errors.Join(h.stdin.Close(), h.cmd.Wait()); err != nil {
		t.Errorf("child: %v\n%s", err, h.stderr.String())
	}
}
