package heapdump

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRecover(t *testing.T) {
	dir := t.TempDir()
	defer func() { leaked = nil }()
	leakForTest(16, 1<<20)
	var paths, changed []string
	for i := range 3 {
		path := addressFile(t, dir, noon.Add(time.Duration(i)*time.Second))
		paths, changed = append(paths, path), append(changed, filepath.Base(path))
	}
	// Long ago, and to the nanosecond.
	old := time.Date(2020, 2, 29, 1, 2, 3, 456_789_012, time.UTC)
	if err := os.Chtimes(paths[0], old, old); err != nil {
		t.Fatal(err)
	}
	before := states(t, dir)
	recovered, err := Recover(t.Context(), dir)
	slices.Sort(recovered)
	if err != nil || !slices.Equal(recovered, paths) {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before, changed...)
	for _, path := range paths {
		parseProfileFile(t, path)
		wantLeak(t, path)
	}
	before = states(t, dir)
	if recovered, err := Recover(t.Context(), dir); err != nil || len(recovered) != 0 {
		t.Errorf("again: recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before)
}

// Files that have symbols, or are none of Recover's, are no news.
func TestRecoverFindsNothing(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{}, nil)
	for _, stage := range []Stage{Baseline, Immediate, Fresh} {
		if _, err := s.Capture(t.Context(), Request{Time: noon, Stage: stage, Goroutines: true}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{
		"heap-20261123T110000.123Z-p5-immediate.pb.gz", "goroutine-20261123T110000.123Z-p5-immediate.pb",
		"heap-20261123T110000.123Z-p5-immediate.json", "heap-latest.pb", "heap-20261123T110000.123Z-p5-immediate.pb.bak",
		".tmp-heapdump-0000000000000001", "notes",
	} {
		put(t, dir, name, "none of Recover's")
	}
	before := states(t, dir)
	if recovered, err := Recover(t.Context(), dir); err != nil || len(recovered) != 0 {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before)
}

func TestRecoverErrors(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	if recovered, err := Recover(t.Context(), missing); !errors.Is(err, fs.ErrNotExist) || recovered != nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	s := testStore(t, dir, Options{}, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if recovered, err := s.Recover(t.Context()); !errors.Is(err, ErrClosed) || recovered != nil {
		t.Errorf("closed: recovered %v, %v", recovered, err)
	}
}

func TestRecoverIsCancelled(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		addressFile(t, dir, noon.Add(time.Duration(i)*time.Second))
	}
	before := states(t, dir)
	s := testStore(t, dir, Options{}, nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if recovered, err := s.Recover(ended); !errors.Is(err, context.Canceled) || recovered != nil {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before)
	// The more looks it takes, the further it comes.
	far := 0
	for looks := 1; looks < 1000; looks++ {
		recovered, err := s.Recover(&endsLate{Context: t.Context(), left: looks})
		far += len(recovered)
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) || len(recovered) > 1 {
			t.Fatalf("%d looks: recovered %v, %v", looks, recovered, err)
		}
		var changed []string
		for _, path := range recovered {
			changed = append(changed, filepath.Base(path))
			parseProfileFile(t, path)
		}
		wantStates(t, dir, before, changed...)
		before = states(t, dir)
	}
	if far != 3 {
		t.Errorf("%d of 3 files recovered", far)
	}
	// Nor are the heads of others read any more.
	const others = 50
	for i := range others {
		put(t, dir, numbered(i), "not a profile")
	}
	_, err := s.Recover(&endsLate{Context: t.Context(), left: others / 2})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if n := strings.Count(err.Error(), ErrProfile.Error()); n == 0 || n > others/2 {
		t.Errorf("%d of %d read: %v", n, others, err)
	}
}

// What another process does meanwhile is not undone.
func TestRecoverMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(path string) error
		left      string
	}{
		"removed": {os.Remove, ""},
		"replaced": {func(path string) error {
			return errors.Join(os.WriteFile(path+".new", []byte("another's"), 0o600), os.Rename(path+".new", path))
		}, "another's"},
		"made anew": {func(path string) error {
			// The old one is kept, so that its inode is not given out again.
			return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, []byte("another's"), 0o600))
		}, "another's"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := addressFile(t, dir, noon)
			s := testStore(t, dir, Options{}, nil)
			s.dir.temp = func() string { // Called when the file has been opened.
				if err := c.meanwhile(path); err != nil {
					t.Error(err)
				}
				return tempName()
			}
			if recovered, err := s.Recover(t.Context()); err != nil || len(recovered) != 0 {
				t.Errorf("recovered %v, %v", recovered, err)
			}
			if text, err := os.ReadFile(path); string(text) != c.left || (err != nil) != (c.left == "") {
				t.Errorf("%q, %v", text, err)
			}
			for _, name := range listing(t, dir) {
				if isTemp(name) {
					t.Errorf("left behind: %s", name)
				}
			}
		})
	}
}

// Processes of one build that start at once, and one that is at work.
func TestRecoverConcurrently(t *testing.T) {
	dir := t.TempDir()
	for i := range 6 {
		addressFile(t, dir, noon.Add(time.Duration(i)*time.Second))
	}
	busy := testStore(t, dir, Options{Keep: 4}, nil)
	stores := []*Store{testStore(t, dir, Options{}, nil), testStore(t, dir, Options{}, nil), busy}
	var wg sync.WaitGroup
	for _, s := range stores {
		for range 3 {
			wg.Go(func() {
				if _, err := s.Recover(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Go(func() {
		for range 4 {
			// Its retention removes what is being recovered.
			if _, err := busy.Capture(t.Context(), Request{Urgent: true}); err != nil {
				t.Error(err)
			}
			if err := busy.Finish(t.Context(), true); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if _, err := Recover(t.Context(), dir); err != nil {
		t.Error(err)
	}
	for _, name := range listing(t, dir) {
		f, ok := parseName(name)
		if !ok {
			t.Errorf("left behind: %s", name)
		}
		if ok && f.kind == heapProfile {
			parseProfileFile(t, filepath.Join(dir, name))
			topOf(t, filepath.Join(dir, name), 1)
		}
	}
}
