package otelcheck

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/memguard-dev/go-memguard/memguard"
	"github.com/memguard-dev/go-memguard/memguard/memguardprom"
)

// scrape gathers everything as "name{labels}" → value, and "name" → type and help.
func scrape(t *testing.T, registry *prometheus.Registry) (values map[string]float64, kinds map[string]string) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values, kinds = map[string]float64{}, map[string]string{}
	for _, f := range families {
		kinds[f.GetName()] = f.GetType().String() + ": " + f.GetHelp()
		for _, m := range f.GetMetric() {
			n := m.GetGauge().GetValue()
			if f.GetType() == dto.MetricType_COUNTER {
				n = m.GetCounter().GetValue()
			}
			var parts []string
			for _, l := range m.GetLabel() {
				parts = append(parts, l.GetName()+"="+l.GetValue())
			}
			values[f.GetName()+"{"+strings.Join(parts, ",")+"}"] = n
		}
	}
	return values, kinds
}

// TestBothScrapesAreTheSame compares what memguardprom gives with what
// OpenTelemetry's Prometheus exporter makes of the same guard.
func TestBothScrapesAreTheSame(t *testing.T) {
	ours, theirs := prometheus.NewPedanticRegistry(), prometheus.NewPedanticRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(theirs), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		t.Fatal(err)
	}
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	g := start(t, memguard.WithMeterProvider(provider), memguard.WithSemconvContainerMetrics())
	if _, err := g.Dump(context.Background(), "count me"); err != nil {
		t.Fatal(err)
	}
	ours.MustRegister(memguardprom.New(g))
	// A sample may come between the two.
	var differences []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		values, kinds := scrape(t, ours)
		otherValues, otherKinds := scrape(t, theirs)
		if len(kinds) < 25 || len(values) < 50 {
			t.Fatalf("only %d metrics with %d series", len(kinds), len(values))
		}
		differences = append(compare(kinds, otherKinds), compare(values, otherValues)...)
		if len(differences) == 0 {
			t.Logf("%d metrics, %d series", len(kinds), len(values))
			return
		}
	}
	t.Errorf("memguardprom and OpenTelemetry's exporter differ:\n%s", strings.Join(differences, "\n"))
}

func compare[V comparable](ours, theirs map[string]V) (differences []string) {
	all := maps.Clone(theirs)
	maps.Copy(all, ours)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		a, ok := ours[name]
		b, ok2 := theirs[name]
		if !ok || !ok2 || a != b {
			differences = append(differences, fmt.Sprintf("%s: %v (%v) and %v (%v)", name, a, ok, b, ok2))
		}
	}
	return differences
}
