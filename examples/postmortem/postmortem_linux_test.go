package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/identity"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

var update = flag.Bool("update", false, "write the golden files anew")

const mebi = 1 << 20

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// The run of all tests; its files are found by name, so it is made up.
const theRun = "20261123T120000.000Z-p1-0a1b2c3d"

// volume has a box in it whose heap rises from 20 MiB to a height in a minute,
// the last second of it at 5 ms.
func volume(t *testing.T, height uint64) string {
	t.Helper()
	dir := t.TempDir()
	b := blackbox.New(blackbox.Options{
		Dir: dir, Bytes: blackbox.DefaultBytes, Fault: func(err error) {
			if err != nil {
				t.Error(err)
			}
		},
		Header: blackbox.Header{
			Run: theRun, Start: noon, PID: 1, BootID: "boot", Program: "shop", Build: "example.org/shop v1.4.0", Identity: identity.Identity{Pod: "shop-0", Container: "shop"},
		},
	})
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	b.SetState(blackbox.State{Limit: cgroupstat.Of(256 * mebi), Basis: "unreclaimable", Thresholds: "80%"})
	ended, end := context.WithCancel(t.Context())
	end()
	step := 250 * time.Millisecond
	for at := time.Duration(0); at <= time.Minute; at += step {
		if at >= 59*time.Second {
			step = 5 * time.Millisecond
		}
		heap := uint64(20*mebi) + uint64(float64(height-20*mebi)*math.Pow(at.Seconds()/60, 8))
		var s sample.Sample
		s.UnixNano, s.Since, s.Scope = noon.Add(at).UnixNano(), at, sample.Cgroup
		s.Limit, s.Usage = cgroupstat.Of(256*mebi), cgroupstat.Of(heap+10*mebi)
		s.Stat.Set(cgroupstat.Anon, heap)
		s.Stat.Set(cgroupstat.File, 8*mebi)
		s.Stat.Set(cgroupstat.InactiveFile, 8*mebi)
		s.Stat.Set(cgroupstat.ActiveFile, 0)
		s.Stat.Set(cgroupstat.Kernel, 2*mebi)
		s.Process.RSS, s.Process.RSSAnon = cgroupstat.Of(heap+mebi), cgroupstat.Of(heap)
		s.Go.Objects, s.Go.LiveHeap, s.Go.Goroutines = heap-mebi, heap-2*mebi, 42
		b.Sample(&s, blackbox.Full)
		b.Run(ended)
	}
	if height > 200*mebi {
		b.Event(noon.Add(59*time.Second), blackbox.Crossed, 206*mebi, 205*mebi)
		b.Event(noon.Add(40*time.Second), blackbox.Spike, 150*mebi, 40*mebi)
		b.Event(noon.Add(30*time.Second), blackbox.OOMKill, 1, 1)
	}
	// Killed here: the state of a clean end is not written.
	text, err := os.ReadFile(boxOf(dir))
	if err != nil {
		t.Fatal(err)
	}
	b.Run(ended)
	if after, err := os.ReadFile(boxOf(dir)); err == nil {
		text = after
	}
	if err := b.Close(noon.Add(time.Minute), false); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(boxOf(dir), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func boxOf(dir string) string { return filepath.Join(dir, "blackbox-"+theRun+".box") }

// told runs the command and gives what it prints.
func told(t *testing.T, want int, args ...string) string {
	t.Helper()
	t.Setenv("COLUMNS", "80")
	var out, complaints bytes.Buffer
	if code := run(args, &out, &complaints); code != want {
		t.Errorf("%q: exit code %d, want %d: %s", args, code, want, complaints.String())
	}
	return out.String() + complaints.String()
}

func TestGolden(t *testing.T) {
	for name, c := range map[string]struct {
		dir  func(t *testing.T) string
		args []string
	}{
		"oom":     {func(t *testing.T) string { return volume(t, 246*mebi) }, nil},
		"unknown": {func(t *testing.T) string { return volume(t, 60*mebi) }, nil},
		"killed":  {func(t *testing.T) string { return volume(t, 60*mebi) }, []string{"-exit-code", "137"}},
		"crash": {func(t *testing.T) string {
			dir := volume(t, 60*mebi)
			text := "panic: no such shop\n\ngoroutine 7 [running]:\nmain.open(...)\n\t/src/shop/open.go:12 +0x1f\nmain.main()\n\t/src/shop/main.go:30 +0x2c\n"
			if err := os.WriteFile(filepath.Join(dir, "crash-"+theRun+".txt"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, []string{"-last", "10s"}},
		"damaged": {func(t *testing.T) string {
			dir := volume(t, 60*mebi)
			if err := os.WriteFile(boxOf(dir), []byte("junk"), 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, nil},
		"list": {func(t *testing.T) string { return volume(t, 246*mebi) }, []string{"-list"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := told(t, 0, append(c.args, c.dir(t))...)
			path := filepath.Join("testdata", name+".txt")
			if *update {
				if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, []byte(got), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// The verdict that a next start has written is taken as it is, since that knew
// the machine; a known exit code judges anew.
func TestVerdictOfTheNextStart(t *testing.T) {
	dir := volume(t, 60*mebi)
	text, err := json.Marshal(postmortem.Exit{Kind: postmortem.Killed, Summary: "the machine was started again", Run: theRun, Time: noon})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "exit-"+theRun+".json"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := told(t, 0, dir); !strings.HasPrefix(got, "killed: the machine was started again") {
		t.Errorf("%s", got)
	}
	if got := told(t, 0, "-exit-code", "1", dir); !strings.HasPrefix(got, "unknown: ") || !strings.Contains(got, "ended itself") {
		t.Errorf("%s", got)
	}
}

func TestWrongUse(t *testing.T) {
	dir := volume(t, 60*mebi)
	for _, c := range []struct {
		want int
		args []string
		says string
	}{
		{2, nil, "want one directory"},
		{2, []string{"-last", "0s", dir}, "more than 0"},
		{2, []string{"-exit-code", "x", dir}, "exit-code"},
		{1, []string{t.TempDir()}, "no black box"},
		{1, []string{filepath.Join(dir, "nowhere")}, "nowhere"},
		{1, []string{"-run", "other", dir}, "-list shows"},
		{0, []string{"-run", theRun, dir}, theRun},
		{0, []string{"-h"}, "Usage"},
	} {
		if got := told(t, c.want, c.args...); !strings.Contains(got, c.says) {
			t.Errorf("%q: %s", c.args, got)
		}
	}
}

// The volume of a pod that runs again has the box of the life after.
func TestNewestRunThatLives(t *testing.T) {
	dir := volume(t, 60*mebi)
	const living = "20261123T120500.000Z-p1-0a1b2c3e"
	b := blackbox.New(blackbox.Options{
		Dir: dir, Bytes: blackbox.MinBytes, Fault: func(error) {},
		Header: blackbox.Header{Run: living, Start: noon.Add(5 * time.Minute), PID: 1, BootID: "boot", Program: "shop"},
	})
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close(noon, false) }()
	// No end is known of either.
	if got := told(t, 0, dir); !strings.Contains(got, "run       "+living) || strings.Contains(got, "newer") {
		t.Errorf("%s", got)
	}
	verdict, err := json.Marshal(postmortem.Exit{Kind: postmortem.OOMSuspected, Summary: "out of memory", Run: theRun, Time: noon})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "exit-"+theRun+".json"), verdict, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	got := told(t, 0, dir)
	if !strings.HasPrefix(got, "oom_suspected: ") || !strings.Contains(got, "A newer run, "+living+", has no end here yet") {
		t.Errorf("%s", got)
	}
	if got := told(t, 0, "-exit-code", "137", dir); !strings.Contains(got, "run       "+theRun) {
		t.Errorf("%s", got)
	}
	if got := told(t, 0, "-run", living, dir); !strings.Contains(got, "run       "+living) || strings.Contains(got, "newer") {
		t.Errorf("%s", got)
	}
}

// Two ends that leave the same in the volume are told apart by the exit code
// alone, which only the parent learns.
func TestExitCodeTellsTheSameTracesApart(t *testing.T) {
	for code, want := range map[string]struct{ kind, says string }{
		"":    {"unknown: ", "137 is SIGKILL"},
		"137": {"killed: ", "the exit code 137 is that of SIGKILL"},
		"0":   {"unknown: ", "the exit code 0 is not that of SIGKILL: the program ended itself"},
		"1":   {"unknown: ", "the exit code 1 is not that of SIGKILL: the program ended itself"},
	} {
		args := []string{volume(t, 60*mebi)}
		if code != "" {
			args = append([]string{"-exit-code", code}, args...)
		}
		if got := told(t, 0, args...); !strings.HasPrefix(got, want.kind) || !strings.Contains(got, want.says) {
			t.Errorf("%q: %s", code, got)
		}
	}
}

// Of a crash output of any size no more is read than tells the end.
func TestHugeCrashOutput(t *testing.T) {
	dir := volume(t, 60*mebi)
	text := "panic: no such shop\n\ngoroutine 7 [running]:\nmain.open(...)\n\t/src/shop/open.go:12 +0x1f\n" + strings.Repeat("\ngoroutine 8 [running]:\n", 200_000)
	path := filepath.Join(dir, "crash-"+theRun+".txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	report, shown, err := readCrash(path)
	if err != nil || report.Message != "no such shop" || !report.Truncated || report.Bytes >= int64(len(text)) || strings.Count(shown, "\n") >= crashLines {
		t.Errorf("%+v, %q, %v", report, shown, err)
	}
}
