package repotest

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// required are the direct requirements of the root module, each with what it
// is for. A service that imports memguard carries these, so each has to earn
// its place; what only tools, benchmarks or heavy examples need lives in a
// module of its own.
var required = map[string]string{
	"github.com/KimMachineGun/automemlimit": "sets GOMEMLIMIT from our limit",
	"github.com/google/pprof":               "reads heap profiles back",
	"go.opentelemetry.io/otel":              "the global MeterProvider, API only",
	"go.opentelemetry.io/otel/log":          "the events, API only",
	"go.opentelemetry.io/otel/metric":       "the instruments, API only",
	"go.uber.org/goleak":                    "tests: no goroutine is left",
	"golang.org/x/sys":                      "system calls",
}

func goCommand(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

func TestRootModuleStaysLean(t *testing.T) {
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Replace []any
		Tool    []any
	}
	if err := json.Unmarshal(goCommand(t, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range mod.Require {
		if r.Indirect {
			continue
		}
		seen[r.Path] = true
		if required[r.Path] == "" {
			t.Errorf("go.mod requires %s: give its reason here, or move what needs it to another module", r.Path)
		}
	}
	for path, reason := range required {
		if !seen[path] {
			t.Errorf("go.mod does not require %s (%s) any more", path, reason)
		}
	}
	if len(mod.Replace)+len(mod.Tool) > 0 {
		t.Error("go.mod has a replace or tool directive, which belongs in a nested module")
	}
}

// Prefixes, held against an import path with a slash after it: "net/http/" is
// that package and all below it.
var (
	// heavy is what no service should get with memguard.
	heavy = []string{
		"github.com/prometheus/", "go.opentelemetry.io/otel/sdk/", "google.golang.org/", "k8s.io/",
		"github.com/stretchr/", "github.com/containerd/cgroups/v3/cgroup", module + "/internal/kerneltest/",
		"net/http/pprof/", "expvar/", "testing/",
	}
	upwards = []string{module + "/memguard/", module + "/examples/"}
)

// TestImports holds what each package must not reach, directly or through
// another package. Only memguard has net/http below it, through the
// OpenTelemetry API's propagation package, so there its own imports count.
func TestImports(t *testing.T) {
	for _, tt := range []struct {
		pkg    string
		reach  []string // not even indirectly
		direct []string // not in the package's own imports
	}{
		{
			pkg:    "cgroupstat",
			reach:  slices.Concat(upwards, []string{"net/http/", "go.opentelemetry.io/", "runtime/metrics/", "runtime/pprof/", module + "/heapdump/"}),
			direct: []string{"log/"},
		},
		{
			pkg:    "heapdump",
			reach:  slices.Concat(upwards, []string{"net/http/", "go.opentelemetry.io/", "github.com/containerd/", "github.com/google/", "runtime/pprof/", "regexp/", module + "/cgroupstat/"}),
			direct: []string{"log/"},
		},
		{
			pkg: "memguard",
			// What the page needs is for those who show it.
			reach:  []string{module + "/memguard/memguardhttp/", module + "/internal/flame/", module + "/internal/chart/", "html/template/", "github.com/google/"},
			direct: []string{"net/http/", module + "/memguard/"},
		},
	} {
		t.Run(tt.pkg, func(t *testing.T) {
			var list struct{ Imports, Deps []string }
			if err := json.Unmarshal(goCommand(t, "list", "-json=Imports,Deps", "./"+tt.pkg), &list); err != nil {
				t.Fatal(err)
			}
			for _, dep := range among(list.Deps, slices.Concat(heavy, tt.reach)) {
				t.Errorf("%s reaches %s", tt.pkg, dep)
			}
			for _, dep := range among(list.Imports, tt.direct) {
				t.Errorf("%s imports %s", tt.pkg, dep)
			}
		})
	}
}

func among(pkgs, prefixes []string) []string {
	return slices.DeleteFunc(slices.Clone(pkgs), func(pkg string) bool {
		return !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(pkg+"/", prefix) })
	})
}
