package memguard

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/podinfo"
	"github.com/memguard-dev/go-memguard/internal/quantity"
)

// targets is what may change while running: thresholds and supplied limit.
// A value is never changed once made, so goroutines hand it on by pointer.
type targets struct {
	thresholds []Threshold
	origin     string // of the thresholds
	supplied   Limit
}

func (s *settings) targets() *targets {
	return &targets{
		thresholds: s.thresholds.value,
		origin:     s.thresholds.origin,
		supplied:   Limit{Bytes: s.memoryLimit.value, Source: LimitSupplied},
	}
}

func (t *targets) equal(other *targets) bool {
	return t.supplied == other.supplied && t.origin == other.origin && slices.Equal(t.thresholds, other.thresholds)
}

// withPodInfo puts what the volume says over base. A bad value keeps what
// last held, which is the last good one.
func withPodInfo(base, last *targets, dir string, info podinfo.Info) (*targets, error) {
	next := *base
	var errs []error
	if info.Threshold != "" {
		file := filepath.Join(dir, "threshold")
		if list, err := parseThresholds(info.Threshold); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
			next.thresholds, next.origin = last.thresholds, last.origin
		} else {
			next.thresholds, next.origin = list, file
		}
	}
	if info.MemoryLimit != "" {
		file := filepath.Join(dir, "memory_limit")
		if n, err := quantity.Parse(info.MemoryLimit); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
			next.supplied = last.supplied
		} else {
			next.supplied = Limit{Bytes: cgroupstat.Of(n), Source: LimitPodInfo, File: file}
		}
	}
	return &next, errors.Join(errs...)
}
