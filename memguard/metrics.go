package memguard

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const scopeName = "github.com/memguard-dev/go-memguard"

// meters holds the OpenTelemetry instruments and the registration of the one
// callback.
type meters struct {
	guard        *Guard
	registration metric.Registration
	integers     map[*Metric]metric.Int64Observable
	floats       map[*Metric]metric.Float64Observable

	// Readers may collect at the same time.
	mu      sync.Mutex
	options map[seriesKey][]metric.ObserveOption
}

type seriesKey struct {
	metric *Metric
	values attributes
}

// mostSeries bounds the attribute sets that are kept.
const mostSeries = 1000

// newMeters makes the instruments and the callback on the guard's provider.
func newMeters(g *Guard) (*meters, error) {
	meter := g.settings.meterProvider.Meter(scopeName)
	m := &meters{
		guard: g, options: map[seriesKey][]metric.ObserveOption{},
		integers: map[*Metric]metric.Int64Observable{}, floats: map[*Metric]metric.Float64Observable{},
	}
	var all []metric.Observable
	for _, row := range g.rows() {
		made, err := m.make(meter, &row.Metric)
		if err != nil {
			return nil, fmt.Errorf("metric %s: %w", row.Name, err)
		}
		all = append(all, made)
	}
	registration, err := meter.RegisterCallback(m.observe, all...)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	m.registration = registration
	return m, nil
}

// make makes an instrument: seconds are fractions, all else is whole.
func (m *meters) make(meter metric.Meter, row *Metric) (made metric.Observable, err error) {
	unit, description := metric.WithUnit(row.Unit), metric.WithDescription(row.Description)
	if row.Unit == "s" {
		var f metric.Float64Observable
		switch row.Kind {
		case Counter:
			f, err = meter.Float64ObservableCounter(row.Name, unit, description)
		case UpDownCounter:
			f, err = meter.Float64ObservableUpDownCounter(row.Name, unit, description)
		default:
			f, err = meter.Float64ObservableGauge(row.Name, unit, description)
		}
		m.floats[row] = f
		return f, err
	}
	var n metric.Int64Observable
	switch row.Kind {
	case Counter:
		n, err = meter.Int64ObservableCounter(row.Name, unit, description)
	case UpDownCounter:
		n, err = meter.Int64ObservableUpDownCounter(row.Name, unit, description)
	default:
		n, err = meter.Int64ObservableGauge(row.Name, unit, description)
	}
	m.integers[row] = n
	return n, err
}

// observe is the callback.
func (m *meters) observe(_ context.Context, o metric.Observer) (err error) {
	// The SDK does not recover: a panic here would end the host.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("memguard: collect metrics: %v", r)
		}
	}()
	m.mu.Lock()
	defer m.mu.Unlock()
	for measured := range m.guard.Measurements() {
		options := m.optionsOf(&measured)
		if f, ok := m.floats[measured.Metric]; ok {
			o.ObserveFloat64(f, measured.Value, options...)
			continue
		}
		o.ObserveInt64(m.integers[measured.Metric], int64(measured.Value), options...)
	}
	return nil
}

// optionsOf makes the attributes of a series once.
func (m *meters) optionsOf(measured *Measurement) []metric.ObserveOption {
	if len(measured.Metric.Attributes) == 0 {
		return nil
	}
	key := seriesKey{measured.Metric, measured.Attributes}
	options, ok := m.options[key]
	if !ok {
		var set []attribute.KeyValue
		for i, name := range measured.Metric.Attributes {
			set = append(set, attribute.String(name, measured.Attributes[i]))
		}
		options = []metric.ObserveOption{metric.WithAttributeSet(attribute.NewSet(set...))}
		if len(m.options) >= mostSeries { // Thresholds may change again and again.
			clear(m.options)
		}
		m.options[key] = options
	}
	return options
}

func (m *meters) unregister() error {
	if m == nil || m.registration == nil {
		return nil
	}
	return m.registration.Unregister()
}
