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

// unnamed exists on Linux only.
func (d *directory) unnamed(int64) (*os.File, []byte, error) {
	return nil, nil, errors.ErrUnsupported
}

// reserve has no file to do it for.
func reserve(*os.File, int64) error { return nil }

// link0 has nothing to link.
func (d *directory) link0([]byte, []byte) error { return errors.ErrUnsupported }
