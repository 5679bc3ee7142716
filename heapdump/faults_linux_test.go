package heapdump

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a tmpfs of that many pages.
func smallDisk(t *testing.T, pages int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: mounts a tmpfs")
	}
	dir := t.TempDir()
	options := fmt.Sprintf("size=%d", pages*os.Getpagesize())
	if err := unix.Mount("heapdump-test", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		t.Skip("cannot mount a tmpfs: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves that many pages free.
func fill(t *testing.T, dir string, leave int) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "ballast", strings.Repeat("x", (int(st.Bfree)-leave)*int(st.Bsize)))
}

func pages(n int) func(io.Writer) error {
	return func(w io.Writer) error {
		// Small writes: what fits is written before the error.
		for range 4 * n {
			if _, err := w.Write(make([]byte, os.Getpagesize()/4)); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestFullAtOpen(t *testing.T) {
	dir := smallDisk(t, 16)
	fill(t, dir, 0)
	s, err := Open(dir, Options{})
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), dir) || s != nil {
		t.Errorf("%v", err)
	}
	wantFiles(t, dir, "ballast")
}

func TestFullInTheProfile(t *testing.T) {
	dir := smallDisk(t, 1024)
	s := testStore(t, dir, Options{Keep: 1}, nil)
	if s.FS() != Tmpfs {
		t.Errorf("FS %q, want tmpfs", s.FS())
	}
	first, err := s.Capture(t.Context(), Request{Time: noon})
	if err != nil {
		t.Fatal(err)
	}
	s.edge.heap = pages(8)
	fill(t, dir, 5)
	d, err := s.Capture(t.Context(), Request{})
	if !errors.Is(err, unix.ENOSPC) || d.Path != "" || !strings.Contains(err.Error(), dir) {
		t.Errorf("%+v, %v", d, err)
	}
	wantFiles(t, dir, "ballast", filepath.Base(first.Manifest), filepath.Base(first.Path))
}

func TestFullWithTheRealEncoder(t *testing.T) {
	dir := smallDisk(t, 64)
	s := testStore(t, dir, Options{}, nil)
	fill(t, dir, 0)
	d, err := s.Capture(t.Context(), Request{})
	if !errors.Is(err, unix.ENOSPC) || d.Path != "" {
		t.Errorf("%+v, %v", d, err)
	}
	wantFiles(t, dir, "ballast")
}

func TestFullInTheManifest(t *testing.T) {
	dir := smallDisk(t, 64)
	s := testStore(t, dir, Options{}, nil)
	s.edge.heap = pages(2)
	fill(t, dir, 2)
	d, err := s.Capture(t.Context(), Request{Goroutines: true})
	if !errors.Is(err, unix.ENOSPC) || d.Path == "" || d.Manifest != "" || d.Goroutine != "" || d.Bytes != int64(2*os.Getpagesize()) {
		t.Errorf("%+v, %v", d, err)
	}
	wantFiles(t, dir, "ballast", filepath.Base(d.Path))
}

func TestReadOnlyFileSystem(t *testing.T) {
	dir := smallDisk(t, 16)
	s := testStore(t, dir, Options{}, nil)
	if err := s.Close(); err != nil { // an open descriptor does not matter, but be sure
		t.Error(err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Skip("cannot remount: ", err)
	}
	if s, err := Open(dir, Options{}); !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), dir) || s != nil {
		t.Errorf("%v", err)
	}
}

func TestUnwritableDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	asNobody(t, func() {
		if s, err := Open(dir, Options{}); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), dir) || s != nil {
			t.Errorf("%v", err)
		}
	})
}

// asNobody calls fn without root's power over files, if the test has it.
func asNobody(t *testing.T, fn func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		fn()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, err := unix.SetfsuidRetUid(65534); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = unix.SetfsuidRetUid(0) }()
	fn()
}

// The dump is complete and stays when it cannot be made to last.
func TestSyncFails(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{}, nil)
	self := s.dir.self
	s.edge.goroutines = func(io.Writer) error {
		closed, err := os.Open(dir)
		if err != nil {
			return err
		}
		s.dir.self = closed
		return closed.Close()
	}
	d, err := s.Capture(t.Context(), Request{Goroutines: true})
	if !errors.Is(err, fs.ErrClosed) || d.Path == "" || d.Manifest == "" {
		t.Errorf("%+v, %v", d, err)
	}
	s.dir.self = self
	wantFiles(t, dir, filepath.Base(d.Manifest), filepath.Base(d.Path))
	parseProfileFile(t, d.Path)
}

func TestDirectoryVanishes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dumps")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := testStore(t, dir, Options{}, nil)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Capture(t.Context(), Request{}); !errors.Is(err, fs.ErrNotExist) || d.Path != "" {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestNoDescriptorIsLeft(t *testing.T) {
	dir := t.TempDir()
	count := func() int { return len(listing(t, "/proc/self/fd")) }
	before := count()
	s, err := Open(dir, Options{Keep: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		req := Request{Goroutines: true}
		s.edge.goroutines = encodeGoroutines
		if i%2 == 0 {
			s.edge.goroutines = func(io.Writer) error { return io.ErrClosedPipe }
		}
		if _, err := s.Capture(t.Context(), req); (err != nil) != (i%2 == 0) {
			t.Error(err)
		}
		if _, err := s.List(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}

func TestOwnDumpsNeverFillASmallVolume(t *testing.T) {
	dir := smallDisk(t, 64)
	s := testStore(t, dir, Options{}, func(e *edges) { e.heap = pages(8) })
	for i := range 20 {
		if _, err := s.Capture(t.Context(), Request{Reason: fmt.Sprint(i)}); err != nil {
			t.Fatalf("capture %d on a volume of 64 pages: %v", i, err)
		}
	}
}
