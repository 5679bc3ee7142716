package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/memguard"
)

const mebi = 1 << 20

// watch is the program itself: one call of Start, and then its own work.
func watch() error {
	dumps, err := os.MkdirTemp("", "memguard-quickstart-")
	if err != nil {
		return err
	}
	guard, err := memguard.Start(memguard.WithDumpDir(dumps),
		memguard.WithLogger(slog.New(slog.NewTextHandler(os.Stdout, nil))))
	if err != nil {
		// Bad configuration: memguard runs with the defaults instead.
		fmt.Println("memguard:", err)
	}
	defer guard.Stop()

	limit, ok := guard.Snapshot().Limit.Bytes.Get()
	if !ok {
		return errors.New("no memory limit: set MEMGUARD_MEMORY_LIMIT=256Mi")
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The threshold is reached in about five seconds, whatever the limit.
		leakRequestContexts(int(limit/100), stop)
	}()
	dump, err := waitForDump(guard)
	close(stop)
	<-done
	if err != nil {
		return err
	}
	show(dump)
	return nil
}

// leaked is what a forgetful service keeps: it is never emptied.
var leaked [][]byte

// leakRequestContexts keeps perTick bytes more every 50 milliseconds.
//
//go:noinline
func leakRequestContexts(perTick int, stop <-chan struct{}) {
	const object = 4 << 10
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		for n := 0; n < perTick; n += object {
			request := make([]byte, object)
			for i := range request {
				request[i] = byte(i)
			}
			leaked = append(leaked, request)
		}
	}
}

// waitForDump prints a line twice a second until the complete dump is there.
func waitForDump(guard *memguard.Guard) (heapdump.Dump, error) {
	started := time.Now()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		s := guard.Snapshot()
		fmt.Println(line(&s))
		if s.LastDump != nil && s.LastDump.Stage == heapdump.Fresh {
			return *s.LastDump, nil
		}
		if time.Since(started) > 25*time.Second {
			return heapdump.Dump{}, fmt.Errorf("no dump within 25 s; failing: %v", s.Failing)
		}
	}
	return heapdump.Dump{}, nil
}

func line(s *memguard.Snapshot) string {
	basis, limit := s.BasisBytes.Or(0), max(1, s.Limit.Bytes.Or(1))
	const width = 40
	filled := min(width, int(width*basis/limit))
	gap, _ := s.Gap()
	return fmt.Sprintf("  [%s%s] %3d%%  %d of %d MiB %s   heap %d MiB   gap %d MiB   goroutines %d",
		strings.Repeat("#", filled), strings.Repeat(".", width-filled), 100*basis/limit,
		basis/mebi, limit/mebi, s.Basis, s.HeapInUse()/mebi, gap/mebi, s.Go.Goroutines)
}

func show(dump heapdump.Dump) {
	fmt.Printf("\nheap dump: %s\nmanifest:  %s\n\nwho holds the memory:\n", dump.Path, dump.Manifest)
	for _, s := range dump.Top[:min(3, len(dump.Top))] {
		fmt.Printf("  %7.1f MiB%s  %s  %s:%d\n", float64(s.Bytes)/mebi, grown(&s), s.Function, filepath.Base(s.File), s.Line)
	}
	fmt.Printf("\nlook further:\n  go tool pprof -top %s\n  go tool pprof -http=localhost: %s\n", dump.Path, dump.Path)
}

// grown is empty without a baseline.
func grown(s *heapdump.Site) string {
	if s.Grown == nil {
		return ""
	}
	return fmt.Sprintf(", grown by %.1f MiB", float64(*s.Grown)/mebi)
}
