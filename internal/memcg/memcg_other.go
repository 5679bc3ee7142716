//go:build !linux

package memcg

import (
	"fmt"
	"os/exec"
	"runtime"
)

func unavailable() error { return fmt.Errorf("%w: %s has none", ErrUnavailable, runtime.GOOS) }

func newGroup(string, int64) (*Group, error)     { return nil, unavailable() }
func (*Group) sub(string, int64) (*Group, error) { return nil, unavailable() }
func (*Group) setLimit(int64) error              { return unavailable() }
func (*Group) start(*exec.Cmd) error             { return unavailable() }
func (*Group) remove() error                     { return unavailable() }
