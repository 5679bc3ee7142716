package heapdump

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestOpenFileAndRemove(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{}, nil)
	var dumps []Dump
	for i := range 2 {
		d, err := s.Capture(t.Context(), Request{Time: noon.Add(time.Duration(i) * time.Second), Goroutines: true})
		if err != nil {
			t.Fatal(err)
		}
		dumps = append(dumps, d)
	}
	d := dumps[0]
	for _, path := range []string{d.Path, d.Manifest, d.Goroutine} {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, filepath.Base(path)} {
			f, err := s.OpenFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(f)
			if err != nil || string(got) != string(want) {
				t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(want), err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := s.Remove(d.Manifest); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("remove a manifest: %v", err)
	}
	if err := s.Remove(filepath.Base(d.Path)); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(d.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("remove again: %v", err)
	}
	if left := listing(t, dir); len(left) != 3 {
		t.Errorf("left %q, want the three files of the other dump", left)
	}
}

func TestOpenFileKeepsToDumps(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, "dumps")
	if err := os.Mkdir(store, 0o700); err != nil {
		t.Fatal(err)
	}
	s := testStore(t, store, Options{}, nil)
	outside := filepath.Join(dir, "heap-20200101T000000.000Z-p7-immediate.pb")
	for path, text := range map[string]string{outside: "secret", filepath.Join(s.Dir(), "secret"): "secret"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := "heap-20200101T000001.000Z-p7-immediate.pb"
	inside := "heap-20200101T000002.000Z-p7-immediate.pb"
	directory := "heap-20200101T000003.000Z-p7-immediate.pb"
	for name, to := range map[string]string{link: outside, inside: "secret"} {
		if err := os.Symlink(to, filepath.Join(s.Dir(), name)); err != nil {
			t.Skip("no symbolic links:", err)
		}
	}
	if err := os.Mkdir(filepath.Join(s.Dir(), directory), 0o700); err != nil {
		t.Fatal(err)
	}
	base := filepath.Base(outside)
	for _, name := range []string{
		"", ".", "..", "/", "secret", "../" + base, outside, base, s.Dir(), s.Dir() + "/../" + base, "./" + link, link, inside, directory,
		base + "\x00", "\x00", "dumps/" + link, "..\\" + base, link + "/",
	} {
		if f, err := s.OpenFile(name); !errors.Is(err, fs.ErrNotExist) || f != nil {
			t.Errorf("open %q: %v, %v", name, f, err)
		}
		if err := s.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("remove %q: %v", name, err)
		}
	}
	if got, err := os.ReadFile(outside); err != nil || string(got) != "secret" {
		t.Errorf("%q, %v", got, err)
	}
}
