package memguard

import (
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
	base := &targets{thresholds: []Threshold{Percent(80)}, origin: "default", supplied: Limit{Bytes: cgroupstat.Of(1 << 30), Source: LimitSupplied}}
	good, err := withPodInfo(base, base, "/pod", podinfo.Info{Threshold: "70%", MemoryLimit: "268435456"})
	if err != nil || good.thresholds[0] != Percent(70) || good.supplied != (Limit{Bytes: cgroupstat.Of(256 << 20), Source: LimitPodInfo, File: "/pod/memory_limit"}) {
		t.Fatalf("got %+v, %v", good, err)
	}
	bad, err := withPodInfo(base, good, "/pod", podinfo.Info{Threshold: "lots", MemoryLimit: "x"})
	if err == nil || !bad.equal(good) {
		t.Errorf("bad values: got %+v, %v; want the last good ones and an error", bad, err)
	}
	gone, err := withPodInfo(base, good, "/pod", podinfo.Info{})
	if err != nil || !gone.equal(base) {
		t.Errorf("nothing said: got %+v, %v; want what code and environment say", gone, err)
	}
}
