package memguardhttp

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// formats are those of the overview, the first where anything will do.
var formats = []struct{ name, mediaType string }{
	{"html", "text/html"}, {"json", "application/json"}, {"text", "text/plain"},
}

// format is what the query asks for, else what the client accepts most.
func format(r *http.Request, q url.Values) (string, error) {
	if q.Has("format") {
		for _, f := range formats {
			if f.name == q.Get("format") {
				return f.name, nil
			}
		}
		return "", fmt.Errorf("format %.50q: accepted are html, json and text", q.Get("format"))
	}
	a := acceptOf(r)
	best, chosen := formats[0].name, preference{}
	for _, f := range formats {
		if p := a.preference(f.mediaType); p.before(chosen) {
			best, chosen = f.name, p
		}
	}
	// A person's browser names the page; what sends no Accept or takes anything
	// is a tool.
	if best == "html" && chosen.level < exact {
		best = "text"
	}
	return best, nil
}

// maxAccept bounds what is parsed of Accept.
const maxAccept = 4 << 10

// accept is what a client takes.
type accept []mediaRange

type mediaRange struct {
	name   string
	weight float64
}

// acceptOf reads Accept; of one that is too long what comes first.
func acceptOf(r *http.Request) (list accept) {
	text := strings.Join(r.Header.Values("Accept"), ",")
	if len(text) > maxAccept {
		text = text[:strings.LastIndexByte(text[:maxAccept], ',')+1]
	}
	for part := range strings.SplitSeq(text, ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		weight := 1.0
		if q, ok := params["q"]; ok {
			// Not a number at all is no wish.
			if weight, err = strconv.ParseFloat(q, 64); err != nil || !(weight >= 0 && weight <= 1) {
				weight = 0
			}
		}
		list = append(list, mediaRange{name, weight})
	}
	return list
}

// preference is how much a client wants a type, and how exactly it says so.
type preference struct {
	weight float64
	level  int
}

// The levels of a range that a type is in.
const exact = 3

// before tells which of two is wanted more: the type that is named, where the
// weights are the same.
func (p preference) before(other preference) bool {
	return p.weight > other.weight || p.weight == other.weight && p.weight > 0 && p.level > other.level
}

// preference is the weight of a type by the most specific range.
func (a accept) preference(mediaType string) (p preference) {
	major, _, _ := strings.Cut(mediaType, "/")
	for _, r := range a {
		level := 0
		switch r.name {
		case mediaType:
			level = exact
		case major + "/*":
			level = 2
		case "*/*":
			level = 1
		}
		if level > p.level {
			p = preference{r.weight, level}
		}
	}
	return p
}

// names tells whether Accept has this type itself.
func (a accept) names(mediaType string) bool {
	p := a.preference(mediaType)
	return p.level == exact && p.weight > 0
}
