package memguard

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

var update = flag.Bool("update", false, "write docs/metrics.md")

// metricsHead is the text above the tables.
const metricsHead = `# Metrics

What memguard exports, written from the table in its code. The OpenTelemetry name is given; in Prometheus dots become
underscores, the unit and, for counters, %[1]stotal%[1]s are appended: %[1]smemguard.usage%[1]s is
%[1]smemguard_usage_bytes%[1]s, %[1]smemguard.dumps%[1]s is %[1]smemguard_dumps_total%[1]s. OpenTelemetry's Prometheus exporter
and memguardprom give the same.

All values of a scrape are of one moment, the last sample, which is a quarter of a second old at most. What the kernel does
not tell is not there: absent is not zero. The series are bounded: at most %[2]d in all, a container without findings and
faults of its own has about half of them.

`

func metricsDoc(rows []*row) string {
	var out strings.Builder
	series := 0
	for _, r := range rows {
		series += r.Series
	}
	fmt.Fprintf(&out, metricsHead, "`", series)
	write := func(rows []*row) {
		out.WriteString("| metric | unit | instrument | attributes | series | meaning | source |\n|---|---|---|---|---|---|---|\n")
		for _, r := range rows {
			var keys []string
			for _, a := range r.Attributes {
				keys = append(keys, "`"+a+"`")
			}
			fmt.Fprintf(&out, "| `%s` | `%s` | %s | %s | %d | %s | %s |\n", r.Name, r.Unit, r.Kind, strings.Join(keys, ", "), r.Series, r.Description, r.Source)
		}
	}
	write(rows)
	out.WriteString("\n## Names of the semantic conventions\n\n`WithSemconvContainerMetrics()` adds these of OpenTelemetry's semantic conventions, v1.44. Off by default: in Prometheus\ntwo of them have the names of cAdvisor's series, and where both are scraped, sums count twice.\n\n")
	write(semconvTable)
	return out.String()
}

func TestMetricsDocIsWhatTheCodeExports(t *testing.T) {
	const path = "../docs/metrics.md"
	want := []byte(metricsDoc(table))
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the table says (%v); go test ./memguard -run MetricsDoc -update writes it", path, err)
	}
}

// rivals are namespaces of others.
var rivals = []string{"container.", "go.", "process.", "system.", "k8s."}

func TestMetricTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range table {
		if seen[r.Name] {
			t.Errorf("%s twice", r.Name)
		}
		seen[r.Name] = true
		if !strings.HasPrefix(r.Name, "memguard.") || slices.ContainsFunc(rivals, func(p string) bool { return strings.HasPrefix(r.Name, p) }) {
			t.Errorf("%s is not in our namespace", r.Name)
		}
		if r.Unit == "" || r.Description == "" || r.Source == "" || r.Series < 1 || len(r.Attributes) > maxAttributes || r.Series > 1 && len(r.Attributes) == 0 {
			t.Errorf("%s: %+v", r.Name, r.Metric)
		}
	}
}

func TestMeasurementsAreOfOneMomentAndBounded(t *testing.T) {
	tr := newTree(t)
	g := mustStart(t, quiet(t, tr, WithSemconvContainerMetrics()))
	eventually(t, "a diagnosis", func() bool { return g.doctor.latest.Load() != nil })
	counts, values := map[string]int{}, map[string]float64{}
	var sum float64
	for m := range g.Measurements() {
		counts[m.Metric.Name]++
		if counts[m.Metric.Name] > m.Metric.Series {
			t.Errorf("more than %d series of %s", m.Metric.Series, m.Metric.Name)
		}
		for i, a := range m.Attributes {
			if (a != "") != (i < len(m.Metric.Attributes)) {
				t.Errorf("%s: attributes %q for %q", m.Metric.Name, m.Attributes, m.Metric.Attributes)
			}
		}
		if m.Metric.Name == "memguard.breakdown" {
			sum += m.Value
		}
		values[m.Metric.Name] = m.Value
	}
	if sum != values["memguard.usage"] || sum != 120<<20 {
		t.Errorf("the breakdown adds up to %.0f, the usage is %.0f", sum, values["memguard.usage"])
	}
	if counts["memguard.breakdown"] != int(sample.NumBuckets) {
		t.Errorf("%d buckets", counts["memguard.breakdown"])
	}
	if got := values["memguard.headroom"] + values["memguard.unreclaimable"]; got != values["memguard.limit"] {
		t.Errorf("headroom and unreclaimable are %.0f, the limit is %.0f", got, values["memguard.limit"])
	}
	if values["container.memory.usage"] != values["memguard.usage"] || counts["container.memory.available"] != 1 {
		t.Errorf("semantic conventions: %v", counts)
	}
	for _, absent := range []string{"memguard.time_to_limit", "memguard.previous_exit", "memguard.pressure.stalled"} {
		if counts[absent] != 0 {
			t.Errorf("%s is %v, but nothing tells it", absent, values[absent])
		}
	}
	for range g.Measurements() {
		break // A reader may stop early.
	}
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}
	for m := range g.Measurements() {
		t.Errorf("%s after Stop", m.Metric.Name)
	}
}

// values are those that a metric has in a view.
func values(t *testing.T, v *view, name string) (list []float64) {
	t.Helper()
	for _, r := range append(table[:len(table):len(table)], semconvTable...) {
		if r.Name == name {
			r.collect(v, func(n float64, _ attributes) { list = append(list, n) })
			return list
		}
	}
	t.Fatalf("no metric %s", name)
	return nil
}

func TestWhatNothingTellsIsAbsent(t *testing.T) {
	told := sample.Sample{Peak: cgroupstat.Of(1), Events: cgroupstat.Events{OOMKill: cgroupstat.Of(0)}}
	told.Go.LiveHeap = 7
	for name, want := range map[string][]float64{"memguard.heap.live": {7}, "memguard.oom_kills": {0}, "memguard.spikes": {0}} {
		if got := values(t, &view{guard: &Guard{}}, name); len(got) != 0 {
			t.Errorf("%s is %v, but nothing tells it", name, got)
		}
		if got := values(t, &view{guard: &Guard{}, sample: told}, name); !slices.Equal(got, want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	var g Guard
	g.oomKills.Add(2)
	if got := values(t, &view{guard: &g}, "memguard.oom_kills"); !slices.Equal(got, []float64{2}) {
		t.Errorf("kills that were counted are %v while the file cannot be read", got)
	}
}

func TestAvailableOnlyBelowALimitOfItsOwn(t *testing.T) {
	used := sample.Sample{Usage: cgroupstat.Of(100), Scope: sample.Process}
	for source, want := range map[LimitSource][]float64{
		LimitNone: nil, LimitMachine: nil, LimitNode: nil, LimitCgroup: {900}, LimitSupplied: {900}, LimitPodInfo: {900},
	} {
		v := &view{guard: &Guard{}, sample: used, limit: Limit{Bytes: cgroupstat.Of(1000), Source: source}}
		if source == LimitNone {
			v.limit.Bytes = cgroupstat.Value{}
		}
		if got := values(t, v, "container.memory.available"); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", source, got, want)
		}
	}
}

func TestPressureOfASnapshot(t *testing.T) {
	tr := newTree(t)
	g := mustStart(t, quiet(t, tr))
	if s := g.Snapshot(); s.Pressure != nil {
		t.Errorf("%+v without a file", s.Pressure)
	}
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}
	line := "avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
	tr.write("memory.pressure", "some "+line+"full "+line)
	if s := mustStart(t, quiet(t, tr)).Snapshot(); s.Pressure == nil || *s.Pressure != (cgroupstat.Pressure{}) {
		t.Errorf("%+v, want zero, which is known", s.Pressure)
	}
}

// A mistake of ours fails the export, not the program.
func TestObserveReturnsAPanic(t *testing.T) {
	unfinished := &Guard{ctx: context.Background(), sampler: &sampler{}}
	err := (&meters{guard: unfinished}).observe(context.Background(), nil)
	if err == nil || !strings.Contains(err.Error(), "collect metrics") {
		t.Errorf("error %v, want that of the panic", err)
	}
}

func TestMeasurementsOfNoGuard(t *testing.T) {
	var g *Guard
	for m := range g.Measurements() {
		t.Errorf("%+v", m)
	}
	if len(g.Metrics()) != len(table) {
		t.Error("the table is known without a guard")
	}
}

func BenchmarkMeasurements(b *testing.B) {
	g := mustStart(b, quiet(b, newTree(b)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for range g.Measurements() {
			n++
		}
	}
	b.ReportMetric(float64(n)/float64(b.N), "series")
}
