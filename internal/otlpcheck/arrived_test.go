package otlpcheck

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/memguard-dev/go-memguard/memguard"
)

const scope = "github.com/memguard-dev/go-memguard"

// export is what arrived at once: the metrics by name, and "name{attributes}"
// → value.
type export struct {
	metrics map[string]shape
	values  map[string]float64
}

// shape is what OTLP tells of one beside its values.
type shape struct {
	unit, description, kind string
	attributes              []string
	valueType               pmetric.NumberDataPointValueType
}

// want is how a metric has to arrive.
func want(m *memguard.Metric) shape {
	w := shape{
		unit: m.Unit, description: m.Description, attributes: slices.Sorted(slices.Values(m.Attributes)),
		kind: map[memguard.MetricKind]string{
			memguard.Gauge:         "gauge",
			memguard.Counter:       "sum, cumulative, monotonic",
			memguard.UpDownCounter: "sum, cumulative, not monotonic",
		}[m.Kind],
		valueType: pmetric.NumberDataPointValueTypeInt,
	}
	if m.Unit == "s" {
		w.valueType = pmetric.NumberDataPointValueTypeDouble
	}
	return w
}

func (m shape) String() string {
	return fmt.Sprintf("unit %s, %s of %s, attributes %v: %s", m.unit, m.kind, m.valueType, m.attributes, m.description)
}

// read gives memguard's part of an export.
func read(t *testing.T, data pmetric.Metrics) export {
	t.Helper()
	e := export{map[string]shape{}, map[string]float64{}}
	for _, resource := range data.ResourceMetrics().All() {
		for _, s := range resource.ScopeMetrics().All() {
			if s.Scope().Name() != scope {
				continue
			}
			for _, m := range s.Metrics().All() {
				if _, twice := e.metrics[m.Name()]; twice {
					t.Errorf("%s is twice in an export", m.Name())
				}
				e.add(t, m)
			}
		}
	}
	return e
}

func (e export) add(t *testing.T, m pmetric.Metric) {
	t.Helper()
	got := shape{unit: m.Unit(), description: m.Description()}
	var points pmetric.NumberDataPointSlice
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		got.kind, points = "gauge", m.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		points = m.Sum().DataPoints()
		got.kind = "sum, " + strings.ToLower(m.Sum().AggregationTemporality().String()) + ", not monotonic"
		if m.Sum().IsMonotonic() {
			got.kind = strings.Replace(got.kind, "not ", "", 1)
		}
	default:
		t.Errorf("%s is a %s", m.Name(), m.Type())
		return
	}
	for i, p := range points.All() {
		var keys, parts []string
		for key, value := range p.Attributes().All() {
			keys, parts = append(keys, key), append(parts, key+"="+value.AsString())
		}
		slices.Sort(keys)
		if i == 0 {
			got.attributes, got.valueType = keys, p.ValueType()
		} else if !slices.Equal(keys, got.attributes) || p.ValueType() != got.valueType {
			t.Errorf("%s has points of %s with %v and of %s with %v", m.Name(), got.valueType, got.attributes, p.ValueType(), keys)
		}
		value := p.DoubleValue()
		if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
			value = float64(p.IntValue())
		}
		e.values[series(m.Name(), parts)] = value
	}
	e.metrics[m.Name()] = got
}

// measured is what the guard itself says, by series.
func measured(g *memguard.Guard) (values map[string]float64, kinds map[string]memguard.MetricKind) {
	values, kinds = map[string]float64{}, map[string]memguard.MetricKind{}
	for m := range g.Measurements() {
		var parts []string
		for i, key := range m.Metric.Attributes {
			parts = append(parts, key+"="+m.Attributes[i])
		}
		name := series(m.Metric.Name, parts)
		values[name], kinds[name] = m.Value, m.Metric.Kind
	}
	return values, kinds
}

func series(name string, attributes []string) string {
	slices.Sort(attributes)
	return name + "{" + strings.Join(attributes, ",") + "}"
}

// checkSum holds the breakdown of an export against its usage.
func (e export) checkSum(t *testing.T) {
	t.Helper()
	var sum float64
	buckets := 0
	for name, n := range e.values {
		if strings.HasPrefix(name, "memguard.breakdown{") {
			sum, buckets = sum+n, buckets+1
		}
	}
	if usage := e.values["memguard.usage{}"]; buckets == 0 || sum != usage {
		t.Errorf("the %d buckets of the breakdown add up to %.0f, want the usage, %.0f", buckets, sum, usage)
	}
}
