//go:build !linux

package wakeup

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// Watcher watches nothing on this system.
type Watcher struct{}

func unsupported() error {
	return fmt.Errorf("cgroup notifications on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Open fails: [errors.ErrUnsupported].
func Open(cgroupstat.Location, int) (*Watcher, error) { return nil, unsupported() }

// Sources is empty.
func (*Watcher) Sources() Source { return 0 }

// Thresholds fails: [errors.ErrUnsupported].
func (*Watcher) Thresholds(...uint64) error { return unsupported() }

// Wait fails: [errors.ErrUnsupported].
func (*Watcher) Wait(context.Context) (Source, error) { return 0, unsupported() }

// Close does nothing.
func (*Watcher) Close() error { return nil }
