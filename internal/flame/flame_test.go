package flame

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// stack is one of a synthetic profile: the allocating function first, then its
// callers, with "|" between.
type stack struct {
	objects, bytes int64
	calls          string
}

func heapOf(stacks ...stack) *profile.Profile {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}}}
	locations := map[string]*profile.Location{}
	for _, st := range stacks {
		s := &profile.Sample{Value: []int64{st.objects, st.bytes}}
		for name := range strings.SplitSeq(st.calls, "|") {
			loc := locations[name]
			if loc == nil {
				id := uint64(len(p.Location) + 1)
				loc = &profile.Location{ID: id, Address: id << 8}
				if name != "-" {
					f := &profile.Function{ID: id, Name: name, Filename: "dir/f.go"}
					p.Function = append(p.Function, f)
					loc.Line = []profile.Line{{Function: f, Line: int64(id)}}
				}
				p.Location = append(p.Location, loc)
				locations[name] = loc
			}
			s.Location = append(s.Location, loc)
		}
		p.Sample = append(p.Sample, s)
	}
	return p
}

func encoded(t testing.TB, p *profile.Profile) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return &b
}

func read(t testing.TB, stacks ...stack) *Tree {
	t.Helper()
	tree, err := Read(encoded(t, heapOf(stacks...)))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func diff(t testing.TB, base, peak []stack) *Tree {
	t.Helper()
	tree, err := Diff(encoded(t, heapOf(base...)), encoded(t, heapOf(peak...)))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// box is a frame of a picture as a reader of the SVG finds it.
type box struct {
	class, title, text, href string
	left, width              float64 // percent
	row                      int
}

// boxes reads a picture strictly and holds what it promises to every page.
func boxes(t testing.TB, svg string) []box {
	t.Helper()
	var frames []box
	var f *box
	var in string
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	d := xml.NewDecoder(strings.NewReader(svg))
	for depth := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatalf("%v in %.2000s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			in = token.Name.Local
			attributes := map[string]string{}
			for _, a := range token.Attr {
				attributes[a.Name.Local] = a.Value
				if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") {
					t.Fatalf("attribute %s", a.Name.Local)
				}
			}
			switch in {
			case "a", "g":
				frames = append(frames, box{class: attributes["class"], href: attributes["href"]})
				f = &frames[len(frames)-1]
			case "svg":
				if depth > 1 {
					f.left, f.width, f.row = number(attributes["x"]), number(attributes["width"]), int(number(attributes["y"]))/rowHeight
				}
			case "rect", "text", "title":
			default:
				t.Fatalf("element %s", in)
			}
		case xml.EndElement:
			depth--
			in = ""
		case xml.CharData:
			switch in {
			case "title":
				f.title += string(token)
			case "text":
				f.text += string(token)
			default:
				t.Fatalf("text in %s: %q", in, token)
			}
		}
	}
}

// drawn checks a picture and gives its frames. Each frame lies below one that
// is as wide or wider, and none over another.
func drawn(t testing.TB, p Picture) []box {
	t.Helper()
	frames := boxes(t, p.SVG)
	if len(frames) != p.Frames {
		t.Fatalf("%d frames drawn, %d told", len(frames), p.Frames)
	}
	ends := map[int]float64{}
	const tiny = 1e-9
	for i, f := range frames {
		if f.left < ends[f.row]-tiny || f.left+f.width > 100+tiny || f.title == "" || !strings.HasPrefix(f.class, "mg-frame mg-") {
			t.Fatalf("frame %+v", f)
		}
		ends[f.row] = f.left + f.width
		if f.row == 0 {
			continue
		}
		parent := i - 1
		for frames[parent].row >= f.row {
			parent--
		}
		if p := frames[parent]; p.row != f.row-1 || f.left < p.left-tiny || f.left+f.width > p.left+p.width+tiny {
			t.Fatalf("frame %+v is not below %+v", f, p)
		}
	}
	return frames
}

func (b box) String() string {
	return fmt.Sprintf("%d %g+%g %s %q", b.row, b.left, b.width, strings.TrimPrefix(b.class, "mg-frame "), b.text)
}

// picture is the frames as text, but for the colors of packages.
func picture(t testing.TB, p Picture) string {
	t.Helper()
	var lines []string
	for _, f := range drawn(t, p) {
		if strings.HasPrefix(f.class, "mg-frame mg-p") {
			f.class = "-"
		}
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

func expect(t *testing.T, got string, want ...string) {
	t.Helper()
	if want := strings.Join(want, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
