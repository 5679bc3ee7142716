package procmem

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// statusSize holds a /proc/self/status many times over: about 1.5 KiB, and
// some more where a large machine prints long CPU and node masks.
const statusSize = 16 << 10

// Reader keeps the descriptors. It is not safe for concurrent use.
type Reader struct {
	status, score, scoreAdj int
	buf                     []byte
}

// Open opens the files of this process. A missing /proc is an error; a
// missing oom_score (some sandboxes) is not.
func Open() (*Reader, error) {
	status, err := open("/proc/self/status")
	if err != nil {
		return nil, err
	}
	r := &Reader{status: status, score: -1, scoreAdj: -1, buf: make([]byte, statusSize)}
	if fd, err := open("/proc/self/oom_score"); err == nil {
		r.score = fd
	}
	if fd, err := open("/proc/self/oom_score_adj"); err == nil {
		r.scoreAdj = fd
	}
	return r, nil
}

func open(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return -1, fmt.Errorf("open %s: %w", path, err)
		}
		return fd, nil
	}
}

// Read fills dst. On error dst holds what could be read.
func (r *Reader) Read(dst *Mem) error {
	*dst = Mem{}
	text, err := r.pread(r.status)
	if err != nil {
		return fmt.Errorf("read /proc/self/status: %w", err)
	}
	if err := parseStatus(text, dst); err != nil {
		return fmt.Errorf("parse /proc/self/status: %w", err)
	}
	return r.readOOM(dst)
}

func (r *Reader) readOOM(dst *Mem) error {
	if r.score >= 0 {
		text, err := r.pread(r.score)
		if err != nil {
			return fmt.Errorf("read /proc/self/oom_score: %w", err)
		}
		n, err := parseUint(bytes.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("parse /proc/self/oom_score: %w", err)
		}
		dst.OOMScore = cgroupstat.Of(n)
	}
	if r.scoreAdj >= 0 {
		text, err := r.pread(r.scoreAdj)
		if err != nil {
			return fmt.Errorf("read /proc/self/oom_score_adj: %w", err)
		}
		dst.OOMScoreAdj, err = parseInt(bytes.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("parse /proc/self/oom_score_adj: %w", err)
		}
		dst.OOMScoreAdjSet = true
	}
	return nil
}

var errTooLong = errors.New("file longer than its buffer")

func (r *Reader) pread(fd int) ([]byte, error) {
	for {
		n, err := unix.Pread(fd, r.buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n == len(r.buf) {
			return nil, errTooLong
		}
		return r.buf[:n], nil
	}
}

// Close closes the descriptors; a second Close does nothing.
func (r *Reader) Close() error {
	var errs []error
	for _, fd := range []*int{&r.status, &r.score, &r.scoreAdj} {
		if *fd >= 0 {
			errs = append(errs, unix.Close(*fd))
			*fd = -1
		}
	}
	return errors.Join(errs...)
}
