package cgroupstat

import (
	"encoding/json"
	"testing"
)

// Numbers that people reported of their pods and containers, and what the
// kernel could have taken back.
var reported = []struct {
	name        string
	version     Version
	usage       uint64
	stat        string
	workingSet  Value
	unreclaimed Value
	absent      []Key
}{
	{
		// kubernetes/kubernetes#43916: killed at its limit with hardly any
		// anonymous memory or page cache; the rest is the kernel's.
		name: "kubernetes v1 pod before its kill, Linux before 4.20", version: V1, usage: 1073741824,
		stat: `cache 139264
rss 3411968
rss_huge 0
mapped_file 61440
dirty 0
writeback 0
swap 0
pgpgin 115745935
pgpgout 115745068
pgfault 418117
pgmajfault 46033
inactive_anon 0
active_anon 3411968
inactive_file 24576
active_file 114688
unevictable 0
hierarchical_memory_limit 1073741824
hierarchical_memsw_limit 2147483648
total_cache 131072
total_rss 3411968
total_rss_huge 0
total_mapped_file 61440
total_dirty 0
total_writeback 0
total_swap 0
total_pgpgin 115745935
total_pgpgout 115745070
total_pgfault 418117
total_pgmajfault 46033
total_inactive_anon 0
total_active_anon 3411968
total_inactive_file 16384
total_active_file 0
total_unevictable 0
`,
		workingSet: Of(1073741824 - 16384), unreclaimed: Of(1073741824 - 16384),
		absent: []Key{Shmem, Kernel, Sock, SlabReclaimable, WorkingsetRefaultFile},
	},
	{
		// google/cadvisor#3081: the working set counts a slab that the kernel
		// would give back. The usage is the sum, since it was not reported.
		name: "kubernetes v2 pod with a large slab, some of its lines", version: V2, usage: 663552 + 10313728 + 49152 + 1232717776,
		stat: `anon 663552
file 10313728
kernel_stack 49152
inactive_anon 573440
active_anon 32768
inactive_file 5066752
active_file 5246976
unevictable 0
slab_reclaimable 1232589368
slab_unreclaimable 128408
slab 1232717776
`,
		workingSet: Of(1238677456), unreclaimed: Of(841112),
		absent: []Key{Kernel, PerCPU, PageTables, Swap},
	},
	{
		// podman-container-tools/podman#19905: a file was written, nothing else.
		// It has no children: the totals are its own numbers.
		name: "podman v1 container full of page cache, some of its lines", version: V1, usage: 2869575680,
		stat: `cache 2842775552
rss 675840
inactive_file 2653802496
active_file 188973056
hierarchical_memory_limit 9223372036854771712
total_cache 2842775552
total_rss 675840
total_inactive_file 2653802496
total_active_file 188973056
`,
		workingSet: Of(215773184), unreclaimed: Of(26800128),
		absent: []Key{Shmem, SlabReclaimable},
	},
}

func TestReportedPods(t *testing.T) {
	for _, c := range reported {
		t.Run(c.name, func(t *testing.T) {
			var s Stat
			if err := newStatParser(c.version).parse([]byte(c.stat), &s); err != nil {
				t.Fatal(err)
			}
			if got := WorkingSet(c.usage, &s); got != c.workingSet {
				t.Errorf("working set %v, want %v", got, c.workingSet)
			}
			if got := Unreclaimable(c.usage, &s); got != c.unreclaimed {
				t.Errorf("unreclaimable %v, want %v", got, c.unreclaimed)
			}
			for _, k := range c.absent {
				if v := s.Get(k); !v.IsZero() {
					t.Errorf("%v is %v, want absent", k, v)
				}
			}
			text, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			var back Stat
			if err := json.Unmarshal(text, &back); err != nil || back != s {
				t.Errorf("%s does not come back: %v", text, err)
			}
		})
	}
}

func TestReportedLimits(t *testing.T) {
	for i, want := range map[int]Value{0: Of(1 << 30), 1: {}, 2: Of(9223372036854771712)} {
		if got, err := lineValue([]byte(reported[i].stat), "hierarchical_memory_limit"); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", reported[i].name, got, err, want)
		}
	}
}
