package memguardprom

import (
	"fmt"
	"iter"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/otlptranslator"

	"github.com/memguard-dev/go-memguard/memguard"
)

// Collector is a prometheus.Collector of one guard. It can be registered with
// any number of registries. After Stop it collects nothing.
type Collector struct {
	measurements func() iter.Seq[memguard.Measurement]
	families     map[*memguard.Metric]*family
	descs        []*prometheus.Desc
	series       int
}

// family is a metric as Prometheus knows it.
type family struct {
	desc    *prometheus.Desc
	counter bool
	labels  []string
}

// New makes the collector of a guard; a nil guard has no metrics.
func New(guard *memguard.Guard) *Collector {
	c := &Collector{measurements: guard.Measurements, families: map[*memguard.Metric]*family{}}
	for _, m := range guard.Metrics() {
		f, err := familyOf(m)
		if err != nil {
			// The registry says so when it registers the collector.
			c.descs = append(c.descs, prometheus.NewInvalidDesc(err))
			continue
		}
		c.families[m] = f
		c.descs = append(c.descs, f.desc)
		c.series += m.Series
	}
	return c
}

// names are OpenTelemetry's rules for Prometheus.
var names = otlptranslator.MetricNamer{WithMetricSuffixes: true}

func familyOf(m *memguard.Metric) (*family, error) {
	var kind otlptranslator.MetricType = otlptranslator.MetricTypeGauge
	switch m.Kind {
	case memguard.Counter:
		kind = otlptranslator.MetricTypeMonotonicCounter
	case memguard.UpDownCounter:
		kind = otlptranslator.MetricTypeNonMonotonicCounter
	}
	name, err := names.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: kind})
	if err != nil {
		return nil, fmt.Errorf("memguardprom: metric %s: %w", m.Name, err)
	}
	f := &family{counter: m.Kind == memguard.Counter}
	for _, key := range m.Attributes {
		label, err := (&otlptranslator.LabelNamer{}).Build(key)
		if err != nil {
			return nil, fmt.Errorf("memguardprom: label of %s: %w", m.Name, err)
		}
		f.labels = append(f.labels, label)
	}
	f.desc = prometheus.NewDesc(name, m.Description, f.labels, nil)
	return f, nil
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		descs <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	// All at once: the receiver may be slow, and the moment is one.
	values, err := c.values()
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
		return
	}
	for i := range values {
		metrics <- &values[i]
	}
}

// values turns a panic into an error: the registry would end the host.
func (c *Collector) values() (values []value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("memguardprom: collect: %v", r)
		}
	}()
	values = make([]value, 0, c.series)
	for m := range c.measurements() {
		if f := c.families[m.Metric]; f != nil {
			values = append(values, value{f, m.Value, m.Attributes})
		}
	}
	return values, nil
}

// value is a prometheus.Metric.
type value struct {
	family     *family
	value      float64
	attributes [2]string
}

func (v *value) Desc() *prometheus.Desc { return v.family.desc }

func (v *value) Write(out *dto.Metric) error {
	for i := range v.family.labels {
		out.Label = append(out.Label, &dto.LabelPair{Name: &v.family.labels[i], Value: &v.attributes[i]})
	}
	slices.SortFunc(out.Label, func(a, b *dto.LabelPair) int {
		if a.GetName() < b.GetName() {
			return -1
		}
		return 1
	})
	if v.family.counter {
		out.Counter = &dto.Counter{Value: &v.value}
	} else {
		out.Gauge = &dto.Gauge{Value: &v.value}
	}
	return nil
}
