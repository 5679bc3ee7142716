// Package service is what an ordinary small service is made of: an HTTP
// server, one metric through the OpenTelemetry API, and structured logs.
package service

import (
	"errors"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

// Run serves until the listener fails.
func Run(addr string) {
	requests, err := otel.Meter("service").Int64Counter("service.requests", metric.WithUnit("{request}"))
	if err != nil {
		slog.Error("metric", "err", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		requests.Add(r.Context(), 1)
		w.WriteHeader(http.StatusNoContent)
	})
	if err := http.ListenAndServe(addr, mux); !errors.Is(err, http.ErrServerClosed) {
		slog.Error("serve", "err", err)
	}
}
