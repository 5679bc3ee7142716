package otelcheck

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/memguard-dev/go-memguard/memguard"
)

// BenchmarkCollect is what a reader costs, our callback and the SDK; with no
// guard it is the SDK's own share.
func BenchmarkCollect(b *testing.B) {
	for name, export := range map[string]bool{"with": true, "without": false} {
		b.Run(name, func(b *testing.B) {
			reader := metric.NewManualReader()
			provider := metric.NewMeterProvider(metric.WithReader(reader))
			if export {
				start(b, memguard.WithMeterProvider(provider))
			}
			var into metricdata.ResourceMetrics
			b.ReportAllocs()
			for b.Loop() {
				if err := reader.Collect(context.Background(), &into); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
