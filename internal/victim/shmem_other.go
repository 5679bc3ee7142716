//go:build !unix

package main

import (
	"errors"
	"fmt"
	"runtime"
)

func mapShared(int) ([]byte, error) {
	return nil, fmt.Errorf("shmem: %w on %s", errors.ErrUnsupported, runtime.GOOS)
}
