package memguardprom_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/memguard-dev/go-memguard/memguard"
	"github.com/memguard-dev/go-memguard/memguard/memguardprom"
)

func start(t testing.TB, opts ...memguard.Option) *memguard.Guard {
	t.Helper()
	g, err := memguard.Start(append([]memguard.Option{
		memguard.WithDumpDir(t.TempDir()), memguard.WithLogger(slog.New(slog.DiscardHandler)),
		memguard.WithMemoryLimit(1 << 40), memguard.WithThresholds(memguard.Bytes(1 << 40)),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func gather(t *testing.T, c prometheus.Collector) map[string]*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(c); err != nil {
		t.Fatal(err)
	}
	list, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*dto.MetricFamily{}
	for _, f := range list {
		out[f.GetName()] = f
	}
	return out
}

func TestCollector(t *testing.T) {
	g := start(t)
	if _, err := g.Dump(context.Background(), "count me"); err != nil {
		t.Fatal(err)
	}
	families := gather(t, memguardprom.New(g))
	for name, kind := range map[string]dto.MetricType{
		"memguard_usage_bytes": dto.MetricType_GAUGE, "memguard_limit_bytes": dto.MetricType_GAUGE, "memguard_breakdown_bytes": dto.MetricType_GAUGE,
		"memguard_dumps_total": dto.MetricType_COUNTER, "memguard_dump_duration_seconds_total": dto.MetricType_COUNTER,
		"memguard_goroutines": dto.MetricType_GAUGE, "memguard_sampler_errors_total": dto.MetricType_COUNTER,
	} {
		f := families[name]
		if f == nil || f.GetType() != kind || f.GetHelp() == "" || len(f.GetMetric()) == 0 {
			t.Errorf("%s: %v", name, f)
		}
	}
	var sum float64
	for _, m := range families["memguard_breakdown_bytes"].GetMetric() {
		sum += m.GetGauge().GetValue()
	}
	if usage := families["memguard_usage_bytes"].GetMetric()[0].GetGauge().GetValue(); sum != usage {
		t.Errorf("the breakdown adds up to %.0f, the usage is %.0f", sum, usage)
	}
	for _, m := range families["memguard_dumps_total"].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if labels["memguard_stage"] == "fresh" && labels["memguard_result"] == "ok" && m.GetCounter().GetValue() != 1 {
			t.Errorf("%v dumps, want 1", m.GetCounter().GetValue())
		}
	}
}

func TestLint(t *testing.T) {
	problems, err := testutil.CollectAndLint(memguardprom.New(start(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestCadvisorsNamesOnlyWhenAsked(t *testing.T) {
	g := start(t)
	for name := range gather(t, memguardprom.New(g)) {
		if !strings.HasPrefix(name, "memguard_") {
			t.Errorf("%s is somebody else's", name)
		}
	}
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}
	if gather(t, memguardprom.New(start(t, memguard.WithSemconvContainerMetrics())))["container_memory_usage_bytes"] == nil {
		t.Error("no container_memory_usage_bytes, although asked for")
	}
}

func TestWithoutGuardAndAfterStop(t *testing.T) {
	if families := gather(t, memguardprom.New(nil)); len(families) != 0 {
		t.Errorf("of no guard: %v", families)
	}
	g := start(t)
	c := memguardprom.New(g)
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}
	if families := gather(t, c); len(families) != 0 {
		t.Errorf("after Stop: %v", families)
	}
}

// TestCollectAllocatesLittle: a few tables, however many series there are.
func TestCollectAllocatesLittle(t *testing.T) {
	c := memguardprom.New(start(t))
	metrics := make(chan prometheus.Metric, 1000)
	series := 0
	n := testing.AllocsPerRun(100, func() {
		c.Collect(metrics)
		for series = 0; len(metrics) > 0; series++ {
			<-metrics
		}
	})
	if n > 40 || series < 40 {
		t.Errorf("%v allocations for %d series", n, series)
	}
}

func BenchmarkCollect(b *testing.B) {
	c := memguardprom.New(start(b))
	metrics := make(chan prometheus.Metric, 1000)
	b.ReportAllocs()
	for b.Loop() {
		c.Collect(metrics)
		for len(metrics) > 0 {
			<-metrics
		}
	}
}

// BenchmarkScrape is the whole of it: the registry and the text as well.
func BenchmarkScrape(b *testing.B) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(memguardprom.New(start(b)))
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true})
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
