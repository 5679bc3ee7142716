package check

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// rateInterval is Grafana's $__rate_interval at a scrape interval of 1 s: four
// times as long.
const rateInterval = "4s"

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// interpolate does what Grafana does to an expression.
func interpolate(expr string, values map[string]string) string {
	expr = strings.ReplaceAll(expr, "$__rate_interval", rateInterval)
	for name, value := range values {
		expr = strings.ReplaceAll(expr, "$"+name, value)
	}
	return expr
}

// special are the characters that Grafana escapes in a chosen value, doubly as
// it becomes part of a string.
var special = regexp.MustCompile(`[\\^$*+?.()|[\]{}]`)

func escape(value string) string { return special.ReplaceAllString(value, `\\$0`) }

// choose fills the variables as their queries do, each with its only value.
func (s *server) choose(d *dashboard) map[string]string {
	s.t.Helper()
	chosen := map[string]string{}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		var q struct{ Query string }
		if err := json.Unmarshal(v.Query, &q); err != nil || q.Query != v.Definition {
			s.t.Errorf("variable %s: query %s, definition %q, %v: want the same twice", v.Name, v.Query, v.Definition, err)
		}
		m := labelValues.FindStringSubmatch(v.Definition)
		if m == nil {
			s.t.Fatalf("variable %s: not understood: %s", v.Name, v.Definition)
		}
		values := s.labelValues(m[2], interpolate(m[1], chosen))
		if len(values) != 1 {
			s.t.Fatalf("variable %s has the values %q, want 1", v.Name, values)
		}
		chosen[v.Name] = escape(values[0])
	}
	return chosen
}

func TestInterpolate(t *testing.T) {
	values := map[string]string{"job": escape("shop"), "instance": escape("127.0.0.1:80")}
	got := interpolate(`rate(x{job=~"$job",instance=~"$instance"}[$__rate_interval])`, values)
	if want := `rate(x{job=~"shop",instance=~"127\\.0\\.0\\.1:80"}[4s])`; got != want {
		t.Errorf("interpolate = %s, want %s", got, want)
	}
}
