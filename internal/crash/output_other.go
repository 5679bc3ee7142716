//go:build !linux

package crash

import (
	"errors"
	"os"
)

// Output is a crash output that is in force.
type Output struct{}

// Install fails: [errors.ErrUnsupported].
func Install(*os.File) (*Output, error) { return nil, errors.ErrUnsupported }

// Remove does nothing.
func (*Output) Remove() error { return nil }
