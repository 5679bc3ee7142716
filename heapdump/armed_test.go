package heapdump

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump/sites"
	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

// addressesOnly: this system's profiles can do without symbols.
func addressesOnly() bool { return heapprofile.New().BuildID() != "" }

func arm(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Arm(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func urgent(t testing.TB, s *Store, req Request) Dump {
	t.Helper()
	req.Urgent = true
	d, err := s.Capture(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func finish(t testing.TB, s *Store, room bool) {
	t.Helper()
	if err := s.Finish(t.Context(), room); err != nil {
		t.Fatal(err)
	}
}

// wantAddresses: the file is whole and names nothing yet.
func wantAddresses(t testing.TB, path string) {
	t.Helper()
	parseProfileFile(t, path)
	if !addressesOnly() {
		return
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if top, err := sites.Top(f, 1); !errors.Is(err, sites.ErrNoSymbols) {
		t.Errorf("%s: %+v, %v", path, top, err)
	}
}

func wantLeak(t testing.TB, path string) {
	t.Helper()
	top := topOf(t, path, 1)
	if len(top) == 0 || !strings.HasSuffix(top[0].Function, "heapdump.leakForTest") {
		t.Errorf("%s: first site %+v", path, top)
	}
}

// One crossing, armed or with the ready files used up, makes one set.
func TestUrgentSet(t *testing.T) {
	for name, ready := range map[string]bool{"armed": true, "not armed": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := testStore(t, dir, Options{Run: "the run"}, func(e *edges) { e.pid = 17 })
			if ready {
				arm(t, s)
			}
			wantFiles(t, dir) // Ready files have no name.
			for _, stage := range []Stage{Immediate, Fresh} {
				d := urgent(t, s, Request{
					Time: noon, Stage: stage, Reason: "before", Goroutines: stage == Fresh,
					Describe: func(r *Request) {
						name := "heap-20261123T120000.123Z-p17-" + string(stage) + ".pb"
						parseProfileFile(t, filepath.Join(dir, name))
						if s.dir.exists(strings.TrimSuffix(name, ".pb") + ".json") {
							t.Error("the manifest comes before the words for it")
						}
						r.Reason, r.Context, r.Omitted = "after", map[string]int{"headroom": 4}, "no room"
					},
				})
				info, err := os.Stat(d.Path)
				if err != nil || info.Size() != d.Bytes || d.Reason != "after" || d.Stage != stage || !d.Time.Equal(noon) {
					t.Errorf("%+v, %v, %v", d, info, err)
				}
				m := readBack(t, d.Manifest)
				if m.Stage != stage || m.Reason != "after" || m.Omitted != "no room" || !strings.Contains(string(m.Context), `"headroom": 4`) ||
					m.Profile != filepath.Base(d.Path) || m.ProfileBytes != d.Bytes || m.Run != "the run" || !m.Time.Equal(noon) {
					t.Errorf("manifest %+v, context %s", m, m.Context)
				}
				wantAddresses(t, d.Path)
			}
			want := []string{
				"goroutine-20261123T120000.123Z-p17-fresh.pb",
				"heap-20261123T120000.123Z-p17-fresh.json", "heap-20261123T120000.123Z-p17-fresh.pb",
				"heap-20261123T120000.123Z-p17-immediate.json", "heap-20261123T120000.123Z-p17-immediate.pb",
			}
			wantFiles(t, dir, want...)
			finish(t, s, true)
			wantFiles(t, dir, want...)
		})
	}
}

// Containers that share a volume share process ids as well.
func TestUrgentNamesOfTwoStores(t *testing.T) {
	dir := t.TempDir()
	one := func(e *edges) { e.pid = 1 }
	a, b := testStore(t, dir, Options{Run: "a"}, one), testStore(t, dir, Options{Run: "b"}, one)
	arm(t, a)
	arm(t, b)
	for _, c := range []struct {
		store *Store
		stage Stage
		want  string
	}{
		{a, Immediate, "123Z-p1-immediate"},
		{b, Immediate, "124Z-p1-immediate"},
		{b, Fresh, "124Z-p1-fresh"},
		{a, Fresh, "123Z-p1-fresh"},
		{a, Fresh, "125Z-p1-fresh"}, // nothing is ready any more
	} {
		d := urgent(t, c.store, Request{Time: noon, Stage: c.stage})
		if got := filepath.Base(d.Path); got != "heap-20261123T120000."+c.want+".pb" {
			t.Errorf("got %s, want %s", got, c.want)
		}
		if m := readBack(t, d.Manifest); m.Run != c.store.opt.Run || m.Profile != filepath.Base(d.Path) {
			t.Errorf("%s: manifest of %s, run %s", c.want, m.Profile, m.Run)
		}
	}
	finish(t, a, true)
	finish(t, b, true)
	if n := len(listing(t, dir)); n != 10 {
		t.Errorf("%d files, want 10", n)
	}
}

func TestFinish(t *testing.T) {
	dir := t.TempDir()
	defer func() { leaked = nil }()
	s := testStore(t, dir, Options{Keep: 1}, nil)
	arm(t, s)
	leakForTest(16, 1<<20)
	first := urgent(t, s, Request{Time: noon, Stage: Fresh})
	second := urgent(t, s, Request{Time: noon.Add(time.Second), Stage: Fresh})
	if n := len(listing(t, dir)); n != 4 {
		t.Fatalf("%d files: retention can wait", n)
	}
	before, err := os.ReadFile(second.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	finish(t, s, true)
	wantFiles(t, dir, filepath.Base(second.Manifest), filepath.Base(second.Path))
	if _, err := os.Stat(first.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the set before: %v", err)
	}
	wantLeak(t, second.Path)
	if after, err := os.ReadFile(second.Manifest); err != nil || string(after) != string(before) {
		t.Errorf("the manifest has changed, %v", err)
	}
	finish(t, s, true) // There is nothing left to do.
	wantFiles(t, dir, filepath.Base(second.Manifest), filepath.Base(second.Path))
}

func TestFinishWithoutRoom(t *testing.T) {
	dir := t.TempDir()
	defer func() { leaked = nil }()
	s := testStore(t, dir, Options{}, nil)
	arm(t, s)
	leakForTest(16, 1<<20)
	d := urgent(t, s, Request{Stage: Fresh})
	finish(t, s, false)
	wantAddresses(t, d.Path)
	// It is handed over once: Recover is what adds symbols now.
	finish(t, s, true)
	wantAddresses(t, d.Path)
	if !addressesOnly() {
		return
	}
	recovered, err := s.Recover(t.Context())
	if err != nil || len(recovered) != 1 || recovered[0] != d.Path {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantLeak(t, d.Path)
}

func TestFinishIsCancelled(t *testing.T) {
	for name, cancelled := range map[string]func(*Store, context.CancelFunc){
		"before": func(_ *Store, cancel context.CancelFunc) { cancel() },
		"in the symbols": func(s *Store, cancel context.CancelFunc) {
			s.edge.symbolize = func(context.Context, *directory, string) (written, error) {
				cancel()
				return written{}, context.Canceled
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := testStore(t, dir, Options{}, nil)
			arm(t, s)
			d := urgent(t, s, Request{Goroutines: true})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cancelled(s, cancel)
			if err := s.Finish(ctx, true); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			wantFiles(t, dir, filepath.Base(d.Goroutine), filepath.Base(d.Manifest), filepath.Base(d.Path))
			wantAddresses(t, d.Path)
			finish(t, s, false)
		})
	}
}

// A failure of one file costs the others nothing.
func TestFinishSymbolsFail(t *testing.T) {
	boom := errors.New("boom")
	s := testStore(t, t.TempDir(), Options{Keep: 1}, nil)
	arm(t, s)
	first := urgent(t, s, Request{Time: noon})
	second := urgent(t, s, Request{Time: noon.Add(time.Second)})
	s.edge.symbolize = func(ctx context.Context, d *directory, name string) (written, error) {
		if name == filepath.Base(first.Path) {
			return written{}, boom
		}
		return d.symbolize(ctx, name)
	}
	if err := s.Finish(t.Context(), true); !errors.Is(err, boom) {
		t.Error(err)
	}
	if top := topOf(t, second.Path, 1); len(top) != 1 {
		t.Errorf("sites %+v", top)
	}
	if n := len(listing(t, s.Dir())); n != 2 {
		t.Errorf("%d files: retention was to come all the same", n)
	}
}

func TestManyWaiting(t *testing.T) {
	dir := t.TempDir()
	defer func() { leaked = nil }()
	s := testStore(t, dir, Options{Keep: 100}, nil)
	arm(t, s)
	leakForTest(16, 1<<20)
	var dumps []Dump
	for i := range maxWaiting {
		dumps = append(dumps, urgent(t, s, Request{Time: noon.Add(time.Duration(i) * time.Second), Stage: Fresh}))
		if len(s.waiting) > maxWaiting {
			t.Fatalf("%d files wait", len(s.waiting))
		}
	}
	finish(t, s, true)
	for i, d := range dumps {
		if i < len(dumps)-maxWaiting/2 {
			wantAddresses(t, d.Path)
		} else {
			wantLeak(t, d.Path)
		}
	}
	if n := len(listing(t, dir)); n != 2*maxWaiting {
		t.Errorf("%d files, want %d", n, 2*maxWaiting)
	}
}

func TestCloseFinishes(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{Keep: 1}, nil)
	arm(t, s)
	for i := range 3 {
		urgent(t, s, Request{Time: noon.Add(time.Duration(i) * time.Second), Stage: Fresh})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names := listing(t, dir)
	if len(names) != 2 || !strings.HasPrefix(names[0], "heap-20261123T120002") {
		t.Errorf("files %v", names)
	}
	wantAddresses(t, filepath.Join(dir, names[1]))
	for name, err := range map[string]error{"arm": s.Arm(t.Context()), "finish": s.Finish(t.Context(), true)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Disarm(); err != nil {
		t.Errorf("disarm: %v", err)
	}
}

func TestArmIsCancelled(t *testing.T) {
	s := testStore(t, t.TempDir(), Options{}, nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Arm(ended); !errors.Is(err, context.Canceled) || s.armed != nil {
		t.Errorf("%v, armed %v", err, s.armed != nil)
	}
	// Ended on the way, it leaves nothing half ready.
	late := &endsLate{Context: t.Context(), left: 1}
	if err := s.Arm(late); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	arm(t, s)
	if s.armed.space == 0 || s.held.Load() == 0 {
		t.Errorf("armed for %d bytes, %d records", s.armed.space, s.held.Load())
	}
}

// endsLate has ended after that many looks at it.
type endsLate struct {
	context.Context
	left int
}

func (c *endsLate) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestDisarmAndArmAgain(t *testing.T) {
	s := testStore(t, t.TempDir(), Options{}, nil)
	unarmed := s.Need(Immediate)
	for range 3 {
		arm(t, s)
		if armed := s.Need(Immediate); armed >= unarmed {
			t.Errorf("armed it needs %d bytes, else %d", armed, unarmed)
		}
		arm(t, s) // Armed already.
		for range 2 {
			if err := s.Disarm(); err != nil {
				t.Error(err)
			}
		}
		if again := s.Need(Immediate); again < unarmed {
			t.Errorf("disarmed it needs %d bytes, before it was armed %d", again, unarmed)
		}
		urgent(t, s, Request{}) // Works, only not as fast.
	}
}

func TestUrgentConcurrently(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{testStore(t, dir, Options{Keep: 4}, nil), testStore(t, dir, Options{Keep: 4}, nil)}
	var wg sync.WaitGroup
	for i := range 40 {
		s := stores[i/5%2]
		wg.Go(func() {
			var err error
			switch i % 5 {
			case 0:
				err = s.Arm(t.Context())
			case 1:
				err = s.Finish(t.Context(), i%2 == 0)
			case 2:
				if i%3 == 0 {
					err = s.Disarm()
				}
				s.Need(Fresh)
				if _, listed := s.List(); listed != nil {
					t.Error(listed)
				}
			case 3:
				_, err = s.Capture(t.Context(), Request{Time: noon, Stage: Fresh, Urgent: true, Goroutines: true})
			default:
				_, err = s.Capture(t.Context(), Request{Time: noon, Urgent: i%2 == 0})
			}
			// All are of one instant: a name that retention freed may be taken again before its manifest is there.
			if err != nil && !errors.Is(err, fs.ErrExist) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	for _, s := range stores {
		finish(t, s, true)
	}
	dumps, err := stores[0].List()
	if err != nil || len(dumps) == 0 {
		t.Fatalf("%d dumps, %v", len(dumps), err)
	}
	for _, d := range dumps {
		parseProfileFile(t, d.Path)
	}
	for _, name := range listing(t, dir) {
		if _, ok := parseName(name); !ok {
			t.Errorf("left behind: %s", name)
		}
	}
}
