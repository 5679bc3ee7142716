package webcheck

import (
	"strings"
	"testing"
)

// TestWithoutScript: all but the page's coming up to date in place.
func TestWithoutScript(t *testing.T) {
	address := startExample(t, 8, 40)
	s := wide
	s.noScript = true
	b := open(t, startBrowser(t), address, s)
	if b.text("#verdict h2") == "" || !b.has("#usage svg.mg-bar") || !b.has("#past svg.mg-chart") {
		t.Errorf("the page has %.300q", b.text("main"))
	}
	if b.has("#pause:not([hidden])") {
		t.Error("a button that does nothing")
	}
	if !strings.Contains(value[string](b, `document.head.innerHTML`), `http-equiv="refresh"`) {
		t.Error("the page stays as it is")
	}
	b.click("#dumps form button:not(.quiet)")
	if list := b.text("#dumps table"); !strings.Contains(list, "asked for over HTTP") {
		t.Errorf("after taking a dump: %.300q", list)
	}
	b.clean()
}
