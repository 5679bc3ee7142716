package memguardprom_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/memguard"
	"github.com/memguard-dev/go-memguard/memguard/memguardprom"
)

// TestCollectOpensNoFile: a scrape is whole where no file can be opened.
func TestCollectOpensNoFile(t *testing.T) {
	c := memguardprom.New(start(t, memguard.WithSemconvContainerMetrics()))
	names := func() []string {
		metrics, seen := make(chan prometheus.Metric, 1000), map[string]bool{}
		c.Collect(metrics)
		for len(metrics) > 0 {
			seen[(<-metrics).Desc().String()] = true
		}
		// The findings come with the first diagnosis, which is none of a scrape's.
		maps.DeleteFunc(seen, func(name string, _ bool) bool { return occasional(name) })
		return slices.Sorted(maps.Keys(seen))
	}
	want := names()
	kerneltest.NoFiles(t)
	if got := names(); !slices.Equal(got, want) || len(want) < 20 {
		t.Errorf("without files:\n%q, want\n%q", got, want)
	}
}

// occasional tells of a metric that comes and goes with what is found.
func occasional(desc string) bool {
	for _, name := range []string{"memguard_finding", "memguard_time_to_limit", "memguard_recommended", "memguard_heap_live"} {
		if strings.Contains(desc, `"`+name) {
			return true
		}
	}
	return false
}
