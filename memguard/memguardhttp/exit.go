package memguardhttp

import (
	"html/template"

	"github.com/memguard-dev/go-memguard/internal/chart"
	"github.com/memguard-dev/go-memguard/memguard"
)

// exitView is how the process before this one ended.
type exitView struct {
	Kind, Severity, Summary, Culprit string
	Reasons                          []string
	Grew                             []grewView
	Chart                            template.HTML
}

type grewView struct{ Name, Before, After string }

// severities of exits that are no info.
var severities = map[memguard.ExitKind]memguard.Severity{
	memguard.ExitOOMSuspected: memguard.SeverityCritical,
	memguard.ExitCrash:        memguard.SeverityCritical,
	memguard.ExitKilled:       memguard.SeverityWarning,
	memguard.ExitUnknown:      memguard.SeverityWarning,
}

func exitViewOf(e *memguard.PreviousExit) *exitView {
	v := &exitView{Kind: words(string(e.Kind)), Severity: string(memguard.SeverityInfo), Summary: e.Summary, Reasons: e.Reasons}
	if s, ok := severities[e.Kind]; ok {
		v.Severity = string(s)
	}
	if e.Culprit != nil {
		v.Culprit = site(e.Culprit)
	}
	for _, g := range e.Grew {
		v.Grew = append(v.Grew, grewView{words(g.Bucket), size(g.Before), size(g.After)})
	}
	if len(e.LastMinute) > 1 {
		v.Chart = lastMinute(e)
	}
	return v
}

func lastMinute(e *memguard.PreviousExit) template.HTML {
	first, last := e.LastMinute[0].Time, e.LastMinute[len(e.LastMinute)-1].Time
	c := chart.Chart{Name: "The last minute of the process before", From: first, To: last, End: "end", Max: float64(e.Limit.Or(0))}
	usage, unreclaimable := make([]chart.Point, len(e.LastMinute)), make([]chart.Point, len(e.LastMinute))
	for i, l := range e.LastMinute {
		usage[i], unreclaimable[i] = chart.Point{At: l.Time, Value: float64(l.Usage)}, chart.Point{At: l.Time, Value: float64(l.Unreclaimable)}
	}
	c.Series = []chart.Series{{Name: "usage", Points: usage}, {Name: "unreclaimable", Points: unreclaimable}}
	if n, ok := e.Limit.Get(); ok {
		ends := []chart.Point{{At: first, Value: float64(n)}, {At: last, Value: float64(n)}}
		c.Series = append(c.Series, chart.Series{Name: "limit", Class: chart.ClassLimit, Points: ends})
	}
	for i := range e.Dumps {
		if at := e.Dumps[i].Time; !at.Before(first) {
			c.Events = append(c.Events, chart.Event{At: at, Name: "dump (" + string(e.Dumps[i].Stage) + ")", Class: chart.ClassDump})
		}
	}
	return template.HTML(c.SVG()) //nolint:gosec // The picture escapes what is in it.
}
