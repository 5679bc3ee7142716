//go:build !linux

package heapdump

import (
	"errors"
	"os"
)

// renameNoReplace exists on Linux only.
func renameNoReplace(*os.File, string, string) error { return errors.ErrUnsupported }

// dropCache matters to memory cgroups only.
func dropCache(*os.File) {}

// volume knows no other system's file systems.
func volume(*os.File) (Kind, int64) { return "", 0 }
