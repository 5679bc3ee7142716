package webcheck

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// axe is the checker's own code.
func axe(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("MEMGUARD_AXE_DIR")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "memguard-axe")
	}
	text, err := os.ReadFile(filepath.Join(dir, "axe.min.js"))
	if err != nil {
		kerneltest.Missing(t, "%v; fetch-axe.sh fetches it", err)
	}
	return string(text)
}

// violation is what axe found.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML string }
}

// view is a page of the example on a screen.
type view struct {
	name, query string
	screen
}

func views(file string) (all []view) {
	for _, dark := range []bool{false, true} {
		for name, s := range map[string]screen{"wide": wide, "phone": phone} {
			s.dark = dark
			for what, query := range map[string]string{"overview": "", "flame graph": "?flame=" + file} {
				all = append(all, view{fmt.Sprintf("%s, %s, dark %t", what, name, dark), query, s})
			}
		}
	}
	return all
}

// takeDump has the page take a dump and gives its file.
func takeDump(t *testing.T, browser *browser, address string) string {
	t.Helper()
	b := open(t, browser, address, wide)
	b.click("#dumps form button:not(.quiet)")
	return value[string](b, `document.querySelector("#dumps tbody a[download]").getAttribute("download")`)
}

func TestAccessibility(t *testing.T) {
	code := axe(t)
	browser := startBrowser(t)
	address := startExample(t, 8, 40)
	file := takeDump(t, browser, address)
	for _, v := range views(file) {
		t.Run(v.name, func(t *testing.T) {
			b := open(t, browser, address+v.query, v.screen)
			b.clean()
			if wider := value[int](b, `document.documentElement.scrollWidth - innerWidth`); wider > 0 {
				t.Errorf("the page is %d pixels wider than the screen", wider)
			}
			b.do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach(d => d.open = true)`),
				chromedp.Evaluate[chromedp.Void](code))
			for _, found := range value[[]violation](b, `axe.run().then(r => r.violations.map(v => ({ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.map(n => ({HTML: n.html}))})))`) {
				say := t.Logf
				if slices.Contains([]string{"serious", "critical"}, found.Impact) {
					say = t.Errorf
				}
				say("%s: %s: %s: %d times, as in %.300s", found.Impact, found.ID, found.Help, len(found.Nodes), found.Nodes[0].HTML)
			}
		})
	}
}

// chosen tells whether one sees where the keyboard is: by an outline, or a
// frame of a flame graph by a thick edge.
const chosen = `(() => {
	const at = document.activeElement, frame = at.querySelector("rect");
	return getComputedStyle(at).outlineStyle !== "none" || !!frame && parseFloat(getComputedStyle(frame).strokeWidth) >= 2;
})()`

// TestKeyboard: the tabulator key leads to all that can be done, and one sees
// where it is.
func TestKeyboard(t *testing.T) {
	browser := startBrowser(t)
	address := startExample(t, 8, 40)
	file := takeDump(t, browser, address)
	for query, want := range map[string][]string{
		"":               {"Pause", "JSON", "6h", "Take a dump now", "flame graph", "delete"},
		"?flame=" + file: {"all dumps", "Show", leaks},
	} {
		b := open(t, browser, address+query, wide)
		var reached []string
		for range 200 {
			b.do(chromedp.KeyEvent("\t"))
			if value[bool](b, `document.activeElement === document.body`) {
				break
			}
			at := value[string](b, `document.activeElement.textContent.trim()`)
			reached = append(reached, at)
			if !value[bool](b, chosen) {
				t.Errorf("%q: one does not see that %q is chosen", query, at)
			}
		}
		for _, name := range want {
			if !slices.ContainsFunc(reached, func(at string) bool { return strings.HasPrefix(at, name) }) {
				t.Errorf("%q: the keyboard does not reach %q, only %.100q", query, name, reached)
			}
		}
	}
}
