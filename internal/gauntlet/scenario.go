package main

import (
	"context"
	"time"

	"github.com/memguard-dev/go-memguard/internal/diagnose"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// scenario is one program.
type scenario struct {
	name  string
	about string
	// want are the codes accepted as first finding.
	want []diagnose.Code
	// healthy: no leak may be told at any time.
	healthy bool
	// limit of its cgroup in bytes, memguard's own memory included; below 0:
	// none. high is memory.high, which v2 has.
	limit, high int64
	v2only      bool
	cgo         bool
	env         []string
	// apart: scenarios of the same name here do not run at the same time, since
	// they change what the kernel counts for the whole machine alone.
	apart string
	// after is when its first finding is judged.
	after time.Duration
	run   func(ctx context.Context, dir string) error
}

func codes(c ...diagnose.Code) []diagnose.Code { return c }

// scenarios are all there are on this system.
func scenarios() []scenario {
	list := slow(append(append(heapScenarios(), healthyScenarios()...), systemScenarios()...))
	return list
}

// slow fills in what most have in common.
func slow(list []scenario) []scenario {
	for i := range list {
		if list[i].limit == 0 {
			list[i].limit = 128 * mib
		}
		if list[i].after == 0 {
			list[i].after = 35 * time.Second
		}
	}
	return list
}

// leakInC is there where this is built with cgo.
var leakInC func(ctx context.Context, dir string) error

// steadily calls do every tick with the bytes due by then at a rate per second,
// until ctx is done or most are done; most 0 is no end.
func steadily(ctx context.Context, rate, most int64, do func(n int64) error) error {
	const tick = 50 * time.Millisecond
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	start := time.Now()
	var done int64
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		due := int64(time.Since(start).Seconds() * float64(rate))
		if most > 0 {
			due = min(due, most)
		}
		if due <= done {
			continue
		}
		if err := do(due - done); err != nil {
			return err
		}
		done = due
	}
}

// touch writes to every page.
func touch(b []byte) []byte {
	for i := 0; i < len(b); i += 4 * kib {
		b[i] = 1
	}
	return b
}
