package heapdump

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	file := put(t, dir, "file", "")
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"missing":      {filepath.Join(dir, "missing"), fs.ErrNotExist},
		"a file":       {file, syscall.ENOTDIR},
		"below a file": {filepath.Join(file, "x"), syscall.ENOTDIR},
	} {
		if name == "below a file" && !hasErrno {
			continue
		}
		s, err := Open(c.path, Options{})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.path) || s != nil {
			t.Errorf("%s: %v, want %v naming %s", name, err, c.want, c.path)
		}
	}
	wantFiles(t, dir, "file")
}

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	for want, opt := range map[string]Options{
		"Keep -1":            {Keep: -1},
		"MaxBytes -5":        {MaxBytes: -5},
		"Run has 257 bytes:": {Run: strings.Repeat("x", 257)},
	} {
		if _, err := Open(dir, opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", opt, err)
		}
	}
	s := testStore(t, dir, Options{}, nil)
	if s.opt.Keep != DefaultKeep || s.opt.MaxBytes != DefaultMaxBytes || s.opt.Run == "" || s.opt.Run != thisRun() {
		t.Errorf("defaults: %+v", s.opt)
	}
	if s.Dir() != dir {
		t.Errorf("Dir %s, want %s", s.Dir(), dir)
	}
}

func TestDirIsAbsolute(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := testStore(t, ".", Options{}, nil)
	t.Chdir(os.TempDir())
	d, err := s.Capture(t.Context(), Request{})
	if err != nil || !filepath.IsAbs(d.Path) {
		t.Fatalf("%s, %v", d.Path, err)
	}
	if _, err := os.Stat(d.Path); err != nil {
		t.Error(err)
	}
}

func TestStaleTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	old := now.Add(-staleAge - time.Minute)
	for _, name := range []string{
		".tmp-heapdump-0000000000000001", // ours and old: removed
		".tmp-heapdump-1", ".tmp-other-0000000000000001", "notes",
	} {
		if err := os.Chtimes(put(t, dir, name, "x"), old, old); err != nil {
			t.Fatal(err)
		}
	}
	put(t, dir, ".tmp-heapdump-0000000000000002", "in the making")
	if err := os.Mkdir(filepath.Join(dir, ".tmp-heapdump-0000000000000003"), 0o700); err != nil {
		t.Fatal(err)
	}
	left := []string{".tmp-heapdump-0000000000000002", ".tmp-heapdump-0000000000000003", ".tmp-heapdump-1", ".tmp-other-0000000000000001", "notes"}
	s := testStore(t, dir, Options{}, func(e *edges) { e.now = func() time.Time { return now } })
	wantFiles(t, dir, left...)

	// A store that lives on clears up as well.
	s.edge.now = func() time.Time { return now.Add(staleAge + time.Minute) }
	if err := s.clearStale(); err != nil {
		t.Error(err)
	}
	wantFiles(t, dir, left[1:]...)
}

func TestRetentionOnDisk(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{Keep: 3}, func(e *edges) { e.pid = 7 })
	foreign := []string{
		"heap-20261123T120000.123Z-p7-immediate.pb.gz.bak", "heap-latest.pb", "notes",
	}
	for _, name := range foreign {
		put(t, dir, name, "not ours")
	}
	directory := "heap-20200101T000000.000Z-p7-immediate.pb"
	if err := os.Mkdir(filepath.Join(dir, directory), 0o700); err != nil {
		t.Fatal(err)
	}
	var largest Dump
	runtime.GC() // What other tests left would count for the first set.
	for i := range 6 {
		if i == 2 {
			leakForTest(1, 32<<20)
		}
		var d Dump
		for _, stage := range []Stage{Immediate, Fresh} {
			var err error
			d, err = s.Capture(t.Context(), Request{Time: noon.Add(time.Duration(i) * time.Second), Stage: stage, Goroutines: true})
			if err != nil {
				t.Fatal(err)
			}
		}
		if i == 2 {
			largest = d
			// What is dead but not swept would count for the next set.
			leaked = nil
			runtime.GC()
		}
	}
	dumps, err := s.List()
	if err != nil || len(dumps) != 6 {
		t.Fatalf("%d dumps, %v, want two each of three sets", len(dumps), err)
	}
	for i, want := range []time.Time{noon, largest.Time, noon.Add(5 * time.Second)} {
		if d := dumps[2*i]; !d.Time.Equal(want) || d.Goroutine == "" || d.Manifest == "" {
			t.Errorf("set %d is %+v, want that of %v", i, d, want)
		}
	}
	got := listing(t, dir)
	if len(got) != len(foreign)+1+3*6 {
		t.Errorf("files %v", got)
	}
	for _, name := range append(foreign, directory) {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestFailedCapturePrunesNothing(t *testing.T) {
	dir := t.TempDir()
	keeps := testStore(t, dir, Options{}, nil)
	for i := range 3 {
		if _, err := keeps.Capture(t.Context(), Request{Time: noon.Add(time.Duration(i) * time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
	before := listing(t, dir)
	s := testStore(t, dir, Options{Keep: 1}, nil)
	s.edge.heap = func(io.Writer) error { return io.ErrClosedPipe }
	if _, err := s.Capture(t.Context(), Request{}); err == nil {
		t.Error("no error")
	}
	wantFiles(t, dir, before...)
}

func TestListWithoutManifest(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{}, nil)
	put(t, dir, "heap-20261123T120000.123Z-p5-immediate.pb", "killed before its manifest")
	put(t, dir, "heap-20261123T120001.000Z-p5-immediate.pb", "has a bad one")
	put(t, dir, "heap-20261123T120001.000Z-p5-immediate.json", "{")
	put(t, dir, "heap-20261123T120002.000Z-p5-immediate.json", "{}")
	dumps, err := s.List()
	if !errors.Is(err, ErrManifest) || len(dumps) != 2 {
		t.Fatalf("%+v, %v", dumps, err)
	}
	d := dumps[0]
	if d.PID != 5 || d.Bytes != 26 || !d.Time.Equal(noon.Truncate(time.Millisecond)) || d.Manifest != "" || dumps[1].Manifest != "" {
		t.Errorf("%+v", dumps)
	}
}

// Compressed profiles are listed and pruned like those written now.
func TestCompressedSets(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{Keep: 1}, nil)
	put(t, dir, "heap-20200101T000000.000Z-p5-immediate.pb.gz", "compressed")
	put(t, dir, "goroutine-20200101T000000.000Z-p5-immediate.pb.gz", "compressed")
	dumps, err := s.List()
	if err != nil || len(dumps) != 1 || filepath.Base(dumps[0].Goroutine) != "goroutine-20200101T000000.000Z-p5-immediate.pb.gz" {
		t.Errorf("%+v, %v", dumps, err)
	}
	d, err := s.Capture(t.Context(), Request{})
	if err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, filepath.Base(d.Manifest), filepath.Base(d.Path))
}

func TestTooManyEntries(t *testing.T) {
	dir := t.TempDir()
	for i := range maxEntries + 10 {
		put(t, dir, setName{int64(i), 1}.file(Immediate, heapProfile), "")
	}
	s := testStore(t, dir, Options{}, nil)
	dumps, err := s.List()
	if !errors.Is(err, ErrTooManyEntries) || len(dumps) != maxEntries {
		t.Errorf("%d dumps, %v", len(dumps), err)
	}
	d, err := s.Capture(t.Context(), Request{})
	if !errors.Is(err, ErrTooManyEntries) || d.Path == "" {
		t.Errorf("%+v, %v", d, err)
	}
	// What was seen was pruned, so the next one finds its way.
	if d, err = s.Capture(t.Context(), Request{}); err != nil {
		t.Errorf("%+v, %v", d, err)
	}
	if n := len(listing(t, dir)); n > DefaultKeep*2 {
		t.Errorf("%d files left", n)
	}
}

func FuzzReadManifest(f *testing.F) {
	f.Add(`{"version":1,"stage":"fresh","heap_objects_bytes":1,"context":{"a":[1]}}`)
	f.Add(`{"version":2}`)
	f.Add(`[`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ReadManifest(strings.NewReader(text))
		if err != nil {
			if !errors.Is(err, ErrManifest) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("unexpected kind of error: %v", err)
			}
			return
		}
		if m.Version != ManifestVersion {
			t.Errorf("version %d", m.Version)
		}
		var b strings.Builder
		if err := m.writeTo(&b); err != nil {
			t.Errorf("does not write back: %v", err)
		}
	})
}

func TestReadManifestBounds(t *testing.T) {
	if _, err := ReadManifest(strings.NewReader(strings.Repeat(" ", maxManifest+1))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

// The first set of a run is spared even when its manifest could not be written.
func TestOwnSetWithoutManifest(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{Keep: 3}, nil)
	var first Dump
	for i := range 5 {
		d, err := s.Capture(t.Context(), Request{Time: noon.Add(time.Duration(i) * time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = d
			if err := os.Remove(d.Manifest); err != nil {
				t.Fatal(err)
			}
			// Another process's, newer: the newest of the unknown run.
			put(t, dir, "heap-20261123T120000.500Z-p1-immediate.pb", strings.Repeat("x", 1<<20))
		}
	}
	if _, err := os.Stat(first.Path); err != nil {
		t.Error(err)
	}
}

func TestCaptureFollowsADirectoryMadeAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dumps")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := testStore(t, dir, Options{}, nil)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Capture(t.Context(), Request{}); !errors.Is(err, fs.ErrNotExist) || d.Path != "" {
		t.Errorf("removed directory: %+v, %v", d, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := s.Capture(t.Context(), Request{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.Path); err != nil {
		t.Error(err)
	}
}
