package main

import (
	"strings"
	"time"

	"mosn.io/holmes"
	mlog "mosn.io/pkg/log"
)

// startHolmes gives it the limit and the cores by hand, since it finds them by
// itself only on v1 with a CPU quota. Its rule is a strict >, in whole percent.
func startHolmes(dir string, limit uint64) error {
	h, err := holmes.New(holmes.WithDumpPath(dir), holmes.WithCollectInterval("1s"), holmes.WithBinaryDump(),
		holmes.WithMemoryLimit(limit), holmes.WithCPUCore(1), holmes.WithLogger(holmesLog{}),
		holmes.WithMemDump(79, 100000, 79, time.Second))
	if err != nil {
		return err
	}
	h.EnableMemDump().Start()
	return nil
}

// holmesLog keeps silent but for errors: after most of them its loop is over.
type holmesLog struct{}

func (holmesLog) Errorf(format string, args ...any) {
	// This one is harmless: its other mode, which is not in use, misses a GC.
	if !strings.Contains(format, "can not send event to finalizer channel") {
		giveUp("holmes", format, args...)
	}
}

func (holmesLog) Fatalf(format string, args ...any) { giveUp("holmes", format, args...) }
func (holmesLog) Alertf(_, _ string, _ ...any)      {}
func (holmesLog) Warnf(string, ...any)              {}
func (holmesLog) Infof(string, ...any)              {}
func (holmesLog) Debugf(string, ...any)             {}
func (holmesLog) Tracef(string, ...any)             {}
func (holmesLog) SetLogLevel(mlog.Level)            {}
func (holmesLog) GetLogLevel() mlog.Level           { return mlog.ERROR }
func (holmesLog) Toggle(bool)                       {}
func (holmesLog) Disable() bool                     { return false }
