package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric"
)

const protocolVariable = "OTEL_EXPORTER_OTLP_PROTOCOL"

// newProvider exports once a minute, or as OTEL_METRIC_EXPORT_INTERVAL says.
func newProvider(ctx context.Context) (*metric.MeterProvider, error) {
	exporter, err := newExporter(ctx)
	if err != nil {
		return nil, err
	}
	return metric.NewMeterProvider(metric.WithReader(metric.NewPeriodicReader(exporter))), nil
}

// newExporter reads one variable; the exporters read all others themselves. It
// does not connect: a collector may come later.
func newExporter(ctx context.Context) (exporter metric.Exporter, err error) {
	switch protocol := cmp.Or(os.Getenv(protocolVariable), "grpc"); protocol {
	case "grpc":
		exporter, err = otlpmetricgrpc.New(ctx)
	case "http/protobuf":
		exporter, err = otlpmetrichttp.New(ctx)
	default:
		return nil, fmt.Errorf("%s=%q: accepted are grpc and http/protobuf", protocolVariable, protocol)
	}
	if err != nil {
		return nil, fmt.Errorf("OTLP exporter: %w", err)
	}
	return exporter, nil
}

// quiet is how long errors of the SDK are counted only, after one was logged.
const quiet = time.Minute

// errorLog is the SDK's error handler: a collector that is down makes every
// export an error.
type errorLog struct {
	mu      sync.Mutex
	last    time.Time
	dropped int
}

// Handle logs at most one error a minute.
func (l *errorLog) Handle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && time.Since(l.last) < quiet {
		l.dropped++
		return
	}
	slog.Warn("opentelemetry", "err", err, "dropped", l.dropped)
	l.last, l.dropped = time.Now(), 0
}
