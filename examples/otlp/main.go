// Otlp is a small service that exports memguard's metrics over OTLP, by gRPC or
// HTTP.
//
//	OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 go run -C examples/otlp .
//
// The guard knows nothing of OTLP: it finds the global provider by itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/memguard-dev/go-memguard/memguard"
)

// patience is how long the last requests, and then the last export, may take.
const patience = 5 * time.Second

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "otlp:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("otlp", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8080", "address to serve at")
	if err := flags.Parse(args); err != nil {
		return err
	}

	otel.SetErrorHandler(&errorLog{})
	provider, err := newProvider(ctx)
	if err != nil {
		return err
	}
	otel.SetMeterProvider(provider)

	guard, err := memguard.Start()
	if err != nil {
		slog.Warn("memguard", "err", err) // Bad configuration only; guard is never nil.
	}
	defer guard.Stop()
	// Before Stop, after which the guard exports nothing: Shutdown sends the last values.
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		if failed := provider.Shutdown(last); failed != nil {
			slog.Warn("last export", "err", failed)
		}
	}()

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	slog.Info("listening", "address", listener.Addr().String())
	return serve(ctx, listener)
}
