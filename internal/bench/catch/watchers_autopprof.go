package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/daangn/autopprof"
	"github.com/daangn/autopprof/queryer"
	autoreport "github.com/daangn/autopprof/report"
)

// startAutopprof needs the view that a container has; see stage. Its period of
// 5 s is not to be changed.
func startAutopprof(dir string, _ uint64) error {
	// A failed read ends its loop, which Start does not tell: read once before.
	q, err := queryer.NewCgroupQueryer()
	if err != nil {
		return err
	}
	share, err := q.MemUsage()
	if err != nil {
		return err
	}
	if share <= 0 || share >= 0.8 {
		return fmt.Errorf("sees %.4f of the limit in use at the start: not the view of a container", share)
	}
	// It logs nothing but errors.
	log.SetOutput(autopprofLog{})
	return autopprof.Start(autopprof.Option{DisableCPUProf: true, MemThreshold: 0.8, Reporter: fileReporter{dir}})
}

type autopprofLog struct{}

func (autopprofLog) Write(line []byte) (int, error) {
	giveUp("autopprof", "%s", line)
	return len(line), nil
}

// fileReporter is the simplest one: autopprof has none for files.
type fileReporter struct{ dir string }

func (r fileReporter) ReportHeapProfile(_ context.Context, profile io.Reader, _ autoreport.MemInfo) error {
	f, err := os.Create(filepath.Join(r.dir, fmt.Sprintf("heap.%d.pprof", time.Now().UnixNano())))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, profile)
	return errors.Join(err, f.Close())
}

func (fileReporter) ReportCPUProfile(context.Context, io.Reader, autoreport.CPUInfo) error {
	return nil
}

func (fileReporter) ReportGoroutineProfile(context.Context, io.Reader, autoreport.GoroutineInfo) error {
	return nil
}
