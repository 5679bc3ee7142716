package memguard

import (
	"iter"

	"github.com/memguard-dev/go-memguard/internal/sample"
)

// MetricKind is the OpenTelemetry instrument of a metric.
type MetricKind string

// The metric kinds.
const (
	// Gauge is a value whose sum over processes says nothing.
	Gauge MetricKind = "gauge"
	// UpDownCounter is an amount that rises and falls; it can be added up.
	UpDownCounter MetricKind = "updowncounter"
	// Counter only rises.
	Counter MetricKind = "counter"
)

// Metric is a row of the metric table, from which the OpenTelemetry
// instruments, the Prometheus collector and docs/metrics.md are made.
type Metric struct {
	// Name is the one in OpenTelemetry, such as memguard.usage.
	Name string
	// Unit is in UCUM: By, s, or {thing} for what is counted.
	Unit        string
	Kind        MetricKind
	Description string
	// Attributes are the keys, two at most.
	Attributes []string
	// Series is how many there are at most: the product of the values.
	Series int
	// Source is where the value comes from.
	Source string
}

// maxAttributes is how many attributes a metric has at most.
const maxAttributes = 2

// Measurement is one value of a metric.
type Measurement struct {
	Metric *Metric
	Value  float64
	// Attributes are the values of Metric.Attributes, in their order; those
	// beyond are empty.
	Attributes [maxAttributes]string
}

// Metrics is the table of all metrics that this guard may export.
func (g *Guard) Metrics() []*Metric {
	var out []*Metric
	for _, row := range g.rows() {
		out = append(out, &row.Metric)
	}
	return out
}

// Measurements are the values of all metrics at the last sample, for adapters
// to monitoring systems; what the kernel does not tell is left out. It reads no
// file and waits for nothing. After Stop there are none.
func (g *Guard) Measurements() iter.Seq[Measurement] {
	return func(yield func(Measurement) bool) {
		if g == nil || g.sampler == nil || g.ctx.Err() != nil {
			return
		}
		var of *Metric
		more := true
		put := func(n float64, values attributes) {
			more = more && yield(Measurement{of, n, values})
		}
		v := g.view()
		for _, row := range g.rows() {
			of = &row.Metric
			if row.collect(v, put); !more {
				return
			}
		}
	}
}

// rows are those that this guard exports.
func (g *Guard) rows() []*row {
	if g != nil && g.settings != nil && g.settings.semconv {
		return append(table[:len(table):len(table)], semconvTable...)
	}
	return table
}

// view is one moment, which all values of a scrape are of.
type view struct {
	guard      *Guard
	sample     sample.Sample
	limit      Limit
	assessment *assessment // nil: none yet
}

func (g *Guard) view() *view {
	v := &view{guard: g, sample: g.published.load(), limit: *g.limit.Load(), assessment: g.doctor.latest.Load()}
	// The limit and the sample change one after the other.
	v.limit.Bytes = v.sample.Limit
	return v
}
