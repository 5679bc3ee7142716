package cgroupstat

import "errors"

var (
	// ErrNoCgroup means that no memory cgroup is visible, as in gVisor.
	ErrNoCgroup = errors.New("no memory cgroup is visible")
	// ErrNotSupported means that this system has no cgroups.
	ErrNotSupported = errors.New("cgroups are not supported on this system")
	// ErrGone means that the cgroup was removed, or the process moved out and it was.
	ErrGone = errors.New("cgroup is gone")
	// ErrNoUsage means that the level has no usage: the root of cgroup v2.
	ErrNoUsage = errors.New("cgroup has no usage file")
	// ErrClosed means that the Reader was closed.
	ErrClosed = errors.New("reader is closed")
)

// FileError is a file that could not be read or understood.
type FileError struct {
	Op   string // "open", "read" or "parse"
	Path string
	Err  error
}

func (e *FileError) Error() string { return e.Op + " " + e.Path + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *FileError) Unwrap() error { return e.Err }
