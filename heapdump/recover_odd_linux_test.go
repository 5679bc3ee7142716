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
