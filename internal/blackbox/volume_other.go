//go:build !linux

package blackbox

import (
	"errors"
	"os"
)

// Dead is a box whose process is gone and whose end nobody has told yet.
type Dead struct {
	Run  string
	Path string
}

// FindDead finds none.
func FindDead(string, func(*Header) bool, int) ([]*Dead, error) { return nil, nil }

// Story reads the box.
func (d *Dead) Story() (Story, error) { return Story{}, errors.ErrUnsupported }

// Crash opens what the runtime said at the end.
func (d *Dead) Crash() (*os.File, string, error) { return nil, "", errors.ErrUnsupported }

// Tell writes how the run ended.
func (d *Dead) Tell([]byte) (string, error) { return "", errors.ErrUnsupported }

// Close gives the lock back.
func (d *Dead) Close() error { return nil }

// CreateCrash makes the file for what the runtime says at the end of a run.
func CreateCrash(string, string) (*os.File, error) { return nil, errors.ErrUnsupported }

// RemoveEmptyCrash removes that file when nothing was said.
func RemoveEmptyCrash(string, string) error { return nil }

// Retain removes nothing.
func Retain(string, int, int64) error { return nil }
