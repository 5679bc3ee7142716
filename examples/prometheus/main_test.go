package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/memguard-dev/go-memguard/memguard"
	"github.com/memguard-dev/go-memguard/memguard/memguardprom"
)

func TestServe(t *testing.T) {
	guard, err := memguard.Start(memguard.WithDumpDir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer guard.Stop()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(memguardprom.New(guard))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener, registry) }()

	for path, want := range map[string]string{"/work": "\n", "/metrics": "\nmemguard_goroutines "} {
		response, err := http.Get("http://" + listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s, %v, %q, want %q in it", path, response.Status, err, body, want)
		}
		_ = response.Body.Close() // It was read to its end.
	}
	end()
	if err := <-ended; err != nil {
		t.Errorf("told to end: %v, want a graceful end", err)
	}
}

func TestPageIsOnItsOwnAddress(t *testing.T) {
	guard, err := memguard.Start(memguard.WithDumpDir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer guard.Stop()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := servePage(t.Context(), address, guard); err == nil {
		t.Error("an address in use: no error")
	}
	_ = free.Close() // For the page to take.
	if err := servePage(t.Context(), address, guard); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/debug/memguard/": http.StatusOK, "/work": http.StatusNotFound} {
		response, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, response.Status, want)
		}
		_ = response.Body.Close() // Only the status counts.
	}
}

func TestRunRefuses(t *testing.T) {
	t.Setenv("MEMGUARD_DUMP_DIR", t.TempDir())
	for _, args := range [][]string{{"-leak", "fast"}, {"-listen", "nowhere"}, {"-listen", "127.0.0.1:0", "-page", "nowhere"}} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func TestLeakHoldsItsMost(t *testing.T) {
	defer func() { forgotten = nil }()
	leak(t.Context(), 1<<30, 10*mebi)
	if held := len(forgotten) * 4 << 10; held != 10*mebi {
		t.Errorf("held = %d, want %d", held, 10*mebi)
	}
}
