package memguardhttp

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/internal/chart"
	"github.com/memguard-dev/go-memguard/internal/flame"
	"github.com/memguard-dev/go-memguard/memguard"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string

	pages = template.Must(template.New("pages").Parse(pageHTML))
	style = template.CSS(pageCSS + chart.CSS + flame.CSS) //nolint:gosec // Our own text.
)

// head is what every page has.
type head struct {
	Title string
	Nonce string
	CSS   template.CSS
	JS    template.JS
}

func newHead(title string) head {
	return head{Title: title, Nonce: rand.Text(), CSS: style, JS: template.JS(pageJS)} //nolint:gosec // Our own text.
}

// policy lets in what the page itself has, and nothing else.
func (h head) policy() string {
	return fmt.Sprintf("default-src 'none'; style-src 'nonce-%[1]s'; script-src 'nonce-%[1]s'; img-src data:; connect-src 'self'; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'", h.Nonce)
}

// overviewPage is what the template shows.
type overviewPage struct {
	head
	Who, Time string
	Running   bool

	Verdict  *findingView
	TimeLeft string
	Others   []findingView

	Usage, Limit, LimitFrom, Share, Headroom string

	Bar   template.HTML
	Parts []part
	Tree  []branch

	Window  string
	Windows []windowLink
	Chart   template.HTML
	Lines   []line

	Numbers []numberView
	Sizing  *sizingView
	Failing []named

	CanDump           bool
	Dumps             []dumpView
	Older             int // that are not shown
	DumpsError        string
	DumpNote          string
	Compare           *comparison
	Basis, Thresholds string

	Exit     *exitView
	Settings []memguard.Setting
}

type named struct{ Name, Value string }

type findingView struct {
	Code, Severity, Title, Summary, Next, Confidence string
	Evidence                                         []named
}

type branch struct {
	Name, Size, Share string
	Depth             int
}

type windowLink struct {
	Name, Words string
	Current     bool
}

type numberView struct{ Name, Value, Share, Kernel string }

type sizingView struct{ Lived, Request, Limit, P50, P99 string }

// page is the overview as HTML.
func (h *handler) page(w http.ResponseWriter, r *http.Request, q url.Values) {
	name := "15m"
	if q.Has("window") {
		name = q.Get("window")
	}
	back, err := window("window", name)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	top := newHead("memguard")
	h.render(w, r, h.renders, "text/html; charset=utf-8", func(body *bytes.Buffer) error {
		page := h.overviewPage(top, name, back)
		w.Header().Set("Content-Security-Policy", top.policy())
		return pages.ExecuteTemplate(body, "overview", page)
	})
}

func (h *handler) overviewPage(top head, name string, back time.Duration) *overviewPage {
	d := documentOf(h.guard)
	s := &d.Snapshot
	p := &overviewPage{
		head: top, Running: s.Running, Window: name, CanDump: !h.readOnly && s.Running,
		Time: s.Time.UTC().Format("2006-01-02 15:04:05 UTC"), Who: h.who,
		Usage: sizeOr(s.Usage, unknown), Limit: sizeOr(s.Limit.Bytes, "no limit"), LimitFrom: limitFrom(s.Limit),
		Basis: words(string(s.Basis)), Settings: d.Settings, TimeLeft: timeToLimit(s.TimeToLimit),
	}
	if n, ok := s.Usage.Get(); ok {
		p.Share = percent(n, s.Limit.Bytes)
	}
	if limit, ok := s.Limit.Bytes.Get(); ok {
		if n, ok := s.Unreclaimable.Get(); ok {
			p.Headroom = size(limit - min(limit, n))
		}
	}
	for i, f := range s.Findings {
		view := viewOf(&f)
		if i == 0 {
			p.Verdict = &view
			continue
		}
		p.Others = append(p.Others, view)
	}
	p.Bar, p.Parts = usageBar(s)
	p.Tree = tree(nil, &s.Breakdown, 0, s)
	for _, w := range windows {
		p.Windows = append(p.Windows, windowLink{w.name, w.words, w.name == name})
	}
	dumps, err := h.list.get(h.guard)
	if err != nil {
		p.DumpsError = err.Error()
	}
	if note := h.note.Load(); note != nil {
		p.DumpNote = *note
	}
	p.Chart, p.Lines = pastChart(h.guard.History(back), s, dumps, back)
	for _, n := range numbers(s) {
		p.Numbers = append(p.Numbers, numberView{n.Name, n.Value, n.share, n.Kernel})
	}
	if z := s.Sizing; z != nil {
		p.Sizing = &sizingView{span(z.Lived), size(z.Request), size(z.Limit), size(z.P50), size(z.P99)}
	}
	for _, part := range slices.Sorted(maps.Keys(s.Failing)) {
		p.Failing = append(p.Failing, named{part, s.Failing[part]})
	}
	p.dumps(dumps, &h.nameless)
	p.Thresholds = thresholds(s)
	if d.PreviousExit != nil {
		p.Exit = exitViewOf(d.PreviousExit)
	}
	return p
}

func limitFrom(l memguard.Limit) string {
	if l.File == "" {
		return string(l.Source)
	}
	return string(l.Source) + ": " + l.File
}

func thresholds(s *memguard.Snapshot) string {
	var texts []string
	for _, t := range s.Thresholds {
		text := t.Threshold.String()
		if n, ok := t.Bytes.Get(); ok && !strings.HasSuffix(text, "i") {
			text += " (" + size(n) + ")"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " or ")
}

func viewOf(f *memguard.Finding) findingView {
	v := findingView{
		Code: string(f.Code), Severity: string(f.Severity), Title: words(string(f.Code)), Summary: f.Summary, Next: f.Next,
		Confidence: fmt.Sprintf("%.0f %%", 100*f.Confidence),
	}
	for _, e := range f.Evidence {
		name, value := evidence(e)
		v.Evidence = append(v.Evidence, named{name, value})
	}
	return v
}

func tree(rows []branch, n *memguard.Breakdown, depth int, s *memguard.Snapshot) []branch {
	if n.Name == "" {
		return rows
	}
	name := words(n.Name)
	if n.PID != 0 {
		name = n.Name // With its PID, as it calls itself.
	}
	rows = append(rows, branch{name, size(n.Bytes), percent(n.Bytes, s.Usage), min(depth, 4)})
	for i := range n.Children {
		rows = tree(rows, &n.Children[i], depth+1, s)
	}
	return rows
}
