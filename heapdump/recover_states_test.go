package heapdump

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// addressFile is a profile without symbols that a Store wrote a minute ago.
func addressFile(t testing.TB, dir string, at time.Time) string {
	t.Helper()
	if !addressesOnly() {
		t.Skip("profiles have symbols from the start here: the build is not known")
	}
	s := testStore(t, dir, Options{Keep: 1 << 20}, nil)
	d := urgent(t, s, Request{Time: at, Stage: Fresh})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	age(t, d.Path)
	wantAddresses(t, d.Path)
	return d.Path
}

// state is what may not change of an entry that is left alone.
type state struct {
	info fs.FileInfo
	text string
}

// states are those of all entries of dir.
func states(t testing.TB, dir string) map[string]state {
	t.Helper()
	all := map[string]state{}
	for _, name := range listing(t, dir) {
		path := filepath.Join(dir, name)
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		s := state{info: info}
		switch {
		case info.Mode().IsRegular():
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s.text = string(text)
		case info.Mode().Type() == fs.ModeSymlink:
			if s.text, err = os.Readlink(path); err != nil {
				t.Fatal(err)
			}
		}
		all[name] = s
	}
	return all
}

// wantStates: dir holds the same entries as before, but for those that changed.
func wantStates(t testing.TB, dir string, before map[string]state, changed ...string) {
	t.Helper()
	after := states(t, dir)
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s: was not there", name)
		}
	}
	for name, was := range before {
		now, ok := after[name]
		if !ok {
			t.Errorf("%s: is gone", name)
			continue
		}
		if slices.Contains(changed, name) {
			if now.text == was.text || !now.info.ModTime().Equal(was.info.ModTime()) {
				t.Errorf("%s: same bytes %t, modified %v, before %v", name, now.text == was.text, now.info.ModTime(), was.info.ModTime())
			}
			continue
		}
		if now.text != was.text || !os.SameFile(now.info, was.info) || now.info.Mode() != was.info.Mode() || !now.info.ModTime().Equal(was.info.ModTime()) {
			t.Errorf("%s: touched: %v, before %v", name, now.info, was.info)
		}
	}
}
