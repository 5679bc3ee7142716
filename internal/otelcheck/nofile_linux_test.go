package otelcheck

import (
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/memguard"
)

// TestCollectOpensNoFile: what the SDK collects is whole where no file can be
// opened.
func TestCollectOpensNoFile(t *testing.T) {
	reader := metric.NewManualReader()
	start(t, memguard.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))), memguard.WithSemconvContainerMetrics())
	names := func() (list []string) {
		var data metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &data); err != nil {
			t.Fatal(err)
		}
		for _, scope := range data.ScopeMetrics {
			for _, m := range scope.Metrics {
				// These come with a diagnosis or a collection, which are none of a scrape's.
				if !slices.ContainsFunc([]string{"finding", "time_to_limit", "recommended", "heap.live"}, func(s string) bool { return strings.HasSuffix(m.Name, s) }) {
					list = append(list, m.Name)
				}
			}
		}
		slices.Sort(list)
		return list
	}
	want := names()
	kerneltest.NoFiles(t)
	if got := names(); !slices.Equal(got, want) || len(want) < 20 {
		t.Errorf("without files:\n%q, want\n%q", got, want)
	}
}
