package memguard

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

const scopeName = "github.com/memguard-dev/go-memguard"

// Attributes are made once: the set of each instrument is fixed.
var (
	attrType   = attribute.Key("memguard.type")
	attrKind   = attribute.Key("memguard.kind")
	attrSource = attribute.Key("memguard.limit.source")
	attrAt     = attribute.Key("memguard.threshold")
	attrStage  = attribute.Key("memguard.stage")
	attrResult = attribute.Key("memguard.result")
	attrPart   = attribute.Key("memguard.part")
)

// observe reports values of one instrument; an absent one is not reported.
type observe func(n int64, attrs ...attribute.KeyValue)

// instrument is a row of the metric table.
type instrument struct {
	name, unit, description string
	kind                    instrumentKind
	collect                 func(g *Guard, s *sample.Sample, o observe)
}

type instrumentKind uint8

const (
	gauge instrumentKind = iota
	upDownCounter
	counter
)

func value(get func(g *Guard, s *sample.Sample) cgroupstat.Value) func(*Guard, *sample.Sample, observe) {
	return func(g *Guard, s *sample.Sample, o observe) {
		if n, ok := get(g, s).Get(); ok {
			o(int64(n))
		}
	}
}

// instruments is the table of all metrics.
var instruments = []instrument{
	{
		"memguard.limit", "By", "Effective memory limit: the least of the cgroup's levels, a supplied limit and the machine.", gauge,
		func(g *Guard, _ *sample.Sample, o observe) {
			l := g.limit.Load()
			if n, ok := l.Bytes.Get(); ok {
				o(int64(n), attrSource.String(string(l.Source)))
			}
		},
	},
	{
		"memguard.threshold", "By", "Where a dump is taken.", gauge,
		func(g *Guard, _ *sample.Sample, o observe) {
			limit := g.limit.Load().Bytes
			for _, t := range g.targets.Load().thresholds {
				if n, ok := t.At(limit).Get(); ok {
					o(int64(n), attrAt.String(t.String()))
				}
			}
		},
	},
	{
		"memguard.usage", "By", "Memory charged to the container, page cache included.", upDownCounter,
		value(func(_ *Guard, s *sample.Sample) cgroupstat.Value { return s.Usage }),
	},
	{
		"memguard.working_set", "By", "Usage without inactive file pages, as kubectl top shows it.", upDownCounter,
		value(func(_ *Guard, s *sample.Sample) cgroupstat.Value { return s.WorkingSet() }),
	},
	{
		"memguard.unreclaimable", "By", "Usage that the kernel cannot take back before it kills.", upDownCounter,
		value(func(_ *Guard, s *sample.Sample) cgroupstat.Value { return s.Unreclaimable() }),
	},
	{
		"memguard.peak", "By", "Highest usage the kernel has recorded.", gauge,
		value(func(_ *Guard, s *sample.Sample) cgroupstat.Value { return s.Peak }),
	},
	{
		"memguard.breakdown", "By", "Usage by kind; the kinds add up to the usage.", upDownCounter,
		func(_ *Guard, s *sample.Sample, o observe) {
			if parts, ok := s.Breakdown(); ok {
				for _, p := range parts {
					o(int64(p.Bytes), attrKind.String(p.Kind.String()))
				}
			}
		},
	},
	{
		"memguard.process.rss", "By", "Resident memory of this process by type.", upDownCounter,
		func(_ *Guard, s *sample.Sample, o observe) {
			for _, t := range []struct {
				name string
				v    cgroupstat.Value
			}{{"anon", s.Process.RSSAnon}, {"file", s.Process.RSSFile}, {"shmem", s.Process.RSSShmem}} {
				if n, ok := t.v.Get(); ok {
					o(int64(n), attrType.String(t.name))
				}
			}
		},
	},
	{
		"memguard.go.memory", "By", "Memory the Go runtime mapped, by type; released is no longer resident.", upDownCounter,
		func(_ *Guard, s *sample.Sample, o observe) {
			m := &s.Go
			o(int64(m.Objects), attrType.String("heap_objects"))
			o(int64(m.Unused), attrType.String("heap_unused"))
			o(int64(m.Free), attrType.String("heap_free"))
			o(int64(m.Released), attrType.String("heap_released"))
			o(int64(m.Stacks+m.OSStacks), attrType.String("stacks"))
			o(int64(m.Metadata), attrType.String("metadata"))
		},
	},
	{
		"memguard.heap.in_use", "By", "Memory of heap spans that hold objects.", upDownCounter,
		func(_ *Guard, s *sample.Sample, o observe) { o(int64(s.Go.HeapInUse())) },
	},
	{
		"memguard.heap.live", "By", "Heap that the last garbage collection found live.", upDownCounter,
		func(_ *Guard, s *sample.Sample, o observe) { o(int64(s.Go.LiveHeap)) },
	},
	{
		"memguard.gap", "By", "RSS minus heap in use; negative while heap pages were never touched.", gauge,
		func(_ *Guard, s *sample.Sample, o observe) {
			if bytes, ok := s.Gap(); ok {
				o(bytes)
			}
		},
	},
	{
		"memguard.gomemlimit", "By", "GOMEMLIMIT in force; absent when there is none.", gauge,
		func(_ *Guard, s *sample.Sample, o observe) {
			if s.Go.HasMemoryLimit() {
				o(int64(s.Go.MemoryLimit))
			}
		},
	},
	{
		"memguard.goroutines", "{goroutine}", "Live goroutines.", upDownCounter,
		func(_ *Guard, s *sample.Sample, o observe) { o(int64(s.Go.Goroutines)) },
	},
	{
		"memguard.dumps", "{dump}", "Heap dumps by stage and result.", counter,
		func(g *Guard, _ *sample.Sample, o observe) {
			if g.dumper == nil {
				return
			}
			for i, stage := range stages {
				for result, name := range [...]string{resultOK: "ok", resultFailed: "failed"} {
					o(int64(g.dumper.counts[i][result].Load()), attrStage.String(string(stage)), attrResult.String(name))
				}
			}
		},
	},
	{
		"memguard.sampler.samples", "{sample}", "Readings taken.", counter,
		func(g *Guard, _ *sample.Sample, o observe) { o(int64(g.samples.Load())) },
	},
	{
		"memguard.sampler.errors", "{error}", "Failed readings and actions by what failed.", counter,
		func(g *Guard, _ *sample.Sample, o observe) {
			for p := range parts {
				o(int64(g.faults.count(p)), attrPart.String(p.String()))
			}
		},
	},
}

// meters holds the registration of the one callback.
type meters struct {
	registration metric.Registration
}

// newMeters makes the instruments and the callback on the guard's provider.
func newMeters(g *Guard) (*meters, error) {
	meter := g.settings.meterProvider.Meter(scopeName)
	made := make([]metric.Int64Observable, len(instruments))
	observables := make([]metric.Observable, len(instruments))
	for i, in := range instruments {
		m, err := in.make(meter)
		if err != nil {
			return nil, fmt.Errorf("metric %s: %w", in.name, err)
		}
		made[i], observables[i] = m, m
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) (err error) {
		// The SDK does not recover: a panic here would end the host.
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("memguard: collect metrics: %v", r)
			}
		}()
		last := g.published.load()
		for i, in := range instruments {
			in.collect(g, &last, func(n int64, attrs ...attribute.KeyValue) {
				o.ObserveInt64(made[i], n, metric.WithAttributes(attrs...))
			})
		}
		return nil
	}, observables...)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return &meters{registration}, nil
}

func (in instrument) make(meter metric.Meter) (metric.Int64Observable, error) {
	unit, description := metric.WithUnit(in.unit), metric.WithDescription(in.description)
	switch in.kind {
	case upDownCounter:
		return meter.Int64ObservableUpDownCounter(in.name, unit, description)
	case counter:
		return meter.Int64ObservableCounter(in.name, unit, description)
	case gauge:
		return meter.Int64ObservableGauge(in.name, unit, description)
	}
	return nil, errors.ErrUnsupported
}

func (m *meters) unregister() error {
	if m == nil || m.registration == nil {
		return nil
	}
	return m.registration.Unregister()
}
