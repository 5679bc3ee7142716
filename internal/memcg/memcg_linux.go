package memcg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

func newGroup(name string, limit int64) (*Group, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: not root", ErrUnavailable)
	}
	root, version, err := hierarchy()
	if err != nil {
		return nil, err
	}
	return (&Group{Dir: root, Version: version}).sub(name, limit)
}

// hierarchy is the topmost directory of the memory controller that is visible.
func hierarchy() (string, cgroupstat.Version, error) {
	loc, err := cgroupstat.Locate()
	if err != nil {
		return "", 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return loc.Mount, loc.Version, nil
}

func (g *Group) sub(name string, limit int64) (*Group, error) {
	if g.Version == cgroupstat.V2 {
		if err := write(g.Dir, "cgroup.subtree_control", "+memory"); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	dir, err := os.MkdirTemp(g.Dir, name+"-")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	sub := &Group{Dir: dir, Version: g.Version}
	if err := errors.Join(sub.setLimit(limit), sub.forbidSwap(limit)); err != nil {
		return nil, errors.Join(err, sub.remove())
	}
	return sub, nil
}

func (g *Group) setLimit(bytes int64) error {
	name := "memory.max"
	if g.Version == cgroupstat.V1 {
		name = "memory.limit_in_bytes"
	}
	text := strconv.FormatInt(bytes, 10)
	if bytes < 0 && g.Version == cgroupstat.V2 {
		text = "max"
	}
	return write(g.Dir, name, text)
}

// forbidSwap makes the limit the wall; a kernel without swap accounting has
// no such file.
func (g *Group) forbidSwap(limit int64) error {
	if limit < 0 {
		return nil
	}
	name, text := "memory.swap.max", "0"
	if g.Version == cgroupstat.V1 {
		name, text = "memory.swappiness", "0"
	}
	err := write(g.Dir, name, text)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}

func write(dir, name, text string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func (g *Group) start(cmd *exec.Cmd) error {
	if g.Version == cgroupstat.V1 {
		return g.startV1(cmd)
	}
	dir, err := os.Open(g.Dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	return cmd.Start()
}

// startV1 moves this thread alone into the group for the time of the fork: a
// child is born where the forking thread is. What this process has charged
// stays where it was.
func (g *Group) startV1(cmd *exec.Cmd) error {
	home, err := ownV1Dir()
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	tid := strconv.Itoa(unix.Gettid())
	if err := write(g.Dir, "tasks", tid); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	started := cmd.Start()
	if err := write(home, "tasks", tid); err != nil {
		// The thread stays locked, so the runtime ends it with its goroutine.
		return errors.Join(started, err)
	}
	runtime.UnlockOSThread()
	return started
}

func ownV1Dir() (string, error) {
	loc, err := cgroupstat.Locate()
	if err != nil {
		return "", err
	}
	return loc.Levels[0], nil
}

// removeTimeout is how long a killed group may take to become empty.
const removeTimeout = 10 * time.Second

func (g *Group) remove() error {
	deadline := time.Now().Add(removeTimeout)
	for {
		pids, err := g.pids()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, pid := range pids {
			// One that is gone already is what is wanted.
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		err = syscall.Rmdir(g.Dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("remove %s: %w", g.Dir, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (g *Group) pids() ([]int, error) {
	text, err := os.ReadFile(filepath.Join(g.Dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	var pids []int
	for field := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		// A process of another pid namespace shows as 0.
		if pid > 0 && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
