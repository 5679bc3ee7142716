package check

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const dashboardFile = "deploy/grafana/memguard.json"

// dashboard is the part of Grafana's model that the tests look at.
type dashboard struct {
	Title, UID  string
	Schema      int `json:"schemaVersion"`
	Annotations struct{ List []query }
	Templating  struct{ List []variable }
	Panels      []panel
}

type variable struct {
	Name, Type string
	Query      json.RawMessage
	Definition string
	Source     source `json:"datasource"`
}

type source struct{ Type, UID string }

type panel struct {
	ID          int
	Title, Type string
	Repeat      string
	Source      source `json:"datasource"`
	Targets     []query
	Field       struct {
		Defaults  struct{ Custom custom }
		Overrides []struct {
			Matcher    struct{ ID, Options string }
			Properties []struct {
				ID    string
				Value json.RawMessage
			}
		}
	} `json:"fieldConfig"`
}

type custom struct {
	Stacking struct{ Mode string }
}

type query struct {
	Name, Expr string
	Ref        string `json:"refId"`
	Legend     string `json:"legendFormat"`
	Instant    bool
	Enable     bool
	Source     source `json:"datasource"`

	where string
}

func readDashboard(t *testing.T) *dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(readFile(t, dashboardFile), &d); err != nil {
		t.Fatalf("%s: %v", dashboardFile, err)
	}
	return &d
}

// queries are those of all panels and annotations, each with where it is.
func (d *dashboard) queries() []query {
	var all []query
	for _, q := range d.Annotations.List {
		q.where = "annotation " + q.Name
		all = append(all, q)
	}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			q.where = p.Title + " " + q.Ref
			all = append(all, q)
		}
	}
	return all
}

func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	if d.Title == "" || d.UID == "" || d.Schema < 36 {
		t.Errorf("title %q, uid %q, schemaVersion %d: want all, and references to data sources (36)", d.Title, d.UID, d.Schema)
	}
	chosen := slices.ContainsFunc(d.Templating.List, func(v variable) bool {
		return v.Name == "datasource" && v.Type == "datasource" && string(v.Query) == `"prometheus"`
	})
	if !chosen {
		t.Error("no variable chooses the data source")
	}
	ids := map[int]string{}
	for _, p := range d.Panels {
		if other, taken := ids[p.ID]; taken || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q: want a title, a query and an id that is not that of %q", p.ID, p.Title, other)
		}
		ids[p.ID] = p.Title
		for _, q := range p.Targets {
			if p.Type == "timeseries" && p.Repeat == "" && !strings.Contains(q.Legend, "{{instance}}") {
				t.Errorf("%s %s: legend %q does not tell processes apart", p.Title, q.Ref, q.Legend)
			}
		}
		usesVariable(t, p.Title, p.Source)
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			usesVariable(t, v.Name, v.Source)
		}
	}
	for _, q := range d.queries() {
		usesVariable(t, q.where, q.Source)
		for _, name := range []string{`job=~"$job"`, `instance=~"$instance"`} {
			if strings.Count(q.Expr, name) != strings.Count(q.Expr, "{") {
				t.Errorf("%s: not every selector has %s: %s", q.where, name, q.Expr)
			}
		}
	}
}

func usesVariable(t *testing.T, what string, s source) {
	t.Helper()
	if s.Type != "prometheus" || s.UID != "${datasource}" {
		t.Errorf("%s: data source %+v, want the one of the variable", what, s)
	}
}

func TestDashboardShows(t *testing.T) {
	d := readDashboard(t)
	for _, metric := range []string{
		"memguard_gap_bytes", "memguard_goroutines", "memguard_heap_live_bytes", "memguard_finding",
		"memguard_time_to_limit_seconds", "memguard_pressure_stalled_seconds_total", "memguard_sampler_errors_total",
	} {
		if !slices.ContainsFunc(d.Panels, func(p panel) bool { return p.asks(metric) }) {
			t.Errorf("no panel asks for %s", metric)
		}
	}
	for _, metric := range []string{"memguard_dumps_total", "memguard_previous_exit"} {
		if !slices.ContainsFunc(d.Annotations.List, func(q query) bool { return q.Enable && strings.Contains(q.Expr, metric+"{") }) {
			t.Errorf("no annotation asks for %s", metric)
		}
	}
}

func (p *panel) asks(metric string) bool {
	return slices.ContainsFunc(p.Targets, func(q query) bool { return strings.Contains(q.Expr, metric+"{") })
}

// The buckets are stacked; the lines they are held against are not on top.
func TestBreakdownIsStackedAgainstLimitAndThreshold(t *testing.T) {
	d := readDashboard(t)
	at := slices.IndexFunc(d.Panels, func(p panel) bool { return p.asks("memguard_breakdown_bytes") })
	if at < 0 {
		t.Fatal("no panel asks for memguard_breakdown_bytes")
	}
	p := d.Panels[at]
	if p.Field.Defaults.Custom.Stacking.Mode != "normal" {
		t.Errorf("%s: stacking = %q, want normal", p.Title, p.Field.Defaults.Custom.Stacking.Mode)
	}
	if p.Repeat != "instance" {
		t.Errorf("%s: repeat = %q, want instance: buckets of several processes are no sum", p.Title, p.Repeat)
	}
	for _, metric := range []string{"memguard_limit_bytes", "memguard_threshold_bytes"} {
		i := slices.IndexFunc(p.Targets, func(q query) bool { return strings.Contains(q.Expr, metric+"{") })
		if i < 0 {
			t.Errorf("%s does not ask for %s", p.Title, metric)
			continue
		}
		if !p.apart(p.Targets[i].Legend) {
			t.Errorf("%s: %s is stacked, want a line of its own", p.Title, metric)
		}
	}
}

// apart tells whether an override takes the series out of the stack.
func (p *panel) apart(legend string) bool {
	for _, o := range p.Field.Overrides {
		// Grafana wants the whole name to match.
		whole, err := regexp.Compile("^" + o.Matcher.Options + "$")
		if err != nil || o.Matcher.ID != "byRegexp" || !whole.MatchString(legend) {
			continue
		}
		for _, property := range o.Properties {
			var stacking struct{ Mode string }
			if property.ID == "custom.stacking" && json.Unmarshal(property.Value, &stacking) == nil && stacking.Mode == "none" {
				return true
			}
		}
	}
	return false
}
