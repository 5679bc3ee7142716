package webcheck

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/pprof/profile"
)

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // Strings can be marshalled.
	}
	return string(quoted)
}

// TestStory is what somebody on call does: reads the verdict, takes a dump,
// sees who holds the memory and what grew, and downloads it.
func TestStory(t *testing.T) {
	address := startExample(t, 6, 140)
	b := open(t, startBrowser(t), address, wide)
	b.do(chromedp.WaitVisible("#verdict h2"))

	// Numbers move, and the page is not loaded again for it.
	value[bool](b, `window.sameDocument = true`)
	before := b.text("#usage .big")
	until(t, "the usage moves", func() bool { return b.text("#usage .big") != before })
	until(t, "the verdict", func() bool { return strings.Contains(b.text("#verdict"), "heap leak") })
	if s := b.text("#verdict .severity"); s != "warning" && s != "critical" {
		t.Errorf("severity %q", s)
	}
	until(t, "a baseline", func() bool { return strings.Contains(b.text("#dumps table"), "baseline") })
	if !value[bool](b, `window.sameDocument === true`) {
		t.Error("the page was loaded anew")
	}

	b.click("#dumps form button:not(.quiet)")
	const fresh = `[...document.querySelectorAll("#dumps tbody tr")].find(r => r.cells[1].textContent === "fresh" && r.cells[2].textContent.startsWith("asked for"))`
	until(t, "the dump is in the list", func() bool { return value[bool](b, `!!`+fresh) })
	file := value[string](b, fresh+`.querySelector("a[download]").getAttribute("download")`)

	// Who holds it.
	b.visit(address + "?flame=" + file)
	b.widest(leaks)
	if first := b.text("tbody tr th code"); first != leaks {
		t.Errorf("first of the table is %q", first)
	}
	b.zoom(leaks)
	b.do(chromedp.SetValue("input[type=search]", "REMEMBER"))
	b.click("form.line button")
	if !b.has("svg .mg-match") || !strings.Contains(b.text("main"), "frames match") {
		t.Error("the search marks nothing")
	}

	// What grew, with one click from the page.
	b.visit(address)
	b.click("#dumps a.strong")
	if title := b.text("h1"); title != "What grew" {
		t.Errorf("title %q", title)
	}
	b.widest(leaks)

	b.visit(address)
	b.download(file)
	b.click(`#dumps form:has(input[value="` + file + `"]) button`)
	if strings.Contains(value[string](b, `document.querySelector("#dumps").innerHTML`), file) {
		t.Error("the deleted dump is still in the list")
	}
	b.clean()
}

// leaf is a frame without one below it.
type leaf struct {
	Name  string
	Width float64
}

// leaves are the frames with nothing below them.
const leaves = `(() => {
	const frames = [...document.querySelectorAll("svg.mg-flame a")].map(a => {
		const box = a.querySelector("rect").getBoundingClientRect();
		return {Name: a.querySelector("title").textContent, Left: box.left, Right: box.right, Top: box.top, Width: box.width};
	});
	return frames.filter(f => !frames.some(g => g.Top > f.Top && g.Left < f.Right - 1 && g.Right > f.Left + 1));
})()`

// widest fails unless the widest leaf is of this function.
func (b *tab) widest(function string) {
	b.t.Helper()
	var most leaf
	for _, l := range value[[]leaf](b, leaves) {
		if l.Width > most.Width {
			most = l
		}
	}
	if !strings.HasPrefix(most.Name, function) || most.Width < 300 {
		b.t.Errorf("the widest leaf is %+v, want %s", most, function)
	}
}

// zoom clicks a frame, and goes back.
func (b *tab) zoom(function string) {
	b.t.Helper()
	value[string](b, `[...document.querySelectorAll("svg.mg-flame a")].find(a => a.querySelector("title").textContent.startsWith(`+quote(function)+`)).id = "frame"`)
	b.click("#frame")
	if !strings.Contains(b.text("main"), "Only "+function) {
		b.t.Errorf("zoomed, the page says %.300q", b.text("main section"))
	}
	b.click(`main a[href^="?flame"]`)
	if strings.Contains(b.text("main"), "Only "+function) {
		b.t.Error("still zoomed")
	}
}

// download has the browser fetch a dump and reads it.
func (b *tab) download(file string) {
	b.t.Helper()
	encoded := value[string](b, `(async () => {
		const bytes = new Uint8Array(await (await fetch("?dump="+`+quote(file)+`)).arrayBuffer());
		return btoa(Array.from(bytes, c => String.fromCharCode(c)).join(""));
	})()`)
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		b.t.Fatal(err)
	}
	p, err := profile.Parse(bytes.NewReader(data))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range p.Function {
		if f.Name == leaks {
			return
		}
	}
	b.t.Errorf("%s names no %s", file, leaks)
}
