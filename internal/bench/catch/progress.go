package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"
	"time"
)

// The victim tells how far it is through a shared mapping of a file, which a
// SIGKILL does not take away.

const (
	pointBytes = 24
	maxPoints  = 8 << 10
)

// point is one moment of the ramp.
type point struct {
	at     time.Time
	leaked uint64 // bytes leaked so far
	usage  uint64 // what the group is charged
}

// progress is the victim's side.
type progress struct {
	memory []byte
	n      int
}

func newProgress(path string) (*progress, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close() // The mapping holds it.
	if err := f.Truncate(maxPoints * pointBytes); err != nil {
		return nil, err
	}
	m, err := syscall.Mmap(int(f.Fd()), 0, maxPoints*pointBytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	// The pages are charged now, not during the ramp.
	clear(m)
	return &progress{memory: m}, nil
}

// add counts only once its time is written, which comes last.
func (p *progress) add(leaked, usage uint64) {
	if p.n == maxPoints {
		return
	}
	b := p.memory[p.n*pointBytes:]
	binary.NativeEndian.PutUint64(b[8:], leaked)
	binary.NativeEndian.PutUint64(b[16:], usage)
	binary.NativeEndian.PutUint64(b, uint64(time.Now().UnixNano()))
	p.n++
}

// readProgress is the runner's side.
func readProgress(path string) ([]point, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var points []point
	for ; len(b) >= pointBytes; b = b[pointBytes:] {
		at := binary.NativeEndian.Uint64(b)
		if at == 0 {
			break
		}
		points = append(points, point{
			at:     time.Unix(0, int64(at)),
			leaked: binary.NativeEndian.Uint64(b[8:]),
			usage:  binary.NativeEndian.Uint64(b[16:]),
		})
	}
	return points, nil
}

// crossing is the first point at or above usage.
func crossing(points []point, usage uint64) (point, bool) {
	for _, p := range points {
		if p.usage >= usage {
			return p, true
		}
	}
	return point{}, false
}

// leakedAt is what had been leaked at a moment.
func leakedAt(points []point, at time.Time) uint64 {
	var leaked uint64
	for _, p := range points {
		if p.at.After(at) {
			break
		}
		leaked = p.leaked
	}
	return leaked
}
