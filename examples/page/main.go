// Page is a small service with memguard's page on a port of its own, which the
// outside does not reach.
//
//	go run ./examples/page -leak 2
//
// Open http://127.0.0.1:6060/debug/memguard/ and see the leak climb, take a
// dump, and look who holds the memory. In Kubernetes:
// kubectl port-forward pod/… 6060.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/memguard-dev/go-memguard/memguard"
	"github.com/memguard-dev/go-memguard/memguard/memguardhttp"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("page", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:6060", "address of the page, for operators only")
	rate := flags.Int("leak", 0, "MiB to leak in a second")
	most := flags.Int("leak-max", 150, "MiB at which the leak stops")
	if err := flags.Parse(args); err != nil {
		return err
	}
	guard, err := memguard.Start()
	if err != nil {
		slog.Warn("memguard", "err", err) // Bad configuration only; guard is never nil.
	}
	defer guard.Stop()

	// A mux of its own, on a port of its own: not http.DefaultServeMux.
	inner := http.NewServeMux()
	inner.Handle("/debug/memguard/", memguardhttp.Handler(guard))
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	slog.Info("listening", "page", "http://"+listener.Addr().String()+"/debug/memguard/")
	server := &http.Server{Handler: inner, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close() // It ends anyhow.
	}()
	go leak(ctx, *rate, *most)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// sessions is never emptied.
var sessions [][]byte

func leak(ctx context.Context, rate, most int) {
	if rate <= 0 {
		return
	}
	tick := time.NewTicker(time.Second / time.Duration(16*rate))
	defer tick.Stop()
	for range 16 * most {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			rememberSession()
		}
	}
}

// rememberSession is what the flame graph shows widest: 64 KiB a call.
//
//go:noinline
func rememberSession() {
	for range 16 {
		session := make([]byte, 4<<10)
		for i := range session {
			session[i] = byte(i)
		}
		sessions = append(sessions, session)
	}
}
