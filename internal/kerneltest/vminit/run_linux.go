package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest/vmwire"
	"golang.org/x/sys/unix"
)

// dataDir is where commands run: on the disk, so that its page cache is
// charged and reclaimed as on any machine.
const dataDir = "/data"

// runCommand runs one command to its end and ends whatever it left behind.
func runCommand(events io.Writer, index int, command vmwire.Command) error {
	begin := time.Now()
	code, err := runProcess(command, func(out []byte) error {
		return vmwire.Send(events, vmwire.Event{Command: index, Output: out})
	})
	if err != nil {
		return fmt.Errorf("%q: %w", command.Argv, err)
	}
	return vmwire.Send(events, vmwire.Event{Command: index, Ended: true, Code: code, Took: time.Since(begin)})
}

func runProcess(command vmwire.Command, send func([]byte) error) (code int, err error) {
	if len(command.Argv) == 0 {
		return 0, errors.New("empty command")
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer r.Close() // Read only.
	if err := os.Setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin"); err != nil {
		return 0, err
	}
	cmd := exec.Command(command.Argv[0], command.Argv[1:]...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dataDir, "TMPDIR=" + dataDir + "/tmp"}, command.Env...)
	cmd.Dir = command.Dir
	if cmd.Dir == "" {
		cmd.Dir = dataDir
	}
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	if err := errors.Join(err, w.Close()); err != nil {
		return 0, err
	}
	sent := make(chan error, 1)
	go func() { sent <- forward(r, send) }()
	code, err = reap(cmd.Process.Pid)
	return code, errors.Join(err, <-sent)
}

// forward sends what is written until nobody can write any more.
func forward(r io.Reader, send func([]byte) error) error {
	block := make([]byte, 32<<10)
	for {
		n, err := r.Read(block)
		if n > 0 {
			if err := send(block[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// reap waits for the process and, as the first process has to, for every
// orphan; those that outlive it are killed.
func reap(pid int) (code int, err error) {
	ended := false
	for {
		if ended {
			// Everything but this process; that there is nothing is fine.
			_ = unix.Kill(-1, unix.SIGKILL)
		}
		var status unix.WaitStatus
		got, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECHILD) && ended:
			return code, nil
		case err != nil:
			return 0, err
		case got == pid:
			ended = true
			code = status.ExitStatus()
			if status.Signaled() {
				code = 128 + int(status.Signal())
			}
		}
	}
}
