package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/memcg"
)

// stageCommand runs between the runner and the victim of a watcher that only
// works with a container's view of the cgroups.
const stageCommand = "stage"

const (
	cgroupMounts = "/sys/fs/cgroup"
	pidsMount    = cgroupMounts + "/pids"
)

// needsStage tells who reads the root of every v1 hierarchy, as if alone there.
func needsStage(watcher string) bool { return watcher == "autopprof" }

// stageIn makes cmd start the victim on a stage: in a mount namespace of its
// own, where the groups of the victim are the roots. strike undoes it when the
// victim is gone.
func stageIn(cmd *exec.Cmd, g *memcg.Group) (strike func() error, err error) {
	if g.Version != cgroupstat.V1 {
		return nil, errors.New("the stage for a container's view knows cgroup v1 only")
	}
	pids, err := os.MkdirTemp(pidsMount, "memguard-catch-")
	if err != nil {
		return nil, err
	}
	cmd.Args = append([]string{cmd.Args[0], stageCommand, g.Dir, pids}, cmd.Args[1:]...)
	// The Go runtime makes the mounts private with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	return func() error { return removeEmpty(pids) }, nil
}

// removeEmpty removes a group; the kernel may count the dead for a moment.
func removeEmpty(dir string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if err := os.Remove(dir); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// stage sets the scene and becomes the victim.
func stage(args []string) error {
	if len(args) < 3 {
		return errors.New("stage: want the memory group, the pids group and the victim's arguments")
	}
	memory, pids := args[0], args[1]
	if err := os.WriteFile(filepath.Join(pids, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	for _, bind := range []struct{ from, to string }{{memory, cgroupMounts + "/memory"}, {pids, pidsMount}} {
		if err := syscall.Mount(bind.from, bind.to, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("stage: bind %s on %s: %w", bind.from, bind.to, err)
		}
	}
	err := syscall.Unmount(cgroupMounts+"/unified", syscall.MNT_DETACH)
	if err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("stage: unmount the unified hierarchy: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return fmt.Errorf("stage: %w", syscall.Exec(self, append([]string{self}, args[2:]...), os.Environ()))
}
