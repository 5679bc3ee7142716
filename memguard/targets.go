package memguard

import (
	"errors"
	"fmt"
	"slices"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/podinfo"
)

// targets is what may change while running: thresholds, basis and supplied
// limit. A value is never changed once made, so goroutines hand it on by pointer.
type targets struct {
	thresholds setting[[]Threshold]
	basis      setting[Basis]
	supplied   supplied
}

func (s *settings) targets() *targets {
	return &targets{
		thresholds: s.thresholds,
		basis:      s.basis,
		supplied:   supplied{Limit{Bytes: s.memoryLimit.value, Source: LimitSupplied}, s.limitIsCount},
	}
}

func (t *targets) equal(other *targets) bool {
	return t.supplied == other.supplied && t.basis == other.basis &&
		t.thresholds.origin == other.thresholds.origin && slices.Equal(t.thresholds.value, other.thresholds.value)
}

// withPodInfo puts what the volume says over base. A bad value keeps what
// last held, which is the last good one.
func withPodInfo(base, last *targets, info *podinfo.Info) (*targets, error) {
	next := *base
	return &next, errors.Join(
		info.Err(),
		over(&next.thresholds, last.thresholds, info.Threshold, func(text string) (setting[[]Threshold], error) {
			list, err := parseThresholds(text)
			return setting[[]Threshold]{list, info.Threshold.File}, err
		}),
		over(&next.basis, last.basis, info.Basis, func(text string) (setting[Basis], error) {
			b, err := ParseBasis(text)
			return setting[Basis]{b, info.Basis.File}, err
		}),
		over(&next.supplied, last.supplied, info.MemoryLimit, func(text string) (supplied, error) {
			n, err := parseMemoryLimit(text)
			return supplied{Limit{Bytes: cgroupstat.Of(n), Source: LimitPodInfo, File: info.MemoryLimit.File}, isCount(text)}, err
		}),
	)
}

// over sets what an item says, or last where that cannot be read or is no good.
func over[T any](next *T, last T, item podinfo.Item, parse func(string) (T, error)) error {
	if item.Err != nil {
		*next = last
		return nil // It is among those of the volume.
	}
	if item.Text == "" {
		return nil
	}
	got, err := parse(item.Text)
	if err != nil {
		*next = last
		return fmt.Errorf("%s: %w", item.File, err)
	}
	*next = got
	return nil
}
