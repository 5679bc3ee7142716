package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/memguard-dev/go-memguard/memguard"
)

// watchers start what is to catch the culprit: dumps go to dir, limit is the
// group's, the threshold is 80 % of it.
var watchers = map[string]func(dir string, limit uint64) error{
	"none":        func(string, uint64) error { return nil },
	"memguard":    func(dir string, _ uint64) error { return startMemguard(dir) },
	"holmes":      startHolmes,
	"autopprof":   startAutopprof,
	"go-watchdog": startGoWatchdog,
	"poll":        func(dir string, limit uint64) error { return startPoll(dir, limit, false) },
	"poll + GC":   func(dir string, limit uint64) error { return startPoll(dir, limit, true) },
}

func startMemguard(dir string) error {
	var out io.Writer = io.Discard
	if os.Getenv("CATCH_LOG") != "" {
		out = os.Stderr
	}
	_, err := memguard.Start(memguard.WithDumpDir(dir), memguard.WithLogger(slog.New(slog.NewTextHandler(out, nil))))
	return err
}

// startPoll is what people write themselves: a ticker, the group's usage and
// pprof.WriteHeapProfile into a temporary file that is renamed.
func startPoll(dir string, limit uint64, gc bool) error {
	u, err := os.Open(os.Getenv("CATCH_USAGE"))
	if err != nil {
		return err
	}
	go func() {
		var text [32]byte
		for range time.Tick(10 * time.Millisecond) {
			n, _ := u.ReadAt(text[:], 0)
			usage, err := strconv.ParseUint(string(text[:max(0, n-1)]), 10, 64)
			if err != nil {
				giveUp("poll", "%v", err)
			}
			if usage < limit/10*8 {
				continue
			}
			if gc {
				runtime.GC()
			}
			if err := writeProfile(filepath.Join(dir, fmt.Sprintf("heap.%d.pprof", time.Now().UnixNano()))); err != nil {
				giveUp("poll", "%v", err)
			}
			return
		}
	}()
	return nil
}

func writeProfile(path string) error {
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	if err := pprof.WriteHeapProfile(f); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
