package memguard

import (
	"errors"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/podinfo"
)

func TestEffectiveLimit(t *testing.T) {
	of := cgroupstat.Of
	cgroup := cgroupstat.Limit{Bytes: of(200), Level: 1, File: "/cg/memory.max"}
	machine := Limit{Bytes: of(1000), Source: LimitMachine}
	tests := map[string]struct {
		cgroup cgroupstat.Limit
		others []Limit
		want   Limit
	}{
		"nothing":                     {cgroupstat.Limit{}, nil, Limit{Source: LimitNone}},
		"cgroup":                      {cgroup, []Limit{{Source: LimitSupplied}, machine}, Limit{of(200), LimitCgroup, "/cg/memory.max", 1}},
		"supplied is less":            {cgroup, []Limit{{Bytes: of(100), Source: LimitSupplied}, machine}, Limit{Bytes: of(100), Source: LimitSupplied}},
		"tie names the cgroup":        {cgroup, []Limit{{Bytes: of(200), Source: LimitPodInfo}}, Limit{of(200), LimitCgroup, "/cg/memory.max", 1}},
		"node allocatable":            {cgroupstat.Limit{}, []Limit{{Bytes: of(5000), Source: LimitSupplied}, machine}, machine},
		"no cgroup, only the machine": {cgroupstat.Limit{}, []Limit{{Source: LimitSupplied}, machine}, machine},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := effectiveLimit(tt.cgroup, tt.others...); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestPodInfoOverEnvironmentAndLastGoodKept(t *testing.T) {
	item := func(text string) podinfo.Item { return podinfo.Item{Text: text, File: "/pod/file"} }
	base := (&settings{
		thresholds:  setting[[]Threshold]{[]Threshold{Percent(80)}, "default"},
		basis:       setting[Basis]{Unreclaimable, "default"},
		memoryLimit: setting[cgroupstat.Value]{cgroupstat.Of(1 << 30), envMemoryLimit},
	}).targets()
	good, err := withPodInfo(base, base, &podinfo.Info{Threshold: item("70%"), Basis: item("usage"), MemoryLimit: item("268435456")})
	want := &targets{
		thresholds: setting[[]Threshold]{[]Threshold{Percent(70)}, "/pod/file"},
		basis:      setting[Basis]{Usage, "/pod/file"},
		supplied:   supplied{Limit{Bytes: cgroupstat.Of(256 << 20), Source: LimitPodInfo, File: "/pod/file"}, true},
	}
	if err != nil || !good.equal(want) {
		t.Fatalf("got %+v, %v", good, err)
	}
	bad, err := withPodInfo(base, good, &podinfo.Info{Threshold: item("lots"), Basis: item("all"), MemoryLimit: item("0")})
	if err == nil || !bad.equal(good) {
		t.Errorf("bad values: got %+v, %v; want the last good ones and an error", bad, err)
	}
	for _, name := range []string{"lots", "all", `"0"`} {
		if err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%v: does not name %q", err, name)
		}
	}
	broken := podinfo.Item{File: "/pod/file", Err: errors.New("permission denied")}
	lost, err := withPodInfo(base, good, &podinfo.Info{Threshold: broken, Basis: broken, MemoryLimit: broken})
	if err == nil || !lost.equal(good) || strings.Count(err.Error(), "permission denied") != 1 {
		t.Errorf("nothing can be read: got %+v, %v; want the last good ones and one error", lost, err)
	}
	gone, err := withPodInfo(base, good, &podinfo.Info{})
	if err != nil || !gone.equal(base) {
		t.Errorf("nothing said: got %+v, %v; want what code and environment say", gone, err)
	}
}

// The downward API gives the node's memory for a container without a limit.
func TestNodeAllocatableIsRecognized(t *testing.T) {
	const machine = 8 << 30
	none, some := cgroupstat.Limit{}, cgroupstat.Limit{Bytes: cgroupstat.Of(1 << 30)}
	for name, c := range map[string]struct {
		bytes   uint64
		count   bool
		cgroup  cgroupstat.Limit
		visible bool
		want    LimitSource
	}{
		"a node of 8 GiB":           {7_500_000_000, true, none, true, LimitNode},
		"a small node":              {5 << 30, true, none, true, LimitNode},
		"as a person writes it":     {7 << 30, false, none, true, LimitPodInfo},
		"a pod's limit":             {2 << 30, true, none, true, LimitPodInfo},
		"the container has a limit": {7_500_000_000, true, some, true, LimitPodInfo},
		"no cgroup to be seen":      {7_500_000_000, true, none, false, LimitPodInfo},
	} {
		l := supplied{Limit{Bytes: cgroupstat.Of(c.bytes), Source: LimitPodInfo}, c.count}
		if got := l.recognize(c.cgroup, c.visible, cgroupstat.Of(machine)); got.Source != c.want || got.Bytes != l.Bytes {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}
