package otlpcheck

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

type protocol string

const (
	overGRPC protocol = "grpc"
	overHTTP protocol = "http/protobuf"
)

// exporter counts what the one that it wraps does.
type exporter struct {
	metric.Exporter
	begun, failed, done atomic.Int64
}

// newExporter gives up an export or a connection after a timeout, and does not
// try again by itself.
func newExporter(t *testing.T, over protocol, address string, timeout time.Duration) *exporter {
	t.Helper()
	e := &exporter{}
	var err error
	if over == overGRPC {
		e.Exporter, err = otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpoint(address), otlpmetricgrpc.WithInsecure(),
			otlpmetricgrpc.WithTimeout(timeout), otlpmetricgrpc.WithReconnectionPeriod(timeout), otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{}))
	} else {
		e.Exporter, err = otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpoint(address), otlpmetrichttp.WithInsecure(),
			otlpmetrichttp.WithTimeout(timeout), otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}))
	}
	if err != nil {
		t.Fatalf("exporter over %s: %v", over, err)
	}
	return e
}

// Export counts.
func (e *exporter) Export(ctx context.Context, data *metricdata.ResourceMetrics) error {
	e.begun.Add(1)
	defer e.done.Add(1)
	err := e.Exporter.Export(ctx, data)
	if err != nil {
		e.failed.Add(1)
	}
	return err
}

// state is what was exported so far.
func (e *exporter) state() string {
	return fmt.Sprintf("%d exports begun, %d done, %d failed", e.begun.Load(), e.done.Load(), e.failed.Load())
}

// newProvider exports at an interval until the test ends.
func newProvider(t *testing.T, e metric.Exporter, interval time.Duration) *metric.MeterProvider {
	t.Helper()
	provider := metric.NewMeterProvider(metric.WithReader(metric.NewPeriodicReader(e, metric.WithInterval(interval), metric.WithTimeout(time.Hour))))
	t.Cleanup(func() {
		// What is left is not waited for: nobody may be there to take it.
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = provider.Shutdown(ctx)
	})
	return provider
}
