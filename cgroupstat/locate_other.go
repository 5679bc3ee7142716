//go:build !linux

package cgroupstat

import (
	"fmt"
	"runtime"
)

// Locate says that this system has no cgroups: [ErrNotSupported].
func Locate() (Location, error) {
	return Location{}, fmt.Errorf("%w: %s", ErrNotSupported, runtime.GOOS)
}
