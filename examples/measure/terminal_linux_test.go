package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

const countEnv = "MEASURE_TEST_COUNT"

// TestMain makes this binary a command that counts what Ctrl-C sends it.
func TestMain(m *testing.M) {
	if os.Getenv(countEnv) == "" {
		os.Exit(m.Run())
	}
	got := make(chan os.Signal, 8)
	signal.Notify(got, os.Interrupt)
	fmt.Println("ready")
	<-got
	n := 1
	for waiting := time.After(time.Second); ; {
		select {
		case <-got:
			n++
		case <-waiting:
			fmt.Println("interrupts:", n)
			return
		}
	}
}

// terminal opens a pseudo terminal.
func terminal(t *testing.T) (master, tty *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		kerneltest.Missing(t, "no pseudo terminals: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		kerneltest.Missing(t, "no pseudo terminals: %v", err)
	}
	return master, tty
}

func TestInterruptOfTheTerminalComesOnce(t *testing.T) {
	master, tty := terminal(t)
	cmd := exec.Command(program(t), "--", os.Args[0])
	cmd.Env = append(os.Environ(), countEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = tty.Close() // The last process to close it ends the reading.
	var seen strings.Builder
	buf := make([]byte, 4096)
	for interrupted := false; ; {
		n, err := master.Read(buf)
		seen.Write(buf[:n])
		if !interrupted && strings.Contains(seen.String(), "ready") {
			interrupted = true
			if _, err := io.WriteString(master, "\x03"); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil {
			break // EIO: nobody has the terminal open.
		}
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(seen.String(), "interrupts: 1\r") {
		t.Errorf("%v, %q", err, seen.String())
	}
}
