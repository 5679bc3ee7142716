package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// element is one of a picture, with the text directly in it.
type element struct {
	name string
	attr map[string]string
	text string
}

// elements reads a picture as strict XML and holds it against what a page with
// a strict policy lets pass.
func elements(t *testing.T, svg string) (all []*element) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	var open []*element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in %.300q", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				if name := a.Name.Local; name == "style" || name == "href" || name == "id" || strings.HasPrefix(name, "on") {
					t.Errorf("%s has attribute %s", e.name, name)
				}
				if strings.Contains(a.Value, "NaN") && a.Name.Local != "aria-label" || strings.Contains(a.Value, "Inf%") {
					t.Errorf("%s %s=%q", e.name, a.Name.Local, a.Value)
				}
				e.attr[a.Name.Local] = a.Value
			}
			switch e.name {
			case "svg", "g", "rect", "line", "path", "text", "title":
			default:
				t.Errorf("element %s", e.name)
			}
			all, open = append(all, e), append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) == 0 {
				t.Fatalf("text outside: %q", token)
			}
			open[len(open)-1].text += string(token)
		case xml.Comment, xml.ProcInst, xml.Directive:
			t.Errorf("%T", token)
		}
	}
	if len(all) == 0 || all[0].name != "svg" || all[0].attr["role"] != "img" || all[0].attr["aria-label"] == "" {
		t.Errorf("not a labeled picture: %.300q", svg)
	}
	return all
}

// ofClass gives the elements with a class.
func ofClass(all []*element, class string) (found []*element) {
	for _, e := range all {
		for _, c := range strings.Fields(e.attr["class"]) {
			if c == class {
				found = append(found, e)
			}
		}
	}
	return found
}

func every(step time.Duration, values ...float64) (points []Point) {
	for i, v := range values {
		points = append(points, Point{now.Add(-step * time.Duration(len(values)-1-i)), v})
	}
	return points
}

func minute(series ...Series) *Chart {
	return &Chart{Name: "Memory", From: now.Add(-time.Minute), To: now, Series: series}
}

func paths(t *testing.T, c *Chart) (d []string) {
	t.Helper()
	lines := ofClass(elements(t, c.SVG()), "mg-line")
	for i := range lines { // The first series is drawn last.
		d = append(d, lines[len(lines)-1-i].attr["d"])
	}
	return d
}

func TestLinesAreWhereTheirValuesAre(t *testing.T) {
	nan := math.NaN()
	const top = 100 * mebi
	for name, tt := range map[string]struct {
		series Series
		want   string
	}{
		"max at the top, half in the middle": {Series{Points: every(30*time.Second, 0, top/2, top)}, "M0 1000L500 500L1000 0"},
		"a step":                             {Series{Step: true, Points: every(30*time.Second, 0, top/2, top)}, "M0 1000H500V500H1000V0"},
		"a step goes on":                     {Series{Step: true, Points: []Point{{now.Add(-45 * time.Second), top}}}, "M250 0H1000"},
		"a step from before":                 {Series{Step: true, Points: []Point{{now.Add(-time.Hour), top}}}, "M0 0H1000"},
		"a step that ends":                   {Series{Step: true, Points: every(20*time.Second, top, nan, nan, top)}, "M0 0H333.3M1000 0h3"},
		"a gap":                              {Series{Points: every(15*time.Second, 0, 0, nan, top, top)}, "M0 1000L250 1000M750 0L1000 0"},
		"an infinity is a gap":               {Series{Points: every(15*time.Second, 0, 0, math.Inf(1), top, top)}, "M0 1000L250 1000M750 0L1000 0"},
		"less than nothing too":              {Series{Points: every(15*time.Second, 0, 0, -5, top, top)}, "M0 1000L250 1000M750 0L1000 0"},
		"a point between gaps":               {Series{Points: every(15*time.Second, nan, nan, top, nan, nan)}, "M500 0h3"},
		"one point":                          {Series{Points: every(0, top)}, "M1000 0h3"},
		"cut at the edges":                   {Series{Points: []Point{{now.Add(-90 * time.Second), 0}, {now.Add(-30 * time.Second), top}, {now.Add(30 * time.Second), 0}}}, "M0 500L500 0L1000 500"},
		"across the picture":                 {Series{Points: []Point{{now.Add(-90 * time.Second), 0}, {now.Add(30 * time.Second), top}}}, "M0 750L1000 250"},
		"nothing before or after":            {Series{Points: []Point{{now.Add(-90 * time.Second), 0}, {now.Add(-80 * time.Second), 0}}}, ""},
		"only after":                         {Series{Points: []Point{{now.Add(90 * time.Second), 0}}}, ""},
		"back in time":                       {Series{Points: []Point{{now.Add(-time.Minute), 0}, {now, top}, {now.Add(-time.Second), 0}}}, "M0 1000L1000 0"},
		"none":                               {Series{}, ""},
		"all absent":                         {Series{Points: every(time.Second, nan, nan, nan)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := minute(tt.series)
			c.Max = top
			if got := paths(t, c)[0]; got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestMaxIsRaisedByAHigherValue(t *testing.T) {
	c := minute(Series{Points: every(30*time.Second, 0, 100*mebi, 192*mebi)})
	c.Max = 100 * mebi
	// 192 MiB is at the top of an axis of 64 MiB steps.
	if got := paths(t, c)[0]; got != "M0 1000L500 479.2L1000 0" {
		t.Error(got)
	}
}

func TestManyPointsKeepTheirSpikes(t *testing.T) {
	const n = 50_000
	values := make([]float64, n)
	for i := range values {
		values[i] = 100 * mebi
	}
	values[12_345], values[40_001] = 200*mebi, 0
	values[20_000] = math.NaN()
	c := minute(Series{Points: every(time.Minute/(n-1), values...)})
	c.Max = 200 * mebi
	d := paths(t, c)[0]
	if got := strings.Count(d, " "); got > MaxPoints {
		t.Errorf("%d points", got)
	}
	if !strings.Contains(d, " 0L") || !strings.Contains(d, " 1000L") {
		t.Error("a spike is lost")
	}
	if strings.Count(d, "M") != 2 {
		t.Error("the gap is lost")
	}
	title := strings.Join(titles(elements(t, c.SVG())), "\n")
	if !strings.Contains(title, "100.0–200.0 MiB") || !strings.Contains(title, "0.0–100.0 MiB") {
		t.Error("a spike is in no title")
	}
}

func titles(all []*element) (text []string) {
	for _, e := range all {
		if e.name == "title" {
			text = append(text, e.text)
		}
	}
	return text
}

func TestStripsTellTheValues(t *testing.T) {
	c := minute(
		Series{Name: "usage", Points: every(time.Second, ramp(61)...)},
		Series{Name: "limit", Step: true, Points: []Point{{now.Add(-time.Hour), 512 * mebi}}},
		Series{Name: "slow", Points: every(20*time.Second, 0, 20*mebi, 40*mebi, 60*mebi)},
		Series{Name: "gone", Points: every(20*time.Second, 1, math.NaN(), math.NaN(), 1)},
	)
	c.Events = []Event{{At: now.Add(-30 * time.Second), Name: "dump"}}
	all := elements(t, c.SVG())
	strips := ofClass(all, "mg-strip")
	text := titles(all)
	if len(strips) != 61 || len(text) != 61 {
		t.Fatalf("%d strips, %d titles", len(strips), len(text))
	}
	if want := "2026-11-23 11:59:30 UTC\nusage: 30.0 MiB\nlimit: 512.0 MiB\nslow: 30.0 MiB\ngone: –\ndump, 11:59:30"; text[30] != want {
		t.Errorf("%q, want %q", text[30], want)
	}
	if got, want := strips[30].attr["data-t"], strconv.FormatInt(now.Add(-30*time.Second).UnixMilli(), 10); got != want {
		t.Errorf("data-t %s, want %s", got, want)
	}
	if want := "2026-11-23 12:00:00 UTC\nusage: 60.0 MiB"; !strings.HasPrefix(text[60], want) {
		t.Errorf("%q, want %q", text[60], want)
	}
	c.Series[0].Points = every(time.Millisecond, ramp(60_000)...)
	if n := len(ofClass(elements(t, c.SVG()), "mg-strip")); n != MaxStrips {
		t.Errorf("%d strips", n)
	}
}

func ramp(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = float64(i) * mebi
	}
	return values
}

func TestWordsOfAChart(t *testing.T) {
	c := minute(
		Series{Name: "usage", Points: every(20*time.Second, 10*mebi, 5*mebi, 30*mebi, 20*mebi)},
		Series{Name: "limit", Step: true, Points: every(0, 40*mebi)},
		Series{Name: "none"},
	)
	want := "Memory from 2026-11-23 11:59:00 UTC to 2026-11-23 12:00:00 UTC; " +
		"usage: first 10.0 MiB, last 20.0 MiB, lowest 5.0 MiB, highest 30.0 MiB; limit: last 40.0 MiB; none: no data"
	if got := elements(t, c.SVG())[0].attr["aria-label"]; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEvents(t *testing.T) {
	c := minute(Series{Points: every(time.Second, ramp(61)...)})
	for i := range 200 {
		c.Events = append(c.Events, Event{now.Add(-time.Duration(i) * time.Second), "GC", ClassGC})
	}
	all := elements(t, c.SVG())
	if n := len(ofClass(all, ClassGC)); n != 61 {
		t.Errorf("%d events inside", n)
	}
	if c.Events[0].At != now {
		t.Error("the caller's events were sorted")
	}
	end, names := -100.0, 0
	for _, e := range ofClass(all, "mg-label") {
		if e.text != "GC" {
			continue
		}
		names++
		x, err := strconv.ParseFloat(strings.TrimSuffix(e.attr["x"], "%"), 64)
		if err != nil || x-end < 3 {
			t.Errorf("%v after %v: %v", x, end, err)
		}
		end = x
	}
	if names < 2 {
		t.Errorf("%d names", names)
	}
	for i := range c.Events {
		c.Events[i].At = now.Add(-time.Duration(i) * time.Millisecond)
	}
	if n := len(ofClass(elements(t, c.SVG()), ClassGC)); n != MaxEvents {
		t.Errorf("%d events", n)
	}
}

func TestOddChartsAreWellFormed(t *testing.T) {
	series := []Series{{Name: "a", Points: every(time.Second, 1, 2, 3)}}
	for name, c := range map[string]*Chart{
		"zero":           {},
		"no time":        {From: now, To: now, Series: series},
		"back":           {From: now, To: now.Add(-time.Hour), Series: series},
		"all of time":    {To: now, Series: series},
		"a nanosecond":   {From: now.Add(-1), To: now, Series: series},
		"no series":      {From: now.Add(-time.Hour), To: now},
		"many series":    minute(make([]Series, 100)...),
		"2^63":           minute(Series{Points: every(time.Second, 1<<63, 1<<62)}),
		"largest":        minute(Series{Points: every(time.Second, math.MaxFloat64, math.SmallestNonzeroFloat64)}),
		"max NaN":        {From: now.Add(-time.Hour), To: now, Series: series, Max: math.NaN()},
		"max Inf":        {From: now.Add(-time.Hour), To: now, Series: series, Max: math.Inf(1)},
		"max negative":   {From: now.Add(-time.Hour), To: now, Series: series, Max: -1},
		"far event":      {From: now.Add(-time.Hour), To: now, Events: []Event{{}, {At: now.AddDate(3000, 0, 0)}}},
		"points of year": minute(Series{Points: []Point{{time.Time{}, 5}, {now.AddDate(9000, 0, 0), 7}}}),
	} {
		t.Run(name, func(t *testing.T) {
			svg := c.SVG()
			all := elements(t, svg)
			if n := len(ofClass(all, "mg-line")); n > MaxSeries {
				t.Errorf("%d lines", n)
			}
			if len(svg) > 64<<10 {
				t.Errorf("%d bytes", len(svg))
			}
			if svg != c.SVG() {
				t.Error("not the same twice")
			}
		})
	}
}

var hostile = map[string]string{
	"tag":           `</svg><script>alert(1)</script>`,
	"quotes":        `" onload="x" ' `,
	"NUL":           "a\x00b",
	"control":       "a\x1b[31m\x7f\u0085",
	"invalid UTF-8": "a\xff\xfeb\xed\xa0\x80",
	"not XML":       "a\ufffe\uffff",
	"two lines":     "a\nlimit: 1.0 MiB\r\n",
	"direction":     "a\u202ebiM 1",
	"comment":       "<!-- --> ]]> <![CDATA[",
	"entity":        "&lt; &amp &#x0;",
	"long":          strings.Repeat("ä", 10_000),
}

func TestHostileNames(t *testing.T) {
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			c := minute(Series{Name: text, Class: text, Points: every(time.Second, 1, 2)})
			c.Name = text
			c.Events = []Event{{now.Add(-30 * time.Second), text, text}}
			b := &Bar{
				Name: text, Segments: []Segment{{text, text, 5, text}, {text, text, 10, text}},
				Levels: []Level{{text, text, 10}}, Max: 20,
			}
			for _, svg := range []string{c.SVG(), b.SVG(), LineKey(text), BoxKey(text)} {
				if strings.Contains(svg, "<script") || strings.Contains(svg, "\u202e") || len(svg) > 20<<10 {
					t.Errorf("%d bytes: %.300q", len(svg), svg)
				}
				if strings.HasPrefix(svg, `<svg xmlns="http://www.w3.org/2000/svg" class="mg-key"`) {
					continue
				}
				for _, e := range elements(t, svg) {
					if strings.Contains(e.attr["aria-label"], "\n") {
						t.Error("a name made a line")
					}
				}
			}
		})
	}
}

func FuzzSVG(f *testing.F) {
	for _, text := range hostile {
		f.Add(text, int64(60), 1.5, uint64(1<<63), int64(5))
	}
	f.Add("", int64(-1), math.NaN(), uint64(math.MaxUint64), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, text string, span int64, value float64, bytes uint64, step int64) {
		c := &Chart{Name: text, From: now.Add(-time.Duration(span)), To: now, Max: value / 3}
		var points []Point
		for i := range 10 {
			points = append(points, Point{c.From.Add(time.Duration(int64(i) * step)), value * float64(i-1)})
		}
		c.Series = []Series{{Name: text, Class: text, Points: points}, {Points: points, Step: true}}
		c.Events = []Event{{At: points[3].At, Name: text, Class: text}}
		elements(t, c.SVG())
		b := &Bar{
			Name: text, Segments: []Segment{{text, text, bytes, text}, {Bytes: bytes / 3}},
			Levels: []Level{{text, text, bytes / 2}, {Bytes: uint64(step)}}, Max: uint64(span),
		}
		elements(t, b.SVG())
	})
}

func BenchmarkChart(b *testing.B) {
	c := &Chart{Name: "Memory", From: now.Add(-10 * time.Minute), To: now}
	for i := range 6 {
		values := ramp(600)
		for j := range values {
			values[j] += float64(i*j%97) * mebi
		}
		c.Series = append(c.Series, Series{Name: "series " + strconv.Itoa(i), Points: every(time.Second, values...)})
	}
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst = c.AppendSVG(dst[:0])
	}
	b.ReportMetric(float64(len(dst)), "bytes")
}
