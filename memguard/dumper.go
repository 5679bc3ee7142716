package memguard

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// crossing is what the sampler saw when a threshold fired.
type crossing struct {
	line       int
	threshold  Threshold
	grew       bool
	basis      uint64
	sample     sample.Sample
	limit      Limit
	goroutines bool
}

// dumpContext is what memguard adds to a dump's manifest.
type dumpContext struct {
	Threshold  string               `json:"threshold,omitempty"`
	Basis      Basis                `json:"basis"`
	BasisBytes cgroupstat.Value     `json:"basis_bytes,omitzero"`
	Limit      Limit                `json:"limit"`
	Location   *cgroupstat.Location `json:"cgroup,omitempty"`
	Sample     sample.Sample        `json:"sample"`
	Faults     map[string]string    `json:"faults,omitempty"`
}

// dumper writes dumps, one at a time, away from the sampler.
type dumper struct {
	guard    *Guard
	store    *heapdump.Store
	requests chan crossing // holds one: a newer crossing replaces one that waits
	counts   [2][2]atomic.Uint64
}

// stages in the order in which they are written.
var stages = [2]heapdump.Stage{heapdump.Immediate, heapdump.Fresh}

const (
	resultOK = iota
	resultFailed
)

func (d *dumper) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-d.requests:
			err := d.dump(ctx, c)
			if ctx.Err() != nil {
				return
			}
			select {
			case d.guard.sampler.outcomes <- outcome{c.line, err == nil}:
			case <-ctx.Done():
			}
		}
	}
}

// request never blocks: while a dump is being written the latest crossing waits.
func (d *dumper) request(c crossing) {
	for {
		select {
		case d.requests <- c:
			return
		default:
		}
		select {
		case <-d.requests:
		default:
		}
	}
}

// dump writes the stages of one crossing. The second is tried even when the
// first failed; one that is complete is a success.
func (d *dumper) dump(ctx context.Context, c crossing) error {
	var errs []error
	complete := 0
	about, reason := d.context(c), c.reason(d.guard.settings.basis.value)
	for i := range stages {
		got, err := d.capture(ctx, i, c.sample.Time(), reason, about, c.goroutines && i == 0)
		errs = append(errs, err)
		if got.Path != "" {
			complete++
			d.guard.tellDump(got, c.sample.Usage)
		}
	}
	err := errors.Join(errs...)
	if ctx.Err() == nil { // An end by Stop is no fault.
		d.guard.faults.set(partDump, err)
	}
	if complete > 0 {
		return nil
	}
	return err
}

// capture writes one stage and counts how it went. A dump with a path is
// complete even beside an error, which then is about its manifest, fsync or
// what retention could not remove.
func (d *dumper) capture(ctx context.Context, stage int, at time.Time, reason string, about dumpContext, goroutines bool) (heapdump.Dump, error) {
	got, err := d.store.Capture(ctx, heapdump.Request{
		Time: at, Stage: stages[stage], Reason: reason, Context: about, Goroutines: goroutines,
	})
	if got.Path == "" {
		d.counts[stage][resultFailed].Add(1)
		return got, err
	}
	d.counts[stage][resultOK].Add(1)
	d.guard.lastDump.Store(&got)
	return got, err
}

func (d *dumper) context(c crossing) dumpContext {
	g := d.guard
	about := dumpContext{
		Threshold:  c.threshold.String(),
		Basis:      g.settings.basis.value,
		BasisBytes: cgroupstat.Of(c.basis),
		Limit:      c.limit,
		Location:   g.location.Load(),
		Sample:     c.sample,
		Faults:     g.faults.active(),
	}
	if c.threshold == (Threshold{}) {
		about.Threshold = ""
	}
	return about
}

// reason is the crossing in words.
func (c crossing) reason(b Basis) string {
	verb := "reached"
	if c.grew {
		verb = "grew further above"
	}
	text := fmt.Sprintf("%s %s threshold %s: %s", b, verb, c.threshold, mebibytes(c.basis))
	if limit, ok := c.limit.Bytes.Get(); ok {
		text += fmt.Sprintf(" of %s (%.0f%%)", mebibytes(limit), 100*float64(c.basis)/float64(limit))
	}
	return text
}

func mebibytes(n uint64) string {
	return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + "MiB"
}
