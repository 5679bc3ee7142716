package heapdump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/memguard-dev/go-memguard/internal/gomem"
)

var leaked [][]byte

//go:noinline
func leakForTest(n, size int) {
	for range n {
		leaked = append(leaked, make([]byte, size))
	}
}

func TestCapture(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{Run: "the run"}, func(e *edges) { e.pid = 17 })
	defer func() { leaked = nil }()
	leakForTest(4, 1<<20)
	context := map[string]any{"limit_bytes": 1 << 28, "basis": "<usage>"}
	for _, stage := range []Stage{Immediate, Fresh} {
		d, err := s.Capture(t.Context(), Request{Time: noon, Stage: stage, Reason: "a test", Context: context, Goroutines: stage == Immediate})
		if err != nil {
			t.Fatal(err)
		}
		stem := filepath.Join(dir, "heap-20261123T120000.123Z-p17-"+string(stage))
		if d.Path != stem+".pb" || d.Manifest != stem+".json" || !d.Time.Equal(noon) || d.Stage != stage || d.Reason != "a test" || d.Run != "the run" || d.PID != 17 {
			t.Errorf("dump %+v", d)
		}
		info, err := os.Stat(d.Path)
		if err != nil || info.Size() != d.Bytes || runtime.GOOS != "windows" && info.Mode() != 0o600 {
			t.Errorf("%v, %v, dump says %d bytes", info, err, d.Bytes)
		}
		m := readBack(t, d.Manifest)
		if m.Version != 1 || m.Stage != stage || !m.Time.Equal(noon) || m.Reason != "a test" || m.Run != "the run" || m.PID != 17 ||
			m.Profile != filepath.Base(d.Path) || m.ProfileBytes != d.Bytes || m.Build.GoVersion != runtime.Version() ||
			m.HeapBytes < 4<<20 || m.HeapBytes != d.HeapBytes || m.StaleBytes != d.StaleBytes || m.Goroutines == 0 ||
			!strings.Contains(string(m.Context), `"limit_bytes": 268435456`) || m.ContextError != "" {
			t.Errorf("manifest %+v, context %s", m, m.Context)
		}
		if stage == Fresh && (m.GCCycles == 0 || m.StaleBytes > m.HeapBytes/2) {
			t.Errorf("after a GC: cycle %d, %d of %d bytes are stale", m.GCCycles, m.StaleBytes, m.HeapBytes)
		}
	}
	wantFiles(t, dir,
		"goroutine-20261123T120000.123Z-p17-immediate.pb",
		"heap-20261123T120000.123Z-p17-fresh.json", "heap-20261123T120000.123Z-p17-fresh.pb",
		"heap-20261123T120000.123Z-p17-immediate.json", "heap-20261123T120000.123Z-p17-immediate.pb")
	parseProfileFile(t, filepath.Join(dir, "goroutine-20261123T120000.123Z-p17-immediate.pb"))

	dumps, err := s.List()
	if err != nil || len(dumps) != 2 || dumps[0].Stage != Immediate || dumps[1].Stage != Fresh {
		t.Fatalf("list %+v, %v", dumps, err)
	}
	if d := dumps[0]; d.Goroutine == "" || d.Manifest == "" || d.Run != "the run" || d.Reason != "a test" || !d.Time.Equal(noon) || d.HeapBytes == 0 || d.Duration <= 0 {
		t.Errorf("listed %+v", d)
	}
	if dumps[1].Goroutine != "" {
		t.Errorf("listed %+v", dumps[1])
	}
}

func parseProfileFile(t testing.TB, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestStaleBytes(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{}, nil)
	defer func() { leaked = nil }()
	runtime.GC()
	leakForTest(1, 2<<20)
	d, err := s.Capture(t.Context(), Request{})
	if err != nil {
		t.Fatal(err)
	}
	// A GC of the runtime's own may come in between.
	if m := readBack(t, d.Manifest); m.StaleBytes < 2<<19 && m.LiveHeapBytes < 2<<19 {
		t.Errorf("neither stale (%d) nor live (%d) holds what was allocated", m.StaleBytes, m.LiveHeapBytes)
	}
}

func TestTakenNamesMoveOn(t *testing.T) {
	dir := t.TempDir()
	one := func(e *edges) { e.pid = 1 }
	a, b := testStore(t, dir, Options{Run: "a"}, one), testStore(t, dir, Options{Run: "b"}, one)
	capture := func(s *Store, stage Stage, want string) {
		t.Helper()
		d, err := s.Capture(t.Context(), Request{Time: noon, Stage: stage})
		if err != nil {
			t.Fatal(err)
		}
		if got := filepath.Base(d.Path); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if m := readBack(t, d.Manifest); !m.Time.Equal(noon) || m.Run != s.opt.Run {
			t.Errorf("manifest of %s: time %v, run %s", want, m.Time, m.Run)
		}
	}
	capture(a, Immediate, "heap-20261123T120000.123Z-p1-immediate.pb")
	capture(b, Immediate, "heap-20261123T120000.124Z-p1-immediate.pb")
	capture(b, Fresh, "heap-20261123T120000.124Z-p1-fresh.pb")
	capture(a, Fresh, "heap-20261123T120000.123Z-p1-fresh.pb")
	capture(a, Fresh, "heap-20261123T120000.125Z-p1-fresh.pb")
}

// Every look finds the name free and every rename finds it taken.
func TestRenameNeverReplaces(t *testing.T) {
	dir := t.TempDir()
	d := testStore(t, dir, Options{}, nil).dir
	final := put(t, dir, "final", "precious")
	for name, rename := range map[string]func(string, string) error{"rename": d.rename, "link": d.link} {
		put(t, dir, "temp", "new")
		if err := rename("temp", "final"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", name, err)
		}
		if text, err := os.ReadFile(final); err != nil || string(text) != "precious" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if err := rename("temp", name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := rename("temp", "other"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s without a source: %v", name, err)
		}
	}
	wantFiles(t, dir, "final", "link", "rename")
}

func TestEveryNameTaken(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{}, nil)
	set, err := newSetName(noon, s.edge.pid)
	if err != nil {
		t.Fatal(err)
	}
	for range maxMoves {
		put(t, dir, set.file(Immediate, heapProfile), "x")
		set = set.next()
	}
	d, err := s.Capture(t.Context(), Request{Time: noon})
	if !errors.Is(err, fs.ErrExist) || d.Path != "" {
		t.Errorf("dump %+v, %v", d, err)
	}
	if n := len(listing(t, dir)); n != maxMoves {
		t.Errorf("%d files, want %d", n, maxMoves)
	}
}

func TestContext(t *testing.T) {
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"not JSON":  {math.NaN(), "unsupported value"},
		"too large": {strings.Repeat("x", maxContext), "too large"},
	} {
		s := testStore(t, t.TempDir(), Options{}, nil)
		// Control characters grow sixfold in JSON.
		d, err := s.Capture(t.Context(), Request{Context: c.value, Reason: strings.Repeat("\x01", 2*maxReason)})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m := readBack(t, d.Manifest)
		if m.Context != nil || !strings.Contains(m.ContextError, c.want) || len(m.Reason) != maxReason {
			t.Errorf("%s: context %s, error %q, reason of %d bytes", name, m.Context, m.ContextError, len(m.Reason))
		}
	}
}

func TestBadRequests(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{}, nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		req  Request
		want string
	}{
		"stage":     {t.Context(), Request{Stage: "later"}, `unknown stage "later": accepted are "immediate", "fresh" and "baseline"`},
		"year":      {t.Context(), Request{Time: noon.AddDate(9000, 0, 0)}, "year 11026"},
		"cancelled": {ended, Request{}, "context canceled"},
	} {
		d, err := s.Capture(c.ctx, c.req)
		if err == nil || !strings.Contains(err.Error(), c.want) || d.Path != "" {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	wantFiles(t, dir)
}

func TestCancelledOnTheWay(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*edges, context.CancelFunc)
		files  int
	}{
		"in the GC": {func(e *edges, cancel context.CancelFunc) { e.gc = cancel }, 0},
		"in the profile": {func(e *edges, cancel context.CancelFunc) {
			e.heap = func(w io.Writer) error { cancel(); return encodeHeap(w) }
		}, 0},
		// The manifest is written all the same.
		"after the profile": {func(e *edges, cancel context.CancelFunc) { e.afterProfile = cancel }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := testStore(t, dir, Options{}, func(e *edges) { c.change(e, cancel) })
			d, err := s.Capture(ctx, Request{Stage: Fresh, Goroutines: true})
			if !errors.Is(err, context.Canceled) || (d.Path != "") != (c.files > 0) {
				t.Errorf("dump %+v, %v", d, err)
			}
			if got := listing(t, dir); len(got) != c.files {
				t.Errorf("files %v, want %d", got, c.files)
			}
		})
	}
}

// An encoder that drops the error of a write must not make a dump.
func TestEncoderErrors(t *testing.T) {
	boom := errors.New("boom")
	for name, encode := range map[string]func(io.Writer) error{
		"of its own": func(w io.Writer) error { _, _ = w.Write([]byte("half")); return boom },
		"short write": func(w io.Writer) error {
			w.(*sink).w = shortWriter{}
			_, _ = w.Write([]byte("half"))
			return nil
		},
	} {
		dir := t.TempDir()
		s := testStore(t, dir, Options{}, func(e *edges) { e.heap = encode })
		d, err := s.Capture(t.Context(), Request{})
		if !errors.Is(err, boom) && !errors.Is(err, io.ErrShortWrite) || d.Path != "" {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
		wantFiles(t, dir)
	}
}

type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) - 1, nil }

func TestGoroutineProfileFails(t *testing.T) {
	boom := errors.New("boom")
	s := testStore(t, t.TempDir(), Options{}, func(e *edges) { e.goroutines = func(io.Writer) error { return boom } })
	d, err := s.Capture(t.Context(), Request{Goroutines: true})
	if !errors.Is(err, boom) || d.Path == "" || d.Manifest == "" || d.Goroutine != "" {
		t.Errorf("dump %+v, %v", d, err)
	}
}

func TestConcurrentCaptures(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{testStore(t, dir, Options{Keep: 5}, nil), testStore(t, dir, Options{Keep: 5}, nil)}
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			s := stores[i%len(stores)]
			d, err := s.Capture(t.Context(), Request{Time: noon.Add(time.Duration(i%4) * time.Millisecond), Reason: fmt.Sprint(i), Goroutines: i%3 == 0})
			// One may remove a set of this run that the other has not finished, and
			// take its name: a file beside the profile is lacking then, and told.
			if d.Path == "" || err != nil && !errors.Is(err, fs.ErrExist) {
				t.Errorf("%+v, %v", d, err)
			}
			if _, err := s.List(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	dumps, err := stores[0].List()
	// Neither store removes what the other may still be writing.
	if err != nil || len(dumps) > 17 || len(dumps) == 0 {
		t.Errorf("%d dumps left, %v", len(dumps), err)
	}
	for _, d := range dumps {
		parseProfileFile(t, d.Path)
	}
}

func TestSetOfAnotherRunIsSparedWhileItMayBeWritten(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{Keep: 1}, nil)
	other := put(t, dir, "heap-20200101T000000.000Z-p1-immediate.pb", "no manifest yet")
	now := time.Now()
	if err := os.Chtimes(other, now, now); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Capture(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Fatalf("removed while its process may be writing: %v", err)
	}
	age(t, other)
	if _, err := s.Capture(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still there when it is old: %v", err)
	}
}

func TestWaitingEndsWithContext(t *testing.T) {
	inside, free := make(chan struct{}), make(chan struct{})
	s := testStore(t, t.TempDir(), Options{}, func(e *edges) {
		e.gc = func() { close(inside); <-free }
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.Capture(t.Context(), Request{Stage: Fresh}); err != nil {
			t.Error(err)
		}
	})
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		if d, err := s.Capture(ctx, Request{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%+v, %v", d, err)
		}
	})
	cancel()
	close(free)
	wg.Wait()
}

func TestClose(t *testing.T) {
	s := testStore(t, t.TempDir(), Options{}, nil)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if d, err := s.Capture(t.Context(), Request{}); !errors.Is(err, ErrClosed) || d.Path != "" {
		t.Errorf("capture: %+v, %v", d, err)
	}
	if _, err := s.List(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("list: %v", err)
	}
}

func TestStaleBytesTable(t *testing.T) {
	for _, c := range []struct {
		mem  gomem.Mem
		want uint64
	}{
		{gomem.Mem{Objects: 10, LiveHeap: 4, GCCycles: 2}, 6},
		{gomem.Mem{Objects: 4, LiveHeap: 10, GCCycles: 2}, 0},
		{gomem.Mem{Objects: 10}, 0}, // before the first GC all is shown
	} {
		if got := staleBytes(&c.mem); got != c.want {
			t.Errorf("%+v: %d, want %d", c.mem, got, c.want)
		}
	}
}
