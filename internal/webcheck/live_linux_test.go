package webcheck

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestWhatIsNotBroughtUpToDate: beside the time stands what of the page is older,
// and why.
func TestWhatIsNotBroughtUpToDate(t *testing.T) {
	address := startExample(t, 0, 0)
	b := open(t, startBrowser(t), address, wide)
	b.do(chromedp.WaitVisible("#verdict h2"))
	says := func(what string) {
		t.Helper()
		until(t, "the page says "+what, func() bool { return strings.Contains(b.text("#age"), what) })
	}
	clear := func() {
		t.Helper()
		until(t, "the page is up to date", func() bool { return !strings.Contains(b.text("#age"), "—") })
	}
	clear()
	value[bool](b, `(document.querySelector("#dumps form button").focus(), true)`)
	says("but for the part in use")
	value[bool](b, `(document.activeElement.blur(), true)`)
	clear()
	value[bool](b, `(window.real = window.fetch, window.fetch = async () => new Response("", {status: 503, statusText: "Service Unavailable"}), true)`)
	says("not brought up to date: 503 Service Unavailable")
	value[bool](b, `(window.fetch = async () => new Response("", {status: 403}), true)`)
	says("not brought up to date: 403")
	value[bool](b, `(window.fetch = async () => { throw new Error() }, true)`)
	says("no answer")
	value[bool](b, `(window.fetch = window.real, true)`)
	clear()
	b.clean()
}
