package check

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

const (
	root    = "../.."
	rules   = "deploy/prometheus/memguard.rules.yml"
	cases   = "deploy/prometheus/memguard_test.yml"
	runbook = "deploy/prometheus/README.md"
	home    = "https://github.com/memguard-dev/go-memguard/blob/HEAD/"
)

// alert is a rule.
type alert struct {
	Alert       string
	Expr        string
	Annotations struct {
		Summary, Runbook string
		URL              string `yaml:"runbook_url"`
	}
	Labels struct{ Severity string }
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal(readFile(t, path), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	readYAML(t, rules, &file)
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatalf("%s has no alerts", rules)
	}
	return all
}

// program finds one of Debian's package prometheus.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		kerneltest.Missing(t, "no %s (apt-get install --no-install-recommends prometheus): %v", name, err)
	}
	return path
}

func TestPromtool(t *testing.T) {
	promtool := program(t, "promtool")
	for _, args := range [][]string{
		{"check", "rules", rules},
		{"test", "rules", cases},
		{"check", "config", "examples/prometheus/prometheus.yml"},
	} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// What has to be told, and by which alert.
func TestRequiredAlerts(t *testing.T) {
	required := map[string]string{
		"above 80 %":            `memguard_unreclaimable_bytes .*> 0\.8$`,
		"above 90 %":            `memguard_unreclaimable_bytes .*> 0\.9$`,
		"limit in half an hour": `memguard_time_to_limit_seconds.* < 30 \* 60`,
		"leak":                  `memguard_finding\{.*heap_leak.*goroutine_leak.*off_heap`,
		"out of memory before":  `memguard_previous_exit\{.*oom_suspected`,
		"invisible kill":        `memguard_oom_kills_total`,
		"garbage collection":    `memguard_finding\{.*gc_thrash`,
		"volume in memory":      `memguard_volume_in_memory`,
		"errors":                `memguard_sampler_errors_total`,
	}
	for what, pattern := range required {
		if !slices.ContainsFunc(alerts(t), func(a alert) bool { return regexp.MustCompile(pattern).MatchString(a.Expr) }) {
			t.Errorf("%s: no alert has an expression like %s", what, pattern)
		}
	}
}

var heading = regexp.MustCompile(`(?m)^## (\S+)$`)

func TestEveryAlertHasARunbook(t *testing.T) {
	sections := map[string]bool{} // whether an alert is what it is about
	for _, m := range heading.FindAllSubmatch(readFile(t, runbook), -1) {
		sections[string(m[1])] = false
	}
	for _, a := range alerts(t) {
		if _, there := sections[a.Alert]; !there {
			t.Errorf("%s has no section %q", runbook, a.Alert)
		}
		sections[a.Alert] = true
		if want := runbook + "#" + strings.ToLower(a.Alert); a.Annotations.Runbook != want || a.Annotations.URL != home+want {
			t.Errorf("%s: runbook = %q, runbook_url = %q, want %q, below %s", a.Alert, a.Annotations.Runbook, a.Annotations.URL, want, home)
		}
		if a.Annotations.Summary == "" || a.Labels.Severity != "warning" && a.Labels.Severity != "critical" {
			t.Errorf("%s: summary %q, severity %q: want both", a.Alert, a.Annotations.Summary, a.Labels.Severity)
		}
	}
	for name, used := range sections {
		if !used {
			t.Errorf("%s has a section %q, and there is no such alert", runbook, name)
		}
	}
}

func TestEveryAlertHasCases(t *testing.T) {
	var file struct {
		Tests []struct {
			Cases []struct {
				Alert    string `yaml:"alertname"`
				Expected []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	readYAML(t, cases, &file)
	seen := map[string]int{}
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			seen[fmt.Sprint(c.Alert, len(c.Expected) > 0)]++
		}
	}
	for _, a := range alerts(t) {
		for _, fires := range []bool{true, false} {
			if seen[fmt.Sprint(a.Alert, fires)] == 0 {
				t.Errorf("%s has no case in which it fires: %t", a.Alert, fires)
			}
		}
	}
}
