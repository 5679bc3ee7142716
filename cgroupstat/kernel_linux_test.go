package cgroupstat_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

const mebi = 1 << 20

// childEnv makes this test binary the process inside of a group.
const childEnv = "CGROUPSTAT_TEST_CHILD"

func TestMain(m *testing.M) {
	if work, ok := os.LookupEnv(childEnv); ok {
		if err := child(work); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var kept [][]byte

// child tells where it is, takes so many mebibytes, and stays until its
// standard input ends.
func child(work string) error {
	l, err := cgroupstat.Locate()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(work)
	if err != nil {
		return err
	}
	for range n {
		block := make([]byte, mebi)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		kept = append(kept, block)
	}
	if err := json.NewEncoder(os.Stdout).Encode(l); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// startChild gives what the child says of itself once it has its memory.
func startChild(t *testing.T, g *kerneltest.Group, mebibytes int) (l cgroupstat.Location, end func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+strconv.Itoa(mebibytes))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	g.Start(t, cmd)
	if err := json.NewDecoder(stdout).Decode(&l); err != nil {
		t.Fatalf("child: %v\n%s", err, stderr.String())
	}
	return l, func() {
		t.Helper()
		if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
			t.Errorf("child: %v\n%s", err, stderr.String())
		}
	}
}

func openAt(t *testing.T, l cgroupstat.Location) *cgroupstat.Reader {
	t.Helper()
	r, err := cgroupstat.Open(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func limitFile(g *kerneltest.Group) string {
	if g.Version == cgroupstat.V1 {
		return filepath.Join(g.Dir, "memory.limit_in_bytes")
	}
	return filepath.Join(g.Dir, "memory.max")
}

func wantLimit(t *testing.T, r *cgroupstat.Reader, want cgroupstat.Limit) {
	t.Helper()
	var l cgroupstat.Limits
	if err := r.Limits(&l); err != nil {
		t.Fatal(err)
	}
	if l.Max != want {
		t.Errorf("got %+v, want %+v", l.Max, want)
	}
}

func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	deadline, poll := time.Now().Add(20*time.Second), time.NewTicker(5*time.Millisecond)
	defer poll.Stop()
	for !met() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
		<-poll.C
	}
}
