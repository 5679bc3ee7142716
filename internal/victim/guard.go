package main

import (
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/memguard-dev/go-memguard/memguard"
)

// reportVariable asks for a line at every change of GOMEMLIMIT.
const reportVariable = "VICTIM_REPORT_GOMEMLIMIT"

// start puts memguard over the victim, as any program would, and returns what
// ends it. MEMGUARD=off switches it off.
func start() (stop func()) {
	guard, err := memguard.Start(memguard.WithLogger(slog.New(slog.NewJSONHandler(os.Stderr, nil))))
	if err != nil {
		fmt.Fprintln(os.Stderr, "victim: configuration:", err)
	}
	if os.Getenv(reportVariable) != "" {
		go reportGoMemLimit()
	}
	return func() {
		if err := guard.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "victim: stop:", err)
		}
	}
}

func reportGoMemLimit() {
	last := int64(-1)
	for range time.Tick(2 * time.Millisecond) {
		if now := debug.SetMemoryLimit(-1); now != last {
			last = now
			fmt.Println("gomemlimit", now, time.Now().UnixNano())
		}
	}
}
