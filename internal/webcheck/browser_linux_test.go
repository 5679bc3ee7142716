package webcheck

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// browser is one without a window.
type browser struct{ ctx context.Context }

// startBrowser starts one for a test.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		kerneltest.Missing(t, "chromium is not installed")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(patience))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // It refuses to have one as root.
	}
	ctx, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...) // It ends after the test does.
	b := &browser{}
	var end context.CancelFunc
	b.ctx, end = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(b.ctx); err != nil {
			t.Logf("end of the browser: %v", err)
		}
		end()
		stop()
	})
	if err := chromedp.Do(b.ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return b
}

// screen is what a person looks at.
type screen struct {
	width, height int64
	dark          bool
	noScript      bool
	scale         float64
}

var (
	wide  = screen{width: 1280, height: 900}
	phone = screen{width: 390, height: 844}
)

// tab is a page that is looked at, and what the browser complained of.
type tab struct {
	t      *testing.T
	ctx    context.Context
	origin string

	mu         sync.Mutex
	complaints []string
}

// open opens an address in a tab of its own.
func open(t *testing.T, browser *browser, address string, s screen) *tab {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := chromedp.NewContext(browser.ctx)
	ctx, late := context.WithTimeout(ctx, 3*patience)
	t.Cleanup(func() { late(); end() })
	b := &tab{t: t, ctx: ctx, origin: parsed.Scheme + "://" + parsed.Host}
	scheme := "light"
	if s.dark {
		scheme = "dark"
	}
	scale := s.scale
	if scale == 0 {
		scale = 1
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(s.width, s.height, chromedp.EmulateScale(scale), func(m *emulation.SetDeviceMetricsOverrideParams, _ *emulation.SetTouchEmulationEnabledParams) {
		m.Mobile = s.width < 600
	})); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, cdplog.Enable, cdp.Empty{})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: s.noScript})
	b.visit(address)
	return b
}

func call[P, R any](b *tab, command cdp.Command[P, R], parameters P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, command, parameters); err != nil {
		b.t.Fatal(err)
	}
}

// hear notes what a person would find in the browser's console, and requests to
// anybody else.
func (b *tab) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			for _, a := range e.Args {
				b.complain("console: " + string(a.Value) + a.Description)
			}
		}
	case *runtime.EventExceptionThrown:
		b.complain("exception: " + e.ExceptionDetails.Text)
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Level == cdplog.EntryLevelWarning {
			b.complain("log: " + e.Entry.Text + " " + e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if to := e.Request.URL; !strings.HasPrefix(to, b.origin+"/") && !strings.HasPrefix(to, "data:") && !strings.HasPrefix(to, "about:") {
			b.complain("request to " + to)
		}
	case *network.EventLoadingFailed:
		if !e.Canceled { // As by leaving the page.
			b.complain("request failed: " + e.ErrorText)
		}
	}
}

func (b *tab) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, text)
}

// clean fails the test if the browser complained of anything.
func (b *tab) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the browser complains: %.500s", c)
	}
	b.complaints = nil
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) visit(address string) {
	b.t.Helper()
	b.do(chromedp.Navigate(address))
}

// value is what an expression gives in the page, also one that is awaited.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%.100s: %v", expression, err)
	}
	return v
}

// text is that of an element; empty: there is none.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return value[string](b, `document.querySelector(`+quote(selector)+`)?.textContent ?? ""`)
}

func (b *tab) has(selector string) bool {
	b.t.Helper()
	return value[bool](b, `!!document.querySelector(`+quote(selector)+`)`)
}

// click clicks an element and waits for the page it leads to.
func (b *tab) click(selector string) {
	b.t.Helper()
	if _, err := chromedp.RunResponse(b.ctx, chromedp.Click(selector)); err != nil {
		b.t.Fatalf("click %s: %v", selector, err)
	}
}
