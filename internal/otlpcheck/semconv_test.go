package otlpcheck

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/memguard"
)

func TestSemconv(t *testing.T) {
	for name, tt := range map[string]struct {
		opts []memguard.Option
		want []string
	}{
		"with": {
			// What is available is known below a limit of the container's own.
			[]memguard.Option{memguard.WithSemconvContainerMetrics(), memguard.WithMemoryLimit(1 << 30)},
			[]string{"container.memory.available", "container.memory.rss", "container.memory.usage", "container.memory.working_set"},
		},
		"without": {},
	} {
		t.Run(name, func(t *testing.T) {
			provider, c := pipeline(t, overGRPC)
			g := start(t, append(tt.opts, memguard.WithMeterProvider(provider))...)
			if g.Snapshot().Scope != memguard.ScopeCgroup {
				t.Skip("no cgroup is readable here, so not all of them have values")
			}
			if err := provider.ForceFlush(t.Context()); err != nil {
				t.Fatalf("export: %v", err)
			}
			all := c.sink.AllMetrics()
			if len(all) != 1 {
				t.Fatalf("%d exports arrived, want 1", len(all))
			}
			got := read(t, all[0])
			names := slices.DeleteFunc(slices.Sorted(maps.Keys(got.metrics)), func(name string) bool { return strings.HasPrefix(name, "memguard.") })
			if !slices.Equal(names, tt.want) {
				t.Errorf("beside memguard's own arrived %v, want %v", names, tt.want)
			}
			for _, name := range names {
				if m := got.metrics[name]; m.unit != "By" || m.kind != "sum, cumulative, not monotonic" {
					t.Errorf("%s arrived as %s, want By and an updowncounter", name, m)
				}
			}
			for _, name := range []string{"usage", "working_set"} {
				theirs, ok := got.values["container.memory."+name+"{}"]
				if ours := got.values["memguard."+name+"{}"]; ok && theirs != ours {
					t.Errorf("container.memory.%s = %.0f, want memguard.%s, %.0f", name, theirs, name, ours)
				}
			}
		})
	}
}
