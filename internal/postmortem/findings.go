package postmortem

import (
	"slices"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/breakdown"
	"github.com/memguard-dev/go-memguard/internal/diagnose"
	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/sample"
	"github.com/memguard-dev/go-memguard/internal/survey"
)

// lastMoments is the step of the history that findings are made of: the finest
// ring then holds twelve seconds.
const lastMoments = 50 * time.Millisecond

// diagnose says what was wrong at the end.
func (e *Exit) diagnose(s *blackbox.Story) {
	h := history.New(lastMoments)
	var around *survey.Survey
	var seen history.Seen
	if !s.Around.Survey.Time.IsZero() {
		around = &s.Around.Survey
		seen.TCPQueued = around.TCPQueued
		if around.BPFBytes > 0 {
			seen.BPF = cgroupstat.Of(around.BPFBytes)
		}
	}
	events := s.Events
	var before sample.Sample
	for i := range s.Samples {
		r := &s.Samples[i]
		if r.Kind() != blackbox.Full {
			continue
		}
		events = spikes(events, r.Seq(), &seen)
		now := r.Sample()
		p := history.PointOf(&now, &before, seen)
		h.Add(&p)
		before = now
	}
	if before.Scope == sample.None {
		return
	}
	if tree, ok := breakdown.Of(&before, around); ok {
		e.Breakdown = &tree
	}
	if e.Kind == Clean {
		return
	}
	var doctor diagnose.Doctor
	d := doctor.Diagnose(&diagnose.Facts{
		History: h, Survey: around, High: s.Around.High, Unlimited: e.Limit.IsZero(), Version: s.Around.Version, Dead: true,
	})
	e.Findings, e.Trends = d.Findings, d.Trends
	if e.Climb == nil || len(e.Grew) == 0 || e.Kind != OOMSuspected || d.Has(diagnose.HeapLeak) {
		return
	}
	climb := diagnose.Climb{Bucket: e.Bucket, Before: e.Grew[0].Before, After: e.Grew[0].After, Duration: e.Climb.Duration, Limit: e.Limit.Or(0), Survey: around}
	if f, ok := climb.Finding(); ok && !d.Has(f.Code) {
		e.Findings = append([]diagnose.Finding{f}, slices.DeleteFunc(e.Findings, func(f diagnose.Finding) bool { return f.Code == diagnose.Healthy })...)
	}
}

// spikes takes the events before a record, and those that are spikes into seen.
func spikes(events []blackbox.Record, before uint64, seen *history.Seen) (later []blackbox.Record) {
	seen.Spikes, seen.Spike = 0, 0
	for len(events) > 0 && events[0].Seq() < before {
		if events[0].Kind() == blackbox.Spike {
			height, _ := events[0].Event()
			seen.Spikes++
			seen.Spike = max(seen.Spike, height)
		}
		events = events[1:]
	}
	return events
}
