package heapdump

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// However little is free, the profile is the old one or the new one.
func TestRecoverOnAFullVolume(t *testing.T) {
	dir := smallDisk(t, 256)
	s := testStore(t, dir, Options{}, nil)
	parts := fewParts(t, 20)
	i := first(parts, fieldSample)
	// Several times what is collected for one write.
	more := slices.Repeat(parts[i:i+1], 160<<10/len(parts[i].body))
	large := inserted(atFirst(fieldSample), more...)(parts)
	name := numbered(0)
	path := put(t, dir, name, string(large))
	wantAddresses(t, path)
	for free := 0; ; free += 5 {
		fill(t, dir, free)
		before := states(t, dir)
		recovered, err := s.Recover(t.Context())
		if err == nil {
			wantStates(t, dir, before, name)
			if len(recovered) != 1 || free < len(large)/os.Getpagesize() {
				t.Errorf("%d pages free: recovered %v", free, recovered)
			}
			break
		}
		if !errors.Is(err, unix.ENOSPC) || len(recovered) != 0 || !strings.Contains(err.Error(), name) {
			t.Fatalf("%d pages free: recovered %v, %v", free, recovered, err)
		}
		wantStates(t, dir, before)
		if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
			t.Fatal(err)
		}
	}
	parseProfileFile(t, path)
}

// The function finds out when it opens the directory.
func TestRecoverOpensAFullVolume(t *testing.T) {
	dir := smallDisk(t, 256)
	addressFile(t, dir, noon)
	fill(t, dir, 0)
	before := states(t, dir)
	if recovered, err := Recover(t.Context(), dir); !errors.Is(err, unix.ENOSPC) || len(recovered) != 0 || !strings.Contains(err.Error(), dir) {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before)
}

func TestRecoverOnAReadOnlyVolume(t *testing.T) {
	dir := smallDisk(t, 1024)
	s := testStore(t, dir, Options{}, nil)
	name := filepath.Base(addressFile(t, dir, noon))
	before := states(t, dir)
	if err := remount(t, dir, unix.MS_RDONLY, ""); err != nil {
		t.Skip("cannot remount: ", err)
	}
	recovered, err := s.Recover(t.Context())
	if !errors.Is(err, unix.EROFS) || len(recovered) != 0 || !strings.Contains(err.Error(), name) {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	if recovered, err := Recover(t.Context(), dir); !errors.Is(err, unix.EROFS) || len(recovered) != 0 {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before)
}

// The directory cannot be written to any more: by its mode, or its flag.
func TestRecoverInAnUnwritableDirectory(t *testing.T) {
	for name, forbid := range map[string]func(t *testing.T, dir string){
		"mode": func(t *testing.T, dir string) {
			if err := os.Chmod(dir, 0o555); err != nil {
				t.Fatal(err)
			}
		},
		"immutable": func(t *testing.T, dir string) {
			if err := setImmutable(dir, true); err != nil {
				t.Skip("cannot make it immutable: ", err)
			}
			t.Cleanup(func() {
				if err := setImmutable(dir, false); err != nil {
					t.Error(err)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := testStore(t, dir, Options{}, nil)
			path := addressFile(t, dir, noon)
			if err := os.Chmod(path, 0o644); err != nil { // For the nobody that root becomes.
				t.Fatal(err)
			}
			before := states(t, dir)
			forbid(t, dir)
			asNobody(t, func() {
				recovered, err := s.Recover(t.Context())
				if !errors.Is(err, fs.ErrPermission) || len(recovered) != 0 || !strings.Contains(err.Error(), filepath.Base(path)) {
					t.Errorf("recovered %v, %v", recovered, err)
				}
			})
			wantStates(t, dir, before)
		})
	}
}

// The last step fails: an immutable file cannot be replaced.
func TestRecoverCannotRename(t *testing.T) {
	dir := t.TempDir()
	path := addressFile(t, dir, noon)
	before := states(t, dir)
	if err := setImmutable(path, true); err != nil {
		t.Skip("cannot make it immutable: ", err)
	}
	t.Cleanup(func() {
		if err := setImmutable(path, false); err != nil {
			t.Error(err)
		}
	})
	recovered, err := Recover(t.Context(), dir)
	if !errors.Is(err, fs.ErrPermission) || len(recovered) != 0 || !strings.Contains(err.Error(), filepath.Base(path)) {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before)
}

// oddEntries makes entries with a dump's name that are no files of this user's,
// and returns their names.
func oddEntries(t *testing.T, dir, profile string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(profile)
	if err != nil {
		t.Fatal(err)
	}
	outside := put(t, t.TempDir(), "outside", string(text))
	put(t, dir, "inside", string(text))
	make := func(fn func(path string) error) {
		names = append(names, numbered(len(names)))
		if err := fn(filepath.Join(dir, names[len(names)-1])); err != nil {
			t.Fatal(err)
		}
	}
	make(func(path string) error { return os.Symlink(outside, path) })
	make(func(path string) error { return os.Symlink("inside", path) })
	make(func(path string) error { return os.Symlink("nowhere", path) })
	make(func(path string) error { return os.Symlink(filepath.Base(path), path) }) // leads to itself
	make(func(path string) error { return unix.Mkfifo(path, 0o600) })
	make(func(path string) error { return os.Mkdir(path, 0o700) })
	if os.Geteuid() == 0 {
		make(func(path string) error {
			return errors.Join(os.WriteFile(path, text, 0o644), os.Lchown(path, 65534, 65534))
		})
	}
	t.Cleanup(func() {
		if now, err := os.ReadFile(outside); err != nil || !bytes.Equal(now, text) {
			t.Errorf("the file outside has changed, %v", err)
		}
	})
	return names
}

// Links, pipes, directories and other users' files keep nothing from being
// recovered, and nobody waits for them.
func TestRecoverOddEntries(t *testing.T) {
	dir := t.TempDir()
	path := addressFile(t, dir, noon)
	names := oddEntries(t, dir, path)
	before := states(t, dir)
	recovered, err := Recover(t.Context(), dir)
	if !slices.Equal(recovered, []string{path}) {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before, filepath.Base(path))
	for i, name := range names {
		want := name + ": " + ErrProfile.Error()
		if i == 6 {
			want = name + ": " + fs.ErrPermission.Error()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("nothing says %q: %v", want, err)
		}
	}
}

// The other names of a file stay what they were.
func TestRecoverHardLink(t *testing.T) {
	dir := t.TempDir()
	path := addressFile(t, dir, noon)
	other := filepath.Join(t.TempDir(), "other")
	if err := os.Link(path, other); err != nil {
		t.Skip("no hard links: ", err)
	}
	before := states(t, filepath.Dir(other))
	if recovered, err := Recover(t.Context(), dir); err != nil || len(recovered) != 1 {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantStates(t, filepath.Dir(other), before)
	wantAddresses(t, other)
	parseProfileFile(t, path)
}

// Files that are too large are not read, and the others have their share.
func TestRecoverTooLarge(t *testing.T) {
	dir := t.TempDir()
	path := addressFile(t, dir, noon)
	want := map[string]error{}
	sparse := func(i int, size int64) {
		path := put(t, dir, numbered(i), "")
		if err := os.Truncate(path, size); err != nil {
			t.Skip("no sparse files: ", err)
		}
		age(t, path)
		want[numbered(i)] = ErrTooLarge
	}
	sparse(0, maxRecoverFile+1)
	sparse(1, 1<<40)
	for i := range 20 {
		sparse(2+i, 1<<30+rand.Int64N(1<<20))
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	recovered, err := Recover(t.Context(), dir)
	if !slices.Equal(recovered, []string{path}) || !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrProfile) {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	for name := range want {
		if err == nil || !strings.Contains(err.Error(), name+": "+ErrTooLarge.Error()) {
			t.Errorf("nothing is said of %s: %v", name, err)
		}
	}
	if now, err := os.Lstat(path); err != nil || !now.ModTime().Equal(info.ModTime()) {
		t.Errorf("%v, %v", now, err)
	}
	for name := range want {
		now, err := os.Lstat(filepath.Join(dir, name))
		if err != nil || now.Size() <= maxRecoverFile || time.Since(now.ModTime()) < 30*time.Second {
			t.Errorf("%s: %v, %v", name, now, err)
		}
	}
}

// The sum of what is read has a bound, and what is beyond it is named.
func TestRecoverTooMuch(t *testing.T) {
	const size, fit = maxRecoverFile - 1, maxRecover / (maxRecoverFile - 1)
	dir := t.TempDir()
	for i := range fit + 1 {
		if err := os.Truncate(put(t, dir, numbered(i), ""), size); err != nil {
			t.Skip("no sparse files: ", err)
		}
	}
	recovered, err := Recover(t.Context(), dir)
	if len(recovered) != 0 || err == nil {
		t.Fatalf("recovered %v, %v", recovered, err)
	}
	read, beyond := strings.Count(err.Error(), ErrProfile.Error()), strings.Count(err.Error(), ErrTooLarge.Error())
	if read != fit || beyond != 1 {
		t.Errorf("%d files read, %d not, want %d and 1: %v", read, beyond, fit, err)
	}
	for i := range fit + 1 {
		if !strings.Contains(err.Error(), numbered(i)) {
			t.Errorf("nothing is said of %s", numbered(i))
		}
	}
}
