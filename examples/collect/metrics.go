package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics say how the collector does, in a registry of their own.
type metrics struct {
	registry              *prometheus.Registry
	files, bytes, removed prometheus.Counter
	errors                *prometheus.CounterVec
	pending, lastSuccess  prometheus.Gauge
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "memguard_collect_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "memguard_collect_" + name, Help: help})
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		files:    counter("files_shipped_total", "Files sent to the bucket and verified there."),
		bytes:    counter("shipped_bytes_total", "Bytes of these files."),
		removed:  counter("files_removed_total", "Files removed from the volume after they had arrived."),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "memguard_collect_errors_total", Help: "Errors by what failed; each is tried again.",
		}, []string{"kind"}),
		pending:     gauge("pending_files", "Complete files that have not arrived yet, those too young included."),
		lastSuccess: gauge("last_success_timestamp_seconds", "When a pass without an error ended, since 1970; 0 if none has."),
	}
	for _, kind := range faultKinds {
		m.errors.WithLabelValues(kind) // Known from the start, so that rates see the first one.
	}
	m.registry.MustRegister(m.files, m.bytes, m.removed, m.errors, m.pending, m.lastSuccess)
	return m
}

func (m *metrics) fault(kind string) { m.errors.WithLabelValues(kind).Inc() }

// pass takes over what a pass did.
func (m *metrics) pass(r report, now time.Time) {
	m.files.Add(float64(r.shipped))
	m.bytes.Add(float64(r.bytes))
	m.removed.Add(float64(r.removed))
	m.pending.Set(float64(r.left + r.young))
	if r.failed == 0 {
		m.lastSuccess.Set(float64(now.UnixMilli()) / 1000)
	}
}

// serve answers at /metrics until stop is called.
func (m *metrics) serve(address string, log *slog.Logger) (stop func() error, err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	log.Info("metrics", "address", listener.Addr().String())
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := server.Shutdown(ctx)
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}
