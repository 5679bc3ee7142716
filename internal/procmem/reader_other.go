//go:build !linux

package procmem

import (
	"errors"
	"fmt"
	"runtime"
)

// Reader reads nothing on this system.
type Reader struct{}

// Open says that this system has no /proc.
func Open() (*Reader, error) {
	return nil, fmt.Errorf("process memory on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Read leaves dst absent.
func (*Reader) Read(dst *Mem) error {
	*dst = Mem{}
	return nil
}

// Close does nothing.
func (*Reader) Close() error { return nil }

// Mappings are not told on this system.
func Mappings() ([]MappingGroup, bool, error) { return nil, true, nil }
