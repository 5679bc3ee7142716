//go:build !linux

package memcg

import (
	"errors"
	"os/exec"
)

// startIn is never reached: there is no group to start in.
func startIn(*Group, *exec.Cmd) error { return errors.ErrUnsupported }
