package otelcheck

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/memguard-dev/go-memguard/memguard"
)

// collect reads everything as "name{attributes}" → value.
func collect(t *testing.T, reader metric.Reader) (values map[string]float64, units map[string]string) {
	t.Helper()
	var got metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &got); err != nil {
		t.Fatal(err)
	}
	values, units = map[string]float64{}, map[string]string{}
	for _, scope := range got.ScopeMetrics {
		for _, m := range scope.Metrics {
			units[m.Name] = m.Unit
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				add(values, m.Name, data.DataPoints)
			case metricdata.Gauge[int64]:
				add(values, m.Name, data.DataPoints)
			case metricdata.Sum[float64]:
				add(values, m.Name, data.DataPoints)
			case metricdata.Gauge[float64]:
				add(values, m.Name, data.DataPoints)
			default:
				t.Fatalf("%s is a %T", m.Name, m.Data)
			}
		}
	}
	return values, units
}

func add[N int64 | float64](values map[string]float64, name string, points []metricdata.DataPoint[N]) {
	for _, p := range points {
		values[name+labels(p.Attributes)] = float64(p.Value)
	}
}

func labels(set attribute.Set) string {
	var parts []string
	for _, kv := range set.ToSlice() {
		parts = append(parts, fmt.Sprintf("%s=%s", kv.Key, kv.Value.String()))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func start(t testing.TB, opts ...memguard.Option) *memguard.Guard {
	t.Helper()
	opts = append(opts, memguard.WithDumpDir(t.TempDir()), memguard.WithLogger(slog.New(slog.DiscardHandler)),
		memguard.WithMemoryLimit(1<<40), memguard.WithThresholds(memguard.Bytes(1<<40)))
	g, err := memguard.Start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func TestMetrics(t *testing.T) {
	reader := metric.NewManualReader()
	g := start(t, memguard.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
	if _, err := g.Dump(context.Background(), "count me"); err != nil {
		t.Fatal(err)
	}
	values, units := collect(t, reader)
	for _, name := range []string{
		"memguard.usage{}", "memguard.unreclaimable{}", "memguard.working_set{}", "memguard.heap.in_use{}", "memguard.gomemlimit{}",
		"memguard.goroutines{}", "memguard.gap{}", "memguard.sampler.samples{}", "memguard.threshold{memguard.threshold=1048576Mi}",
		"memguard.process.rss{memguard.type=anon}", "memguard.go.memory{memguard.type=heap_objects}",
		"memguard.sampler.errors{memguard.part=limit}", "memguard.sampler.period{}", "memguard.sampler.duration{}", "memguard.start_time{}",
	} {
		if _, ok := values[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if n := values["memguard.dumps{memguard.result=ok,memguard.stage=fresh}"]; n != 1 {
		t.Errorf("%.0f dumps, want 1", n)
	}
	if units["memguard.usage"] != "By" || units["memguard.dumps"] != "{dump}" {
		t.Errorf("units %v", units)
	}
	var sum float64
	for name, v := range values {
		if strings.HasPrefix(name, "memguard.breakdown{") {
			sum += v
		}
	}
	if usage := values["memguard.usage{}"]; g.Snapshot().Scope == memguard.ScopeCgroup && sum != usage {
		t.Errorf("the breakdown adds up to %.0f, usage is %.0f", sum, usage)
	}
	if rss, heap := values["memguard.process.rss{memguard.type=anon}"], values["memguard.heap.in_use{}"]; rss == 0 || heap == 0 {
		t.Errorf("rss %.0f, heap %.0f", rss, heap)
	}
}

func TestStopUnregisters(t *testing.T) {
	reader := metric.NewManualReader()
	g := start(t, memguard.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}
	if values, _ := collect(t, reader); len(values) != 0 {
		t.Errorf("after Stop: %v", values)
	}
}

func TestGlobalProviderSetAfterStart(t *testing.T) {
	if _, set := otel.GetMeterProvider().(*metric.MeterProvider); set {
		t.Skip("a provider can be set late only once in a process")
	}
	g := start(t)
	reader := metric.NewManualReader()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	values, _ := collect(t, reader)
	if values["memguard.usage{}"] == 0 {
		t.Errorf("no usage on a provider that was set late: %v", values)
	}
	// The values are those of the last sample, and move with it.
	before := g.Snapshot().Samples
	for deadline := time.Now().Add(10 * time.Second); g.Snapshot().Samples == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no further sample")
		}
	}
	if values, _ = collect(t, reader); values["memguard.sampler.samples{}"] <= float64(before) {
		t.Errorf("samples %.0f, before %d", values["memguard.sampler.samples{}"], before)
	}
}
