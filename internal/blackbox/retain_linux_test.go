package blackbox

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/identity"
)

var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestRetainChooses(t *testing.T) {
	run := func(name, group string, told bool, bytes int64) past {
		return past{run: name, group: group, told: told, bytes: bytes}
	}
	for name, c := range map[string]struct {
		runs     []past
		keep     int
		maxBytes int64
		lives    string
		want     []string // removed
	}{
		"nothing to do":                   {[]past{run("1", "a", true, 1), run("2", "a", true, 1)}, 2, 10, "", nil},
		"the oldest":                      {[]past{run("1", "a", true, 1), run("2", "a", true, 1), run("3", "a", true, 1)}, 2, 10, "", []string{"1"}},
		"told before untold":              {[]past{run("1", "a", false, 1), run("2", "a", true, 1), run("3", "a", true, 1)}, 2, 10, "", []string{"2"}},
		"untold at last":                  {[]past{run("1", "a", false, 1), run("2", "a", false, 1), run("3", "a", true, 1)}, 2, 10, "", []string{"1"}},
		"each container has its own":      {[]past{run("1", "main", false, 1), run("2", "side", true, 1), run("3", "side", true, 1), run("4", "side", true, 1)}, 2, 10, "", []string{"2"}},
		"bytes of a loop":                 {[]past{run("1", "main", false, 9), run("2", "side", true, 9), run("3", "side", true, 9), run("4", "side", true, 9)}, 9, 20, "", []string{"2", "3"}},
		"the last that ended stays":       {[]past{run("1", "a", true, 99)}, 0, 0, "", nil},
		"the living does not count as it": {[]past{run("1", "a", true, 9), run("2", "a", true, 9), run("3", "a", false, 9)}, 1, 0, "3", []string{"1"}},
	} {
		var got []string
		for _, p := range retain(c.runs, c.keep, c.maxBytes, func(run string) bool { return run == c.lives }) {
			got = append(got, p.run)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: removes %v, want %v", name, got, c.want)
		}
	}
}

func TestRetain(t *testing.T) {
	dir := t.TempDir()
	kill := startChild(t, dir)
	var runs []string
	for i := range 5 {
		run := NewRun(midnight.Add(time.Duration(i)*time.Hour), 1)
		runs = append(runs, run)
		for _, n := range []string{boxPrefix + run + boxSuffix, exitPrefix + run + exitSuffix} {
			if err := os.WriteFile(filepath.Join(dir, n), make([]byte, 1000), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	foreign := filepath.Join(dir, "heap-20260101T000000.000Z-p1-fresh.pb")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	left := func() (n int) {
		list, err := List(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for _, c := range []struct {
		keep  int
		bytes int64
		want  int // with the living one, which is of another program
	}{{10, 1 << 20, 6}, {4, 1 << 20, 5}, {4, DefaultBytes + 6500, 4}, {0, 1 << 20, 2}} {
		if err := Retain(dir, c.keep, c.bytes); err != nil {
			t.Fatal(err)
		}
		if n := left(); n != c.want {
			t.Errorf("keep %d, %d bytes: %d runs left, want %d", c.keep, c.bytes, n, c.want)
		}
		if list, _ := List(dir); c.want == 4 && list[0].Run != runs[2] {
			t.Errorf("the oldest left is %s, want %s", list[0].Run, runs[2])
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
	kill()
	if err := Retain(dir, 0, 0); err != nil || left() != 2 {
		t.Errorf("%d left, %v; want the last of either program", left(), err)
	}
}

// deadRun leaves what a run of a container leaves, a crash output included.
func deadRun(t *testing.T, dir, container string, at time.Time, crash int, told bool) string {
	t.Helper()
	run := NewRun(at, 1)
	b := New(Options{Dir: dir, Bytes: MinBytes, Fault: func(error) {}, Header: Header{
		Run: run, Start: at, PID: 1, Program: "service", Identity: identity.Identity{Container: container},
	}})
	if err := errors.Join(b.Open(), b.target.Close()); err != nil {
		t.Fatal(err)
	}
	if crash > 0 {
		if err := os.WriteFile(filepath.Join(dir, crashPrefix+run+crashSuffix), make([]byte, crash), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if told {
		if err := os.WriteFile(filepath.Join(dir, exitPrefix+run+exitSuffix), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return run
}

// What ten thousand goroutines said stays in part, and costs no run its box.
func TestRetainShortensALongCrash(t *testing.T) {
	dir := t.TempDir()
	first := deadRun(t, dir, "main", midnight, 0, true)
	last := deadRun(t, dir, "main", midnight.Add(time.Hour), 10<<20, true)
	if err := Retain(dir, 9, 1<<20); err != nil {
		t.Fatal(err)
	}
	list, err := List(dir)
	if err != nil || len(list) != 2 || list[0].Run != first || list[1].Run != last || list[1].Box == "" || list[1].Exit == "" {
		t.Fatalf("%+v, %v", list, err)
	}
	if info, err := os.Stat(list[1].Crash); err != nil || info.Size() != maxCrashKept {
		t.Errorf("%v, %v", info, err)
	}
}

// A sidecar that dies again and again leaves the other's box, which nobody has
// told yet, where it is.
func TestRetainOfACrashLoopBeside(t *testing.T) {
	dir := t.TempDir()
	main := deadRun(t, dir, "main", midnight, 0, false)
	for i := range 20 {
		deadRun(t, dir, "sidecar", midnight.Add(time.Duration(i+1)*time.Minute), 1000, i < 19)
		if err := Retain(dir, 4, 4*(MinBytes+1000)); err != nil {
			t.Fatal(err)
		}
	}
	list, err := List(dir)
	if err != nil || len(list) != 4 || list[0].Run != main {
		t.Errorf("%+v, %v", list, err)
	}
}
