package postmortem

import (
	"slices"
	"time"

	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/breakdown"
	"github.com/memguard-dev/go-memguard/internal/diagnose"
	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// lastMoments is the step of the history that findings are made of: the finest
// ring then holds twelve seconds.
const lastMoments = 50 * time.Millisecond

// diagnose says what was wrong at the end.
func (e *Exit) diagnose(s *blackbox.Story) {
	h := history.New(lastMoments)
	var before sample.Sample
	for i := range s.Samples {
		r := &s.Samples[i]
		if r.Kind() != blackbox.Full {
			continue
		}
		now := r.Sample()
		p := history.PointOf(&now, &before, history.Seen{})
		h.Add(&p)
		before = now
	}
	if before.Scope == sample.None {
		return
	}
	if tree, ok := breakdown.Of(&before, nil); ok {
		e.Breakdown = &tree
	}
	if e.Kind == Clean {
		return
	}
	var doctor diagnose.Doctor
	d := doctor.Diagnose(&diagnose.Facts{History: h, Unlimited: e.Limit.IsZero(), Dead: true})
	e.Findings, e.Trends = d.Findings, d.Trends
	if e.Climb == nil || len(e.Grew) == 0 || e.Kind != OOMSuspected || d.Has(diagnose.HeapLeak) {
		return
	}
	climb := diagnose.Climb{Bucket: e.Bucket, Before: e.Grew[0].Before, After: e.Grew[0].After, Duration: e.Climb.Duration, Limit: e.Limit.Or(0)}
	if f, ok := climb.Finding(); ok && !d.Has(f.Code) {
		e.Findings = append([]diagnose.Finding{f}, slices.DeleteFunc(e.Findings, func(f diagnose.Finding) bool { return f.Code == diagnose.Healthy })...)
	}
}
