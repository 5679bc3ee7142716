package flame

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestDraw(t *testing.T) {
	tree := read(t,
		stack{1, 600 << 10, "runtime.mallocgc|runtime.makeslice|example.com/a.F|main.main|runtime.main"},
		stack{1, 100 << 10, "example.com/a.F|main.main|runtime.main"},
		stack{2, 200 << 10, "example.com/b/v2.(*T[go.shape.int]).M|main.main|runtime.main"},
		stack{1, 100 << 10, "main.main|runtime.main"},
		stack{9, -5, "main.freed"},
		stack{0, 0, "main.none"},
	)
	p := tree.Draw(Options{Name: "heap"})
	expect(t, picture(t, p),
		`0 0+100 mg-root "all in use: 1000.0 KiB"`,
		`1 0+100 - "runtime.main"`,
		`2 0+100 - "main.main"`,
		`3 0+70 - "a.F"`,
		`3 70+20 - "b/v2.(*T[...]).M"`)
	frames := drawn(t, p)
	expect(t, frames[3].title, "example.com/a.F", "700.0 KiB, 70.0 % of all, 2 objects", "itself 700.0 KiB, most at f.go:3")
	expect(t, frames[2].title, "main.main", "1000.0 KiB, 100.0 % of all, 5 objects", "itself 100.0 KiB, most at f.go:4")
	if !strings.Contains(p.SVG, `role="img" aria-label="heap: 1000.0 KiB in use"`) || p.Bytes != 1000<<10 || tree.Bytes() != p.Bytes ||
		p.LeftOut != 0 || p.Zoom != "" || p.Unknown || strings.Contains(p.SVG, "<a") || tree.Shrunk() != 0 {
		t.Errorf("%+v", p)
	}
	if again := tree.Draw(Options{Name: "heap"}); again != p {
		t.Error("drawn otherwise the second time")
	}
}

func TestDrawEmpty(t *testing.T) {
	tree := read(t)
	expect(t, picture(t, tree.Draw(Options{Search: "a"})), `0 0+100 mg-root "all in use: 0 B"`)
	if rows := tree.Top(0); len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
}

func TestZoom(t *testing.T) {
	tree := read(t, stack{1, 300, "a.F|main.main"}, stack{1, 100, "b.G|a.F|main.main"}, stack{1, 600, "c.H|main.main"}, stack{1, 1, "a.F"})
	link := func(zoom string) string { return "?x=1&zoom=" + zoom }
	frames := drawn(t, tree.Draw(Options{Link: link}))
	address := ""
	for _, f := range frames {
		if f.text == "a.F" && f.row == 2 {
			address = f.href
		}
	}
	id := strings.TrimPrefix(address, link(""))
	if len(id) != 16 || frames[0].href != link("") {
		t.Fatalf("link %q, to all %q", address, frames[0].href)
	}
	p := tree.Draw(Options{Link: link, Zoom: id})
	expect(t, picture(t, p),
		`0 0+100 mg-faded "all in use: 1001 B"`,
		`1 0+100 mg-faded "main.main"`,
		`2 0+100 - "a.F"`,
		`3 0+25 - "b.G"`)
	zoomed := drawn(t, p)
	if p.Zoom != id || p.Function != "a.F" || p.Unknown || p.Bytes != 400 || zoomed[0].href != link("") || zoomed[1].href != frames[1].href ||
		!strings.Contains(p.SVG, `role="group" aria-label="Flame graph: 400 B in use in a.F"`) {
		t.Errorf("%+v", p)
	}
	// The same path in another profile has the same ID.
	if p := read(t, stack{1, 5, "a.F|main.main"}).Draw(Options{Zoom: id}); p.Function != "a.F" || p.Unknown {
		t.Errorf("%+v", p)
	}
	for _, unknown := range []string{"0000000000000000", "ffffffffffffffff", "x", id + "0", `"><script>`} {
		if p := tree.Draw(Options{Link: link, Zoom: unknown}); !p.Unknown || p.Zoom != "" || p.Bytes != 1001 || p.Frames != len(frames) {
			t.Errorf("%q: %+v", unknown, p)
		}
	}
}

func TestSearch(t *testing.T) {
	tree := read(t, stack{1, 300, "a.Load|main.main"}, stack{1, 100, "a.Load|b.loadAll|main.main"}, stack{1, 600, "c.H|main.main"})
	p := tree.Draw(Options{Search: "LOAD"})
	expect(t, picture(t, p),
		`0 0+100 mg-root "all in use: 1000 B"`,
		`1 0+100 - "main.main"`,
		`2 0+60 - "c.H"`,
		`2 60+30 mg-match "a.Load"`,
		`2 90+10 mg-match "b.loadAll"`,
		`3 90+10 mg-match "a.Load"`)
	if p.Found != 3 || p.FoundBytes != 400 {
		t.Errorf("found %d, %d bytes", p.Found, p.FoundBytes)
	}
	for _, none := range []string{"", "all in use", "nothing"} {
		if p := tree.Draw(Options{Search: none}); p.Found != 0 || p.FoundBytes != 0 || strings.Contains(p.SVG, "mg-match") {
			t.Errorf("%q: found %d, %d bytes", none, p.Found, p.FoundBytes)
		}
	}
}

// hostile are names that a page must not take for anything but text.
var hostile = []string{
	`</title></svg><script>alert(1)</script>`, `"><a href="javascript:alert(1)" onclick='x'>`, "a.\x00\x01\xff\xfe\u202eF", "]]>", "&lt;&#0;", "<!--", "",
	"a." + strings.Repeat("é<", 5000), strings.Repeat("/", 3000), "/v2", "v2.F", "a/v.F", "[]", "](", "\n\t\r", "\ufffe\uffff",
}

func TestHostileNames(t *testing.T) {
	var stacks []stack
	for _, name := range hostile {
		stacks = append(stacks, stack{1, 100, name + "|main.main"}, stack{1, 100, "main.leaf|" + name})
	}
	tree := read(t, stacks...)
	link := func(zoom string) string { return `?"<>&` + "\x00" + zoom }
	for _, tree := range []*Tree{tree, diff(t, nil, stacks)} {
		for _, o := range []Options{{}, {Link: link, Name: hostile[0]}, {Search: "<", Link: link}, {Zoom: tree.Top(1)[0].Zoom, Name: hostile[6]}} {
			p := tree.Draw(o)
			for _, f := range drawn(t, p) {
				const longest = 2*maxTitle + 200
				if len([]rune(f.text)) > maxLabel+1 || len([]rune(f.title)) > longest {
					t.Errorf("%d characters of text, %d of title", len([]rune(f.text)), len([]rune(f.title)))
				}
			}
			if strings.ContainsAny(p.SVG, "\x00\u202e") || strings.Contains(p.SVG, "<script") {
				t.Errorf("%q", p.SVG)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	var stacks []stack
	for i := range 20_000 {
		stacks = append(stacks, stack{1, int64(1 + i%7), fmt.Sprintf("a.F%d|b.G%d|c.H%d|main.main", i, i/2, i%900)})
	}
	// As wide as can be drawn, and more of them than are.
	for i := range 500 {
		stacks = append(stacks, stack{1, 1000, strings.Repeat(fmt.Sprintf("w.F%d|", i), 6) + "main.wide"})
	}
	tree := read(t, stacks...)
	p := tree.Draw(Options{Link: func(zoom string) string { return "?zoom=" + zoom }})
	if drawn(t, p); p.Frames != MaxFrames || p.LeftOut == 0 || p.LeftOutBytes == 0 || p.Bytes != tree.Bytes() ||
		!strings.Contains(p.SVG, fmt.Sprintf("; %d frames of together ", p.LeftOut)) {
		t.Errorf("%d frames, %d left out with %d bytes of %d", p.Frames, p.LeftOut, p.LeftOutBytes, p.Bytes)
	}
	const most = MaxFrames * 500
	if len(p.SVG) > most {
		t.Errorf("%d bytes", len(p.SVG))
	}
	if p.Frames+p.LeftOut != tree.root.size {
		t.Errorf("%d frames drawn and %d left out of %d", p.Frames, p.LeftOut, tree.root.size)
	}
}

func TestTooDeep(t *testing.T) {
	calls := strings.Repeat("a.Recurse|", 100)
	exact := read(t, stack{1, 10, "leaf.F|" + calls + strings.Repeat("b.Recurse|", 26) + "main.main"})
	frames := drawn(t, exact.Draw(Options{}))
	if len(frames) != 1+maxDepth || strings.Contains(exact.Draw(Options{}).SVG, folded) {
		t.Errorf("%d frames", len(frames))
	}
	deep := read(t, stack{1, 10, "leaf.F|" + strings.Repeat(calls, 20) + "main.main"}, stack{1, 20, "leaf.F|" + strings.Repeat(calls, 30) + "main.main"})
	frames = drawn(t, deep.Draw(Options{}))
	if len(frames) != 1+maxDepth || frames[1].text != "main.main" || frames[maxDepth-1].text != folded || frames[maxDepth].text != "leaf.F" {
		t.Errorf("%d frames", len(frames))
	}
	rows := deep.Top(0)
	if rows[0].Function != "leaf.F" || rows[0].Flat != 30 || rows[1].Cumulative != 30 || len(rows) != 4 {
		t.Errorf("%+v", rows)
	}
}

func TestTooManyNodes(t *testing.T) {
	var stacks []stack
	for i := range 2600 {
		calls := ""
		for j := range 110 {
			calls += fmt.Sprintf("f.F%d|", (i+j)%300)
		}
		stacks = append(stacks, stack{1, 1, fmt.Sprintf("leaf.F|%sg.G%d|main.main", calls, i)})
	}
	stacks = append(stacks, stack{1, 1000, "big.F|big.G|main.main"})
	tree := read(t, stacks...)
	const most = maxNodes + 2600
	if tree.root.size < maxNodes || tree.root.size > most || tree.Bytes() != 3600 {
		t.Errorf("%d nodes, %d bytes", tree.root.size, tree.Bytes())
	}
	if top := tree.Top(2); top[0].Function != folded || top[1].Function != "big.F" {
		t.Errorf("%+v", top)
	}
	drawn(t, tree.Draw(Options{}))

	same := diff(t, stacks, stacks)
	if same.Bytes() != 0 || same.Shrunk() != 0 {
		t.Errorf("to itself: %d bytes grown, %d shrunk", same.Bytes(), same.Shrunk())
	}
	more := diff(t, stacks, append(stacks, stack{1, 5000, "new.F|main.main"}))
	if top := more.Top(1); more.Bytes() != 5000 || more.Shrunk() != 0 || top[0].Function != "new.F" {
		t.Errorf("%d bytes grown, %d shrunk, %+v", more.Bytes(), more.Shrunk(), top)
	}
}

func TestMoreThanCanBeAddedUp(t *testing.T) {
	stacks := []stack{{math.MaxInt64, math.MaxInt64, "a.F|main.main"}, {1, math.MaxInt64, "b.G|main.main"}, {1, math.MaxInt64 / 2, "b.G|main.main"}}
	for _, tree := range []*Tree{read(t, stacks...), diff(t, nil, stacks), diff(t, []stack{{1, math.MaxInt64, "c.H"}, {1, 5, "a.F|main.main"}}, stacks)} {
		frames := drawn(t, tree.Draw(Options{}))
		if tree.Bytes() != math.MaxInt64 || len(frames) != 4 || math.Abs(frames[2].width-50) > 1 || math.Abs(frames[3].width-50) > 1 {
			t.Errorf("%d bytes, %v", tree.Bytes(), frames)
		}
	}
}
