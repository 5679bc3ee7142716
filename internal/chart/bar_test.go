package chart

import (
	"math"
	"strings"
	"testing"
)

func usage() *Bar {
	return &Bar{
		Name: "Usage", Max: 400 * mebi,
		Segments: []Segment{{Name: "heap", Bytes: 100 * mebi, Title: "of the Go runtime"}, {Name: "none"}, {Name: "cache", Class: "mine", Bytes: 50 * mebi}},
		Levels:   []Level{{"threshold", "", 300 * mebi}, {"limit", ClassLimit, 400 * mebi}, {"beyond", "", 500 * mebi}},
	}
}

func TestBarPlacesItsParts(t *testing.T) {
	all := elements(t, usage().SVG())
	for _, want := range []struct{ class, x, width string }{
		{"mg-c0", "0%", "25%"}, {"mine", "25%", "12.5%"}, {ClassFree, "37.5%", "62.5%"},
	} {
		found := ofClass(all, want.class)
		if len(found) != 1 || found[0].attr["x"] != want.x || found[0].attr["width"] != want.width {
			t.Errorf("%s: %+v, want %v", want.class, found, want)
		}
	}
	if n := len(ofClass(all, "mg-seg")); n != 2 {
		t.Errorf("%d segments", n)
	}
	lines := ofClass(all, "mg-line")
	if len(lines) != 2 || lines[0].attr["x1"] != "75%" || lines[1].attr["x2"] != "100%" {
		t.Errorf("%+v", lines)
	}
	text := strings.Join(titles(all), "|")
	want := "free: 250.0 MiB, 62.5 % of 400 MiB|heap: 100.0 MiB, 25.0 % of 400 MiB\nof the Go runtime|" +
		"cache: 50.0 MiB, 12.5 % of 400 MiB|threshold: 300.0 MiB, 75.0 % of 400 MiB|limit: 400.0 MiB, 100.0 % of 400 MiB"
	if text != want {
		t.Errorf("%q, want %q", text, want)
	}
	want = "Usage: 150.0 MiB, 37.5 % of 400 MiB; heap 100.0 MiB, 25.0 %; cache 50.0 MiB, 12.5 %; free 250.0 MiB, 62.5 %; " +
		"threshold at 300.0 MiB; limit at 400.0 MiB; beyond at 500.0 MiB"
	if got := all[0].attr["aria-label"]; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if _, ok := all[0].attr["viewBox"]; ok {
		t.Error("text would be scaled")
	}
	if b := usage(); b.Class(0) != "mg-c0" || b.Class(2) != "mine" {
		t.Error("classes of the legend")
	}
}

func TestUsageBeyondMaxIsTheMax(t *testing.T) {
	b := usage()
	b.Max = 75 * mebi
	b.Levels[0].Bytes = 75 * mebi
	all := elements(t, b.SVG())
	if len(ofClass(all, ClassFree)) != 0 {
		t.Error("something is free")
	}
	if cache := ofClass(all, "mine")[0]; cache.attr["x"] != "66.667%" || cache.attr["width"] != "33.333%" {
		t.Errorf("%+v", cache)
	}
	if lines := ofClass(all, "mg-line"); len(lines) != 1 || lines[0].attr["x1"] != "50%" {
		t.Errorf("%+v", lines)
	}
}

// Neither labels nor the lines of others may cross on a phone.
func TestLabelsDoNotOverlap(t *testing.T) {
	for _, sizes := range [][]uint64{
		{80, 90, 100}, {100, 90, 80}, {80, 80, 80}, {50, 99, 100}, {96, 97, 98, 99, 100}, {1, 2, 3}, {3, 2, 1}, {10, 50, 90}, {20, 50, 55},
	} {
		var all []Level
		for _, n := range sizes {
			all = append(all, Level{Name: "threshold", Bytes: n})
		}
		levels, rows := placeLevels(all, 100)
		if len(levels) != len(sizes) {
			t.Fatal(len(levels))
		}
		for i, a := range levels {
			if a.row < 0 || a.row >= rows || a.from < 0 || a.to > 1 {
				t.Errorf("%v: %+v", sizes, a)
			}
			for j, b := range levels {
				if i != j && a.row == b.row && a.from < b.to && b.from < a.to {
					t.Errorf("%v: %+v and %+v overlap", sizes, a, b)
				}
				if i != j && a.row >= b.row && b.from < a.x && a.x < b.to {
					t.Errorf("%v: the line of %+v crosses %+v", sizes, a, b)
				}
			}
		}
	}
}

func TestOddBarsAreWellFormed(t *testing.T) {
	huge := Segment{Name: "huge", Bytes: math.MaxUint64}
	for name, b := range map[string]*Bar{
		"zero":          {},
		"only max":      {Max: 100},
		"only nothing":  {Segments: make([]Segment, 3)},
		"levels at 0":   {Levels: make([]Level, 3)},
		"huge":          {Segments: []Segment{huge, huge, huge}, Levels: []Level{{"", "", math.MaxUint64}}},
		"huge max":      {Max: math.MaxUint64, Segments: []Segment{{Bytes: 1}}},
		"many levels":   {Max: 100, Levels: make([]Level, 100)},
		"many segments": {Segments: func() (s []Segment) { return append(s, make([]Segment, 100)...) }()},
	} {
		t.Run(name, func(t *testing.T) {
			if svg := b.SVG(); svg != b.SVG() || len(elements(t, svg)) > 200 {
				t.Errorf("%.300q", svg)
			}
		})
	}
}

func TestManySegmentsAreSummed(t *testing.T) {
	b := &Bar{}
	for range 100 {
		b.Segments = append(b.Segments, Segment{Name: "part", Bytes: mebi})
	}
	all := elements(t, b.SVG())
	text := titles(all)
	if n := len(ofClass(all, "mg-seg")); n != MaxSegments || text[n-1] != "69 more: 69.0 MiB, 69.0 % of 100 MiB" {
		t.Errorf("%d segments, %q", n, text[n-1])
	}
	if b.Segments[MaxSegments-1].Name != "part" {
		t.Error("the caller's segments changed")
	}
}
