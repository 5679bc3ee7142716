// Prometheus is a small service whose memory Prometheus sees, as memguard does.
//
//	go run -C examples/prometheus .
//
// It does a little work at /work and has its metrics at /metrics. With -page it
// shows memguard's page as well, on an address of its own. With -leak it forgets
// to let go of memory, so that the alerts have something to tell.
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

	"github.com/prometheus/client_golang/prometheus"

	"github.com/memguard-dev/go-memguard/memguard"
	"github.com/memguard-dev/go-memguard/memguard/memguardprom"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "prometheus:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("prometheus", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8080", "address to serve at")
	page := flags.String("page", "", "address of memguard's page, for operators only; empty = none")
	rate := flags.Int64("leak", 0, "MiB to leak in a second")
	most := flags.Int64("leak-max", 205, "MiB at which the leak stops and is held; 0 = never")
	if err := flags.Parse(args); err != nil {
		return err
	}

	guard, err := memguard.Start()
	if err != nil {
		slog.Warn("memguard", "err", err) // Bad configuration only; guard is never nil.
	}
	defer guard.Stop()
	registry := prometheus.NewRegistry()
	registry.MustRegister(memguardprom.New(guard))

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	slog.Info("listening", "address", listener.Addr().String())
	if *page != "" {
		if err := servePage(ctx, *page, guard); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	if *rate > 0 {
		go leak(ctx, *rate*mebi, *most*mebi)
	}
	return serve(ctx, listener, registry)
}
