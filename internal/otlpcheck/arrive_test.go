package otlpcheck

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/memguard-dev/go-memguard/memguard"
)

// pipeline is a provider that exports when it is told to, and where to.
func pipeline(t *testing.T, over protocol) (*sdk.MeterProvider, *collector) {
	t.Helper()
	address := freeAddress(t)
	c := collect(t, over, address)
	return newProvider(t, newExporter(t, over, address, patience), time.Hour), c
}

func TestMetricsArrive(t *testing.T) {
	for _, over := range []protocol{overGRPC, overHTTP} {
		t.Run(string(over), func(t *testing.T) {
			provider, c := pipeline(t, over)
			g := start(t, memguard.WithMeterProvider(provider), memguard.WithSemconvContainerMetrics())
			if _, err := g.Dump(t.Context(), "count me"); err != nil {
				t.Fatal(err)
			}
			check(t, g, provider, c)
		})
	}
}

// The global provider is set late only once in a process, so these have one
// each.
func TestGlobalProviderSetBeforeStart(t *testing.T) {
	if !alone(t) {
		return
	}
	provider, c := pipeline(t, overGRPC)
	otel.SetMeterProvider(provider)
	check(t, start(t), provider, c)
}

func TestGlobalProviderSetAfterStart(t *testing.T) {
	if !alone(t) {
		return
	}
	provider, c := pipeline(t, overGRPC)
	g := start(t)
	otel.SetMeterProvider(provider)
	check(t, g, provider, c)
}

const childVariable = "OTLPCHECK_CHILD"

// alone runs the test in a process of its own; it is true there.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(childVariable) != "" {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), childVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	}
	return false
}

// check exports once and holds what arrives against what the guard says.
func check(t *testing.T, g *memguard.Guard, provider *sdk.MeterProvider, c *collector) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		before, kinds := measured(g)
		wanted, there := wantAbsent(g), valued(g)
		c.sink.Reset()
		if err := provider.ForceFlush(t.Context()); err != nil {
			t.Fatalf("export: %v", err)
		}
		after, _ := measured(g)
		// A finding may come or go meanwhile.
		if !equalKeys(before, after) || !slices.Equal(wanted, wantAbsent(g)) {
			if time.Now().After(deadline) {
				t.Fatalf("the series change all the time: %v, then %v", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
			}
			continue
		}
		all := c.sink.AllMetrics()
		if len(all) != 1 {
			t.Fatalf("%d exports arrived, want 1", len(all))
		}
		got := read(t, all[0])
		got.checkNames(t, g, wanted, there)
		got.checkValues(t, kinds, before, after)
		got.checkSum(t)
		t.Logf("%d of %d metrics, %d series; absent: %v", len(got.metrics), len(g.Metrics()), len(got.values), wanted)
		return
	}
}

func (e export) checkNames(t *testing.T, g *memguard.Guard, wanted []string, there map[string]*memguard.Metric) {
	t.Helper()
	if names := absent(g, there); !slices.Equal(names, wanted) {
		t.Errorf("the guard has no values of %v, want %v", names, wanted)
	}
	if names := absent(g, e.metrics); !slices.Equal(names, wanted) {
		t.Errorf("did not arrive: %v, want %v", names, wanted)
	}
	for name, got := range e.metrics {
		if m := there[name]; m == nil {
			t.Errorf("%s arrived, the guard has no value of it", name)
		} else if want := want(m).String(); got.String() != want {
			t.Errorf("%s arrived as\n%s, want\n%s", name, got, want)
		}
	}
}

// checkValues: the values move on; what only rises is between two readings.
func (e export) checkValues(t *testing.T, kinds map[string]memguard.MetricKind, before, after map[string]float64) {
	t.Helper()
	if !equalKeys(e.values, before) {
		t.Errorf("series arrived:\n%v, want\n%v", slices.Sorted(maps.Keys(e.values)), slices.Sorted(maps.Keys(before)))
	}
	for name, got := range e.values {
		if kinds[name] == memguard.Counter && (got < before[name] || got > after[name]) {
			t.Errorf("%s = %v, want %v to %v", name, got, before[name], after[name])
		}
	}
	for _, name := range []string{"memguard.usage{}", "memguard.heap.in_use{}", "memguard.goroutines{}", "memguard.sampler.samples{}"} {
		if e.values[name] <= 0 {
			t.Errorf("%s = %v, want more than 0", name, e.values[name])
		}
	}
	const name = "memguard.start_time{}"
	if got := e.values[name]; got != before[name] {
		t.Errorf("%s = %v, want %v", name, got, before[name])
	}
}

func equalKeys[V any](a, b map[string]V) bool {
	return maps.EqualFunc(a, b, func(V, V) bool { return true })
}
