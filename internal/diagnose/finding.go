// Package diagnose says which memory grew and what is wrong: a history goes
// in, ranked findings come out. It is pure.
package diagnose

import (
	"cmp"
	"slices"
	"time"
)

// Severity says how much it matters.
type Severity string

// The severities.
const (
	// Info: nothing to do now.
	Info Severity = "info"
	// Warning: it will be trouble.
	Warning Severity = "warning"
	// Critical: it is trouble, or within minutes.
	Critical Severity = "critical"
)

func (s Severity) order() int {
	switch s {
	case Critical:
		return 0
	case Warning:
		return 1
	default:
		return 2
	}
}

// Finding is a verdict with its evidence.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	// Confidence is from 0 to 1.
	Confidence float64 `json:"confidence"`
	// Summary is one sentence with the numbers, Next what to do.
	Summary string `json:"summary"`
	Next    string `json:"next"`
	// Evidence is the numbers it stands on.
	Evidence []Evidence `json:"evidence,omitempty"`

	class class
	bytes uint64 // that it explains
}

// Evidence is a number; Unit is By, By/s, s, 1, % or a {thing} that is counted.
type Evidence struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// class orders findings of one severity: causes before what follows from them.
type class uint8

const (
	event   class = iota // happened
	growing              // without end
	burning              // processor time
	holding              // much, but no more than before
	margin               // between usage and limit
	symptom              // of a finding above
)

// Trend is how a part of memory has changed over a window.
type Trend struct {
	// Name is that of the bucket, or live_heap, gap, goroutines, threads,
	// unreclaimable. Unit is By, or {goroutine}, {thread}.
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Window is what it is told from.
	Window time.Duration `json:"window_ns"`
	From   float64       `json:"from"`
	To     float64       `json:"to"`
	// Rate is per second, Low and High the bounds that hold it with 99 %.
	Rate float64 `json:"rate_per_second"`
	Low  float64 `json:"rate_low_per_second"`
	High float64 `json:"rate_high_per_second"`
}

// TimeToLimit is when the unreclaimable memory reaches the limit if it goes on
// like this.
type TimeToLimit struct {
	Expected time.Duration `json:"expected_ns"`
	Earliest time.Duration `json:"earliest_ns"`
	// Latest is negative when it may never.
	Latest time.Duration `json:"latest_ns"`
}

// Sizing is what this process's own life recommends.
type Sizing struct {
	// Lived is the time it is made of.
	Lived time.Duration `json:"lived_ns"`
	// P50, P90 and P99 are of the working set in bytes over that time.
	P50 uint64 `json:"p50_bytes"`
	P90 uint64 `json:"p90_bytes"`
	P99 uint64 `json:"p99_bytes"`
	// Request is P50 + 15 %, Limit P99 + 20 %.
	Request uint64 `json:"request_bytes"`
	Limit   uint64 `json:"limit_bytes"`
}

// Diagnosis is all that is known at one time.
type Diagnosis struct {
	// Since is from the start of the process.
	Since time.Duration `json:"since_start_ns"`
	// Findings are those in force, what matters most first; never empty.
	Findings []Finding `json:"findings"`
	Trends   []Trend   `json:"trends,omitempty"`
	// TimeToLimit is nil where nothing grows, or there is no limit.
	TimeToLimit *TimeToLimit `json:"time_to_limit,omitempty"`
	// Sizing is nil before there is a working set.
	Sizing *Sizing `json:"sizing,omitempty"`
}

// Has tells whether a code is among the findings.
func (d *Diagnosis) Has(c Code) bool {
	return slices.ContainsFunc(d.Findings, func(f Finding) bool { return f.Code == c })
}

func before(a, b *Finding) bool {
	return cmp.Or(
		cmp.Compare(btoi(a.class == symptom), btoi(b.class == symptom)),
		cmp.Compare(a.Severity.order(), b.Severity.order()),
		cmp.Compare(a.class, b.class),
		cmp.Compare(b.bytes, a.bytes),
		cmp.Compare(rank(a.Code), rank(b.Code)),
	) < 0
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
