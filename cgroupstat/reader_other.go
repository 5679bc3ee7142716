//go:build !linux

package cgroupstat

import (
	"fmt"
	"runtime"
)

// Reader reads nothing on this system.
type Reader struct{}

func unsupported() error { return fmt.Errorf("%w: %s", ErrNotSupported, runtime.GOOS) }

// Open says that this system has no cgroups: [ErrNotSupported].
func Open(Location) (*Reader, error) { return nil, unsupported() }

// Location is empty.
func (*Reader) Location() Location { return Location{} }

// Level is 0.
func (*Reader) Level() int { return 0 }

// Select fails: [ErrNotSupported].
func (*Reader) Select(int) error { return unsupported() }

// Usage fails: [ErrNotSupported].
func (*Reader) Usage() (uint64, error) { return 0, unsupported() }

// Stat fails: [ErrNotSupported].
func (*Reader) Stat(*Stat) error { return unsupported() }

// Peak fails: [ErrNotSupported].
func (*Reader) Peak() (Value, error) { return Value{}, unsupported() }

// RecentPeak fails: [ErrNotSupported].
func (*Reader) RecentPeak() (Value, error) { return Value{}, unsupported() }

// Events fails: [ErrNotSupported].
func (*Reader) Events(*Events) error { return unsupported() }

// Pressure fails: [ErrNotSupported].
func (*Reader) Pressure(*Pressure) (bool, error) { return false, unsupported() }

// Limits fails: [ErrNotSupported].
func (*Reader) Limits(*Limits) error { return unsupported() }

// Close does nothing.
func (*Reader) Close() error { return nil }
