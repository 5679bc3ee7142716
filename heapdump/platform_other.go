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

// kindOf knows no other system's file systems.
func kindOf(*os.File) Kind { return "" }
