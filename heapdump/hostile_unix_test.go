//go:build unix

package heapdump

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// victims are files that must not be touched, one outside the directory and
// one inside, where links are otherwise allowed to point.
func victims(t *testing.T, dir string) (paths []string, check func()) {
	t.Helper()
	paths = []string{put(t, t.TempDir(), "victim", "precious"), put(t, dir, "victim", "precious")}
	return paths, func() {
		t.Helper()
		for _, path := range paths {
			if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
				t.Errorf("victim holds %q, %v", text, err)
			}
		}
	}
}

func symlink(t *testing.T, target, dir, name string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func TestPlantedTemporaryNames(t *testing.T) {
	dir := t.TempDir()
	victim, check := victims(t, dir)
	planted := []string{".tmp-heapdump-0000000000000001", ".tmp-heapdump-0000000000000002", ".tmp-heapdump-0000000000000003", ".tmp-heapdump-0000000000000004"}
	symlink(t, victim[0], dir, planted[0])
	symlink(t, "victim", dir, planted[1])
	symlink(t, "nowhere", dir, planted[2])
	put(t, dir, planted[3], "precious")
	s := testStore(t, dir, Options{}, func(e *edges) {
		e.now = func() time.Time { return time.Now().Add(time.Second) }
		next := 0
		e.temp = func() string {
			next++
			if next%5 == 0 {
				return tempName()
			}
			return planted[next%5-1]
		}
	})
	d, err := s.Capture(t.Context(), Request{Goroutines: true})
	if err != nil {
		t.Fatal(err)
	}
	check()
	wantFiles(t, dir, append(planted, filepath.Base(d.Goroutine), filepath.Base(d.Manifest), filepath.Base(d.Path), "victim")...)

	s.edge.temp, s.dir.temp = nil, func() string { return planted[0] }
	if d, err := s.Capture(t.Context(), Request{}); !errors.Is(err, fs.ErrExist) || d.Path != "" {
		t.Errorf("%+v, %v", d, err)
	}
	check()
}

func TestPlantedFinalNames(t *testing.T) {
	dir := t.TempDir()
	victim, check := victims(t, dir)
	s := testStore(t, dir, Options{}, nil)
	set, err := newSetName(noon, s.edge.pid)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		set.file(Immediate, heapProfile),
		set.next().file(Immediate, manifestFile),
		set.next().next().file(Fresh, goroutineProfile),
	}
	symlink(t, victim[0], dir, names[0])
	symlink(t, "victim", dir, names[1])
	symlink(t, "nowhere", dir, names[2])
	d, err := s.Capture(t.Context(), Request{Time: noon, Goroutines: true})
	if err != nil {
		t.Fatal(err)
	}
	check()
	if want := set.next().next().next().file(Immediate, heapProfile); filepath.Base(d.Path) != want {
		t.Errorf("path %s, want %s", d.Path, want)
	}
	for _, name := range names {
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Mode().Type() != fs.ModeSymlink {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if dumps, err := s.List(); err != nil || len(dumps) != 1 {
		t.Errorf("list %+v, %v", dumps, err)
	}
}

// The names are planted between the look and the rename.
func TestPlantedAfterTheProfile(t *testing.T) {
	dir := t.TempDir()
	victim, check := victims(t, dir)
	s := testStore(t, dir, Options{}, nil)
	set, err := newSetName(noon, s.edge.pid)
	if err != nil {
		t.Fatal(err)
	}
	s.edge.afterProfile = func() {
		symlink(t, victim[0], dir, set.file(Immediate, manifestFile))
		symlink(t, "victim", dir, set.file(Immediate, goroutineProfile))
	}
	d, err := s.Capture(t.Context(), Request{Time: noon, Goroutines: true})
	if !errors.Is(err, fs.ErrExist) || d.Path == "" || d.Manifest != "" || d.Goroutine != "" {
		t.Errorf("%+v, %v", d, err)
	}
	check()
	if n := len(listing(t, dir)); n != 4 {
		t.Errorf("%d files: %v", n, listing(t, dir))
	}
}

func TestOddFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	_, check := victims(t, dir)
	symlink(t, "victim", dir, "heap-20200101T000000.000Z-p1-immediate.pb")
	fifo := filepath.Join(dir, "heap-20200101T000000.000Z-p1-immediate.json")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip("no FIFO here: ", err)
	}
	s := testStore(t, dir, Options{Keep: 1}, nil)
	for range 3 {
		if _, err := s.Capture(t.Context(), Request{}); err != nil {
			t.Fatal(err)
		}
	}
	if dumps, err := s.List(); err != nil || len(dumps) != 1 {
		t.Errorf("list %+v, %v", dumps, err)
	}
	check()
	if n := len(listing(t, dir)); n != 5 {
		t.Errorf("%d files: %v", n, listing(t, dir))
	}
}

func TestForeignFilesAreLeftAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: gives files away")
	}
	dir := t.TempDir()
	temp := ".tmp-heapdump-0000000000000001"
	old := time.Now().Add(-24 * time.Hour)
	for _, name := range []string{"heap-20200101T000000.000Z-p1-immediate.pb", temp} {
		path := put(t, dir, name, "another user's")
		if err := errors.Join(os.Chtimes(path, old, old), os.Lchown(path, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
	}
	s := testStore(t, dir, Options{Keep: 1}, nil)
	for range 2 {
		if _, err := s.Capture(t.Context(), Request{}); err != nil {
			t.Fatal(err)
		}
	}
	if dumps, err := s.List(); err != nil || len(dumps) != 2 {
		t.Errorf("list %+v, %v", dumps, err)
	}
	if n := len(listing(t, dir)); n != 4 {
		t.Errorf("files %v", listing(t, dir))
	}
}

func TestDirectoryIsALink(t *testing.T) {
	parent := t.TempDir()
	dir := t.TempDir()
	symlink(t, dir, parent, "link")
	link := filepath.Join(parent, "link")
	s := testStore(t, link, Options{}, nil)
	if _, err := s.Capture(t.Context(), Request{}); err != nil {
		t.Error(err)
	}
	symlink(t, filepath.Join(dir, "missing"), parent, "dangling")
	if _, err := Open(filepath.Join(parent, "dangling"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("dangling: %v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: gives a link away")
	}
	if err := os.Lchown(link, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(link, Options{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("another user's link: %v", err)
	}
}
