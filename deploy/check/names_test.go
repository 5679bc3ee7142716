package check

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/memguard-dev/go-memguard/memguard/memguardprom"
)

// A Desc tells its name and labels in its text only.
var described = regexp.MustCompile(`^Desc\{fqName: "(\w+)".*variableLabels: \{([\w,]*)\}\}$`)

// exported is every metric with its labels, from the table in the code.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	descs := make(chan *prometheus.Desc)
	go func() {
		memguardprom.New(nil).Describe(descs)
		close(descs)
	}()
	names := map[string][]string{}
	for d := range descs {
		m := described.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("descriptor not understood: %s", d)
		}
		names[m[1]] = append(strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' }), "job", "instance")
	}
	return names
}

var (
	quoted   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	selector = regexp.MustCompile(`(\w+)\{([^}]*)\}`)
	matcher  = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
	grouping = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	word     = regexp.MustCompile(`\b(?:memguard|container)_\w+`)
)

// unknown lists what an expression names that is not exported.
func unknown(expr string, names map[string][]string) []string {
	var bad []string
	labels := []string{"job", "instance"}
	for _, of := range names {
		labels = append(labels, of...)
	}
	expr = quoted.ReplaceAllString(expr, `""`)
	for _, s := range selector.FindAllStringSubmatch(expr, -1) {
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			if !slices.Contains(names[s[1]], m[1]) {
				bad = append(bad, s[1]+"{"+m[1]+"}")
			}
		}
	}
	expr = selector.ReplaceAllString(expr, "$1")
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		for _, label := range strings.FieldsFunc(g[1], func(r rune) bool { return r == ',' || r == ' ' }) {
			if !slices.Contains(labels, label) {
				bad = append(bad, "label "+label)
			}
		}
	}
	expr = grouping.ReplaceAllString(expr, "")
	for _, name := range word.FindAllString(expr, -1) {
		if names[name] == nil {
			bad = append(bad, name)
		}
	}
	return bad
}

func TestUnknown(t *testing.T) {
	names := map[string][]string{"memguard_a_bytes": {"memguard_type", "job"}}
	for expr, want := range map[string]string{
		`max by (job, memguard_type) (memguard_a_bytes{job=~"$job",memguard_type="memguard_x"}) > 0`: "",
		`memguard_b_bytes / memguard_a_bytes`:                                                        "memguard_b_bytes",
		`rate(memguard_a_bytes{memguard_kind="x"}[5m])`:                                              "memguard_a_bytes{memguard_kind}",
		`sum without (memguard_kind) (memguard_a_bytes)`:                                             "label memguard_kind",
	} {
		if got := strings.Join(unknown(expr, names), " "); got != want {
			t.Errorf("unknown in %s: %q, want %q", expr, got, want)
		}
	}
}

func TestNamesAreExported(t *testing.T) {
	names := exported(t)
	told := func(where, expr string) {
		if !word.MatchString(expr) {
			t.Errorf("%s names no metric: %s", where, expr)
		}
		for _, name := range unknown(expr, names) {
			t.Errorf("%s: %s is not exported: %s", where, name, expr)
		}
	}
	for _, a := range alerts(t) {
		told(a.Alert, a.Expr)
	}
	for _, q := range readDashboard(t).queries() {
		told(q.where, q.Expr)
	}
	var file struct {
		Tests []struct {
			Input []struct{ Series string } `yaml:"input_series"`
		}
	}
	readYAML(t, cases, &file)
	for _, test := range file.Tests {
		for _, in := range test.Input {
			// The labels of the target are whatever a scrape gives them.
			told(cases, strings.Replace(in.Series, `pod="`, `instance="`, 1))
		}
	}
}
