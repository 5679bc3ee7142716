package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"github.com/memguard-dev/go-memguard/memguard"
	"github.com/memguard-dev/go-memguard/memguard/memguardhttp"
)

// servePage listens, and answers until ctx ends. The page has a mux and an
// address of its own, since it shows what is in the heap.
func servePage(ctx context.Context, address string, guard *memguard.Guard) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	slog.Info("listening", "page", "http://"+listener.Addr().String()+"/debug/memguard/")
	inner := http.NewServeMux()
	inner.Handle("/debug/memguard/", memguardhttp.Handler(guard))
	server := &http.Server{Handler: inner, ReadHeaderTimeout: patience}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			slog.Warn("page", "err", err)
		}
	}()
	// Nobody waits for the page's last answer: a stream of events never ends.
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return nil
}
