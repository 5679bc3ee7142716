package main

import (
	"strings"
	"time"

	watchdog "github.com/raulk/go-watchdog"
)

// startGoWatchdog polls ten times a second and forces no GC on the way: the
// only watermark is 99 %.
func startGoWatchdog(dir string, _ uint64) error {
	watchdog.Logger = watchdogLog{}
	watchdog.HeapProfileDir = dir
	watchdog.HeapProfileThreshold = 0.8
	watchdog.HeapProfileMaxCaptures = 10
	err, _ := watchdog.CgroupDriven(100*time.Millisecond, watchdog.NewWatermarkPolicy(0.99))
	return err
}

// watchdogLog keeps silent but for what means that it no longer watches.
type watchdogLog struct{}

func (watchdogLog) Errorf(format string, args ...any) { giveUp("go-watchdog", format, args...) }

func (watchdogLog) Warnf(format string, args ...any) {
	// A backlog of finished GCs is harmless, and so is a forced GC.
	if strings.HasPrefix(format, "failed to") && !strings.HasPrefix(format, "failed to queue") {
		giveUp("go-watchdog", format, args...)
	}
}

func (watchdogLog) Infof(string, ...any)  {}
func (watchdogLog) Debugf(string, ...any) {}
