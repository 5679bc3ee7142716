package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/memcg"
)

const (
	childVariable = "MEMGUARD_QUICKSTART_CHILD"
	limitVariable = "MEMGUARD_MEMORY_LIMIT"
	ownLimit      = 256 * mebi
	// largestLimit is what the example is ready to fill.
	largestLimit = 1 << 30
)

// launch finds a limit, the more real the better, and runs watch under it.
func launch() error {
	if limit, ok := containerLimit(); ok && limit <= largestLimit {
		fmt.Printf("limit: that of this container, %d MiB\n", limit/mebi)
		return watch()
	}
	if os.Getenv(limitVariable) == "" {
		err := launchInGroup()
		if !errors.Is(err, memcg.ErrUnavailable) {
			return err
		}
		fmt.Printf("%v\n", err)
		if err := os.Setenv(limitVariable, "256Mi"); err != nil {
			return err
		}
	}
	fmt.Printf("limit: %s=%s, not enforced by a kernel\n", limitVariable, os.Getenv(limitVariable))
	return watch()
}

func containerLimit() (uint64, bool) {
	loc, err := cgroupstat.Locate()
	if err != nil {
		return 0, false
	}
	r, err := cgroupstat.Open(loc)
	if err != nil {
		return 0, false
	}
	defer r.Close()
	var l cgroupstat.Limits
	if err := r.Limits(&l); err != nil {
		return 0, false
	}
	return l.Max.Bytes.Get()
}

// launchInGroup runs this program again inside a cgroup of its own.
func launchInGroup() error {
	group, err := memcg.New("memguard-quickstart", ownLimit)
	if err != nil {
		return err
	}
	fmt.Printf("limit: %d MiB, cgroup %s %s, removed at the end\n", ownLimit/mebi, group.Version, group.Dir)
	self, err := os.Executable()
	if err != nil {
		return errors.Join(err, group.Remove())
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	if err := group.Start(cmd); err != nil {
		return errors.Join(err, group.Remove())
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case s := <-interrupted:
		err = errors.Join(fmt.Errorf("%v", s), cmd.Process.Kill(), <-ended)
	}
	return errors.Join(err, group.Remove())
}
