package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// shop starts a server that answers every request with 20 KiB.
func shop() (address string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte("item "), 4*kib)) // The client may be gone.
		}),
	}
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() { _ = server.Close() }, nil
}

func web(ctx context.Context, _ string) error {
	address, stop, err := shop()
	if err != nil {
		return err
	}
	defer stop()
	return steadily(ctx, 50, 0, func(n int64) error {
		for range n {
			resp, err := http.Get(address)
			if err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				return err
			}
			if err := resp.Body.Close(); err != nil {
				return err
			}
		}
		return nil
	})
}

// unclosedBodies leaves a connection behind with each response, and two goroutines.
func unclosedBodies(ctx context.Context, _ string) error {
	address, stop, err := shop()
	if err != nil {
		return err
	}
	defer stop()
	var client http.Client
	return steadily(ctx, 40, 0, func(n int64) error {
		for range n {
			r, err := client.Get(address)
			if err != nil {
				return err
			}
			held.bodies = append(held.bodies, r.Body)
		}
		return nil
	})
}
