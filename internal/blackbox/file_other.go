//go:build !linux

package blackbox

import (
	"errors"
	"fmt"
)

// Supported tells whether this system has black boxes.
const Supported = false

func createFile(Options) (target, error) {
	return nil, fmt.Errorf("black box: %w", errors.ErrUnsupported)
}

// BootID is the kernel's name of this boot.
func BootID() (string, error) { return "", errors.ErrUnsupported }
