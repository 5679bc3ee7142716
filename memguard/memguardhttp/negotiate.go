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
	best, most := formats[0].name, 0.0
	for _, f := range formats {
		if weight := quality(r, f.mediaType); weight > most {
			best, most = f.name, weight
		}
	}
	// What sends no Accept or takes anything is a tool, unless a person's browser.
	if r.Header.Get("Accept") == "" || most > 0 && !names(r, "text/html") && best == "html" {
		best = "text"
	}
	return best, nil
}

// names tells whether Accept has this type itself.
func names(r *http.Request, mediaType string) bool {
	for _, part := range strings.Split(r.Header.Get("Accept"), ",") {
		if t, params, err := mime.ParseMediaType(part); err == nil && t == mediaType && params["q"] != "0" {
			return true
		}
	}
	return false
}

// quality is the weight of a type in Accept, by the most specific range.
func quality(r *http.Request, mediaType string) float64 {
	major, _, _ := strings.Cut(mediaType, "/")
	weight, specific := 0.0, 0
	for _, part := range strings.Split(r.Header.Get("Accept"), ",") {
		t, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		level := map[string]int{mediaType: 3, major + "/*": 2, "*/*": 1}[t]
		if level <= specific {
			continue
		}
		specific, weight = level, 1
		if text, ok := params["q"]; ok {
			if weight, err = strconv.ParseFloat(text, 64); err != nil {
				weight = 0
			}
		}
	}
	return weight
}
