package wakeup_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/wakeup"
)

const busyEnv = "WAKEUP_TEST_BUSY"

// measure crosses thresholds of its own group, and writes how many microseconds
// after it had seen each crossing itself Wait returned, and how far beyond the usage was by then.
func measure(out io.Writer) error {
	l, err := cgroupstat.Locate()
	if err != nil {
		return err
	}
	r, err := cgroupstat.Open(l)
	if err != nil {
		return err
	}
	w, err := wakeup.Open(l, 0)
	if err != nil {
		return err
	}
	busy, err := strconv.Atoi(os.Getenv(busyEnv))
	if err != nil {
		return err
	}
	for range busy {
		go func() {
			for n := uint64(1); ; n = n*3 + 1 {
				if n == 0 {
					runtime.Gosched()
				}
			}
		}()
	}
	for range 15 {
		usage, err := r.Usage()
		if err != nil {
			return err
		}
		line := usage + 4*mebi
		if err := w.Thresholds(line); err != nil {
			return err
		}
		if _, err := w.Wait(context.Background()); err != nil {
			return err
		}
		woken := make(chan time.Time, 1)
		go func() {
			if _, err := w.Wait(context.Background()); err == nil {
				woken <- time.Now()
			}
		}()
		var crossed, told time.Time
		for crossed.IsZero() {
			if _, err := take(64 << 10); err != nil {
				return err
			}
			if usage, err = r.Usage(); err != nil {
				return err
			}
			if usage >= line {
				crossed = time.Now()
			}
		}
		for told.IsZero() && usage < line+32*mebi {
			if usage, err = r.Usage(); err != nil {
				return err
			}
			if _, err := take(64 << 10); err != nil {
				return err
			}
			select {
			case told = <-woken:
			default:
			}
		}
		if told.IsZero() {
			told = <-woken
		}
		if _, err := fmt.Fprintln(out, told.Sub(crossed).Microseconds(), usage-line); err != nil {
			return err
		}
	}
	return nil
}

// It asserts no time: how long from a crossing to the wake is logged.
func TestKernelMeasureThreshold(t *testing.T) {
	for _, c := range []struct {
		name        string
		procs, busy string
	}{{"two processors", "2", "0"}, {"one processor, which the growth keeps busy", "1", "0"}, {"one processor, two goroutines that never yield", "1", "2"}} {
		t.Run(c.name, func(t *testing.T) {
			g := kerneltest.NewGroup(t, 900*mebi)
			only(t, g, cgroupstat.V1)
			child := start(t, g, "measure", "GOMAXPROCS="+c.procs, busyEnv+"="+c.busy)
			text, err := io.ReadAll(child.stdout)
			if err != nil {
				t.Fatal(err)
			}
			child.end(t)
			var took []int
			for line := range strings.Lines(string(text)) {
				var us, beyond int
				if _, err := fmt.Sscan(line, &us, &beyond); err != nil {
					t.Fatal(err)
				}
				took = append(took, us)
			}
			if len(took) != 15 {
				t.Fatalf("%q\n%s", text, child.stderr.String())
			}
			slices.Sort(took)
			t.Logf("µs from seeing the crossing to the wake: median %d, worst %d, all %d", took[7], took[14], took)
		})
	}
}
