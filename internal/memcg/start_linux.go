package memcg

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// startIn starts cmd in the group. v2 has CLONE_INTO_CGROUP; on v1 the child is
// stopped by ptrace at its exec, moved, and let go.
func startIn(g *Group, cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	if g.Version == cgroupstat.V1 {
		return startStopped(g, cmd)
	}
	dir, err := os.Open(g.Dir)
	if err != nil {
		return err
	}
	defer dir.Close() // Only a directory was opened, nothing written.
	cmd.SysProcAttr.UseCgroupFD = true
	cmd.SysProcAttr.CgroupFD = int(dir.Fd())
	return cmd.Start()
}

func startStopped(g *Group, cmd *exec.Cmd) error {
	// A tracer is a thread, not a process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := moveStopped(g, cmd.Process.Pid); err != nil {
		_ = cmd.Process.Kill() // The first error is the one to tell.
		_ = cmd.Wait()
		return err
	}
	return nil
}

func moveStopped(g *Group, pid int) error {
	var status syscall.WaitStatus
	if _, err := ignoringEINTR(func() (int, error) { return syscall.Wait4(pid, &status, 0, nil) }); err != nil {
		return fmt.Errorf("wait for the stop at exec: %w", err)
	}
	if !status.Stopped() {
		return fmt.Errorf("not stopped at exec but in state %#x", status)
	}
	if err := writeFile(g.Dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
		return err
	}
	return syscall.PtraceDetach(pid)
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != syscall.EINTR { //nolint:errorlint // A bare errno.
			return n, err
		}
	}
}
