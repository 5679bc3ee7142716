package memguard

import (
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

func env(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

func TestEnvironmentWinsOverCode(t *testing.T) {
	s := resolve([]Option{
		WithThresholds(Percent(50)), WithBasis(Usage), WithMemoryLimit(1 << 30), WithPodInfo("/a"), WithDumpDir("/b"),
		WithRetention(3, 5<<20), WithGoMemLimit(0.5), nil,
	}, env(map[string]string{
		"MEMGUARD_THRESHOLD": "70%,90%", "MEMGUARD_BASIS": "working_set", "MEMGUARD_MEMORY_LIMIT": "2Gi", "MEMGUARD_PODINFO": "/c",
		"MEMGUARD_DUMP_DIR": "/d", "MEMGUARD_DUMP_KEEP": "4", "MEMGUARD_DUMP_MAX_BYTES": "6Mi", "MEMGUARD_GOMEMLIMIT": "80%",
	}))
	if s.err() != nil {
		t.Fatal(s.err())
	}
	if len(s.thresholds.value) != 2 || s.thresholds.value[0] != Percent(70) || s.thresholds.origin != "MEMGUARD_THRESHOLD" {
		t.Errorf("thresholds %+v", s.thresholds)
	}
	if s.basis.value != WorkingSet || s.memoryLimit.value != cgroupstat.Of(2<<30) || s.podInfo.value != "/c" || s.dumpDir.value != "/d" ||
		s.keep.value != 4 || s.maxBytes.value != 6<<20 || s.ratio.value != 0.8 {
		t.Errorf("got %+v", s)
	}
}

func TestCodeWinsOverDefaults(t *testing.T) {
	s := resolve([]Option{WithThresholds(Percent(50)), WithBasis(Usage), WithRetention(3, 5<<20), WithGoMemLimit(0)},
		env(map[string]string{"MEMGUARD_THRESHOLD": "", "MEMGUARD_GOMEMLIMIT": " "}))
	if s.err() != nil || s.thresholds.value[0] != Percent(50) || s.basis.value != Usage || s.keep.value != 3 || s.ratio.value != 0 {
		t.Errorf("got %+v, %v", s, s.err())
	}
}

func TestBadValuesNameThemselvesAndLeaveDefaults(t *testing.T) {
	tests := []struct{ name, value, accepted string }{
		{"MEMGUARD", "maybe", "on and off"},
		{"MEMGUARD_THRESHOLD", "eighty", "80%, 0.8, 80"},
		{"MEMGUARD_THRESHOLD", "0", "80%, 0.8, 80"},
		{"MEMGUARD_THRESHOLD", "120%", "80%, 0.8, 80"},
		{"MEMGUARD_THRESHOLD", "-1", "80%, 0.8, 80"},
		{"MEMGUARD_THRESHOLD", "70%,,90%", "80%, 0.8, 80"},
		{"MEMGUARD_THRESHOLD", "NaN", "80%, 0.8, 80"},
		{"MEMGUARD_BASIS", "rss", "unreclaimable, working_set, usage"},
		{"MEMGUARD_MEMORY_LIMIT", "a lot", "Kubernetes quantity"},
		{"MEMGUARD_MEMORY_LIMIT", "256", "Kubernetes quantity"},
		{"MEMGUARD_MEMORY_LIMIT", "-1", "Kubernetes quantity"},
		{"MEMGUARD_DUMP_KEEP", "0", "count from 1"},
		{"MEMGUARD_DUMP_KEEP", "many", "count from 1"},
		{"MEMGUARD_DUMP_MAX_BYTES", "10", "at least 1Mi"},
		{"MEMGUARD_DUMP_MAX_BYTES", "1 GB", "Kubernetes quantity"},
		{"MEMGUARD_DUMP_SIZE_LIMIT", "1Mi", "at least 2Mi"},
		{"MEMGUARD_DUMP_SIZE_LIMIT", "much", "Kubernetes quantity"},
		{"MEMGUARD_GOMEMLIMIT", "0", "0.9, 90% or off"},
		{"MEMGUARD_GOMEMLIMIT", "1.1", "0.9, 90% or off"},
		{"MEMGUARD_GOMEMLIMIT", "NaN", "0.9, 90% or off"},
		{"MEMGUARD_GOMEMLIMIT", "110%", "0.9, 90% or off"},
		{"MEMGUARD_GOMEMLIMIT", "-5%", "0.9, 90% or off"},
	}
	for _, tt := range tests {
		t.Run(tt.name+"="+tt.value, func(t *testing.T) {
			vars := map[string]string{tt.name: tt.value}
			s := resolve(nil, env(vars))
			err := s.err()
			if err == nil {
				t.Fatal("no error")
			}
			bad := tt.value
			if strings.Contains(bad, ",") {
				bad = `""` // the empty item is the bad value
			}
			for _, part := range []string{tt.name + ":", bad, tt.accepted} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v: does not say %q", err, part)
				}
			}
			maps.DeleteFunc(vars, func(string, string) bool { return true })
			want := resolve(nil, env(vars))
			if s.off != want.off || s.thresholds.value[0] != want.thresholds.value[0] || s.basis != want.basis || s.memoryLimit != want.memoryLimit ||
				s.keep != want.keep || s.maxBytes != want.maxBytes || s.ratio != want.ratio {
				t.Errorf("defaults were not kept: %+v", s)
			}
		})
	}
}

func TestBadOptions(t *testing.T) {
	for name, o := range map[string]Option{
		"WithThresholds":  WithThresholds(Percent(120)),
		"WithBasis":       WithBasis("rss"),
		"WithMemoryLimit": WithMemoryLimit(math.MaxUint64),
		"WithRetention":   WithRetention(0, 0),
		"WithGoMemLimit":  WithGoMemLimit(math.NaN()),
	} {
		if err := resolve([]Option{o}, env(nil)).err(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSwitch(t *testing.T) {
	for text, off := range map[string]bool{"off": true, "OFF": true, "on": false, "": false} {
		if s := resolve(nil, env(map[string]string{"MEMGUARD": text})); s.off != off || s.err() != nil {
			t.Errorf("MEMGUARD=%q: off %v, %v", text, s.off, s.err())
		}
	}
}
