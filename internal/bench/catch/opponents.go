package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// entrant is who takes part in the duel, and what is fair to it.
type entrant struct {
	Name    string // in the tables
	Watcher string
	Module  string        // of whom the version is told
	Env     []string      // of the victim
	Settle  time.Duration // before the ramp: start and warm-up
	Period  time.Duration // of its poll; the ramps begin spread over one
	Hold    time.Duration // a held usage is long enough for a dump
	Ours    bool          // runs in every cell, and more often
	Extra   bool          // runs last, and with one object size
}

const (
	memguardName    = "memguard"
	memguardOffName = "memguard, GOMEMLIMIT off"
	noneName        = "none"
)

// entrants in the order of the tables. Every opponent comes a second time with
// the GOMEMLIMIT that memguard sets by itself.
func entrants(limit uint64) []entrant {
	list := []entrant{
		{Name: memguardName, Watcher: "memguard", Settle: time.Second, Hold: 3 * time.Second, Ours: true},
		{Name: memguardOffName, Watcher: "memguard", Env: []string{"MEMGUARD_GOMEMLIMIT=off"}, Settle: time.Second, Hold: 3 * time.Second, Ours: true},
	}
	others := []entrant{
		{Name: "holmes", Watcher: "holmes", Module: "mosn.io/holmes", Settle: 15 * time.Second, Period: time.Second, Hold: 4 * time.Second},
		{Name: "autopprof", Watcher: "autopprof", Module: "github.com/daangn/autopprof", Settle: 6 * time.Second, Period: 5 * time.Second, Hold: 8 * time.Second},
		{Name: "go-watchdog", Watcher: "go-watchdog", Module: "github.com/raulk/go-watchdog", Settle: time.Second, Period: 100 * time.Millisecond, Hold: 3 * time.Second},
		{Name: "poll", Watcher: "poll", Settle: time.Second, Period: 10 * time.Millisecond, Hold: 3 * time.Second},
		{Name: "poll + GC", Watcher: "poll + GC", Settle: time.Second, Period: 10 * time.Millisecond, Hold: 3 * time.Second},
	}
	list = append(list, others...)
	for _, e := range others {
		e.Name += ", GOMEMLIMIT 90 %"
		e.Env = []string{"GOMEMLIMIT=" + strconv.FormatUint(limit/10*9, 10)}
		e.Extra = true
		list = append(list, e)
	}
	return list
}

// giveUp ends the victim of a watcher that has stopped watching: that must not
// pass for a watcher that was too slow.
func giveUp(watcher, format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s no longer watches: %s\n", watcher, strings.TrimSpace(fmt.Sprintf(format, args...)))
	os.Exit(1)
}
