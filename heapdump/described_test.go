package heapdump

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestListReadsManifestsOnce: those that are as they were are not opened again,
// and those that changed are.
func TestListReadsManifestsOnce(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{}, nil)
	d, err := s.Capture(t.Context(), Request{Reason: "first", Top: 3})
	if err != nil {
		t.Fatal(err)
	}
	list := func() Dump {
		t.Helper()
		all, err := s.List()
		if err != nil || len(all) != 1 {
			t.Fatalf("%d dumps, %v", len(all), err)
		}
		return all[0]
	}
	fresh := list()
	if n := len(*s.described.Load()); n != 0 {
		t.Errorf("%d descriptions of a manifest that has just been written", n)
	}
	age := func(back time.Duration) {
		t.Helper()
		at := time.Now().Add(-back)
		if err := os.Chtimes(d.Manifest, at, at); err != nil {
			t.Fatal(err)
		}
	}
	age(time.Hour)
	if first := list(); !reflect.DeepEqual(first, fresh) || first.Reason != "first" {
		t.Errorf("%+v, want %+v", first, fresh)
	}
	text, err := os.ReadFile(d.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(d.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	// Not readable, but the same by size and time: it is not read.
	if err := os.WriteFile(d.Manifest, []byte(strings.Repeat("x", len(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(d.Manifest, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	kept := list()
	if !reflect.DeepEqual(kept, fresh) {
		t.Errorf("%+v, want %+v", kept, fresh)
	}
	for i := range kept.Top {
		kept.Top[i].Function = "the caller's own"
	}
	if again := list(); !reflect.DeepEqual(again, fresh) {
		t.Error("a caller changes what is kept")
	}
	// Another time, of the same size.
	if err := os.WriteFile(d.Manifest, []byte(strings.Replace(string(text), "first", "later", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	age(time.Minute)
	if changed := list(); changed.Reason != "later" {
		t.Errorf("reason %q", changed.Reason)
	}
	if err := s.Remove(filepath.Base(d.Path)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.List(); err != nil || len(*s.described.Load()) != 0 {
		t.Errorf("%v, %d descriptions of nothing", err, len(*s.described.Load()))
	}
}

func TestDescriptionsAreBounded(t *testing.T) {
	all, now := descriptions{}, time.Now()
	name := func(i int) found {
		return found{fileName: fileName{set: setName{int64(i), 7}, stage: Fresh, kind: manifestFile}, changed: now.Add(-time.Hour)}
	}
	all.keep(name(0), description{dump: Dump{Reason: strings.Repeat("x", maxDescribedText+1)}}, now)
	if len(all) != 0 {
		t.Error("a large one is kept")
	}
	for i := range maxDescribed + 1 {
		all.keep(name(i), description{}, now)
	}
	if len(all) != maxDescribed {
		t.Errorf("%d are kept", len(all))
	}
}
