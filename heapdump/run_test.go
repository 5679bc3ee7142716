package heapdump

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestOfRun(t *testing.T) {
	dir := t.TempDir()
	mine := testStore(t, dir, Options{Run: "mine", Keep: 100}, nil)
	other := testStore(t, dir, Options{Run: "another \"run\"", Keep: 100}, nil)
	for i, s := range []*Store{mine, other, mine} {
		for _, stage := range []Stage{Immediate, Fresh} {
			if _, err := s.Capture(t.Context(), Request{Time: noon.Add(time.Duration(i) * time.Second), Stage: stage, Top: 3, Reason: "a\n\"reason\"", Context: map[string]any{"top": []string{"x"}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Killed before it could say whose it is.
	put(t, dir, "heap-20260101T000000.000Z-p7-immediate.pb", "")
	all, err := mine.List()
	if err != nil {
		t.Fatal(err)
	}
	for run, want := range map[string]int{"mine": 4, "another \"run\"": 2, "nobody": 0} {
		dumps, err := mine.OfRun(run)
		if err != nil || len(dumps) != want+1 {
			t.Fatalf("%s: %d dumps, %v; want %d and the one of nobody", run, len(dumps), err, want)
		}
		if d := dumps[0]; d.Run != "" || d.PID != 7 || d.Manifest != "" {
			t.Errorf("%+v", d)
		}
		for _, d := range dumps[1:] {
			for _, full := range all {
				if full.Path == d.Path && (d.Run != run || d.Stage != full.Stage || d.Manifest != full.Manifest || d.Bytes != full.Bytes || !reflect.DeepEqual(d.Top, full.Top)) {
					t.Errorf("%+v\nList has %+v", d, full)
				}
			}
		}
	}
	// A manifest that cannot be read is an error, and hides no other dump.
	put(t, dir, "heap-20260101T000000.000Z-p7-immediate.json", "junk")
	if dumps, err := mine.OfRun("mine"); !errors.Is(err, ErrManifest) || len(dumps) != 5 {
		t.Errorf("%d dumps, %v", len(dumps), err)
	}
}

func TestParseTopIsTolerant(t *testing.T) {
	whole := "{\n  \"top\": [\n    {\n      \"function\": \"main.f\",\n      \"file\": \"/a.go\",\n      \"line\": 3,\n      \"inuse_bytes\": 7,\n      \"inuse_objects\": 1,\n      \"grown_bytes\": 5\n    },\n    {\n      \"function\": \"g\\u003c\\\"\",\n      \"inuse_bytes\": 2,\n      \"inuse_objects\": 1\n    }\n  ],\n"
	five := int64(5)
	want := []Site{{Function: "main.f", File: "/a.go", Line: 3, Bytes: 7, Objects: 1, Grown: &five}, {Function: "g<\"", Bytes: 2, Objects: 1}}
	if got := parseTop(whole); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	for n := range whole {
		if got := parseTop(whole[:n]); len(got) > 2 {
			t.Errorf("at %d: %+v", n, got)
		}
	}
	if got := parseTop(strings.Replace(whole, "3,", "three,", 1)); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func FuzzParseTop(f *testing.F) {
	f.Add("\n  \"top\": [\n    {\n      \"function\": \"f\"\n    }\n  ]\n")
	f.Fuzz(func(t *testing.T, text string) {
		if n := len(parseTop(text)); n > maxTop {
			t.Errorf("%d sites", n)
		}
	})
}

func TestTopOf(t *testing.T) {
	dir := t.TempDir()
	s := realStore(t, dir)
	hold := make([][]byte, 64)
	for i := range hold {
		hold[i] = make([]byte, 1<<20)
	}
	d, err := s.Capture(t.Context(), Request{Stage: Fresh, Urgent: true})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.TopOf(d, 3)
	if errors.Is(err, ErrOtherBuild) {
		t.Skip("the build is not known here: ", err)
	}
	if err != nil || len(found) == 0 || !strings.HasSuffix(found[0].Function, ".TestTopOf") || found[0].Bytes < 32<<20 {
		t.Errorf("%+v, %v", found, err)
	}
	_ = hold[0][0]
	for path, want := range map[string]error{
		put(t, dir, "heap-20260101T000000.000Z-p7-immediate.pb", "junk"): ErrProfile,
		filepath.Join(dir, "heap-nowhere.pb"):                            fs.ErrNotExist,
	} {
		if _, err := s.TopOf(Dump{Path: path}, 3); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

// realStore has the real encoder.
func realStore(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}
