package sample

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/gomem"
	"github.com/memguard-dev/go-memguard/internal/procmem"
)

func stat(values map[cgroupstat.Key]uint64) (s cgroupstat.Stat) {
	for k, n := range values {
		s.Set(k, n)
	}
	return s
}

func TestBasesByScope(t *testing.T) {
	of := cgroupstat.Of
	tests := map[string]struct {
		s                         Sample
		workingSet, unreclaimable cgroupstat.Value
	}{
		"cgroup": {
			Sample{Scope: Cgroup, Usage: of(100), Stat: stat(map[cgroupstat.Key]uint64{
				cgroupstat.InactiveFile: 30, cgroupstat.ActiveFile: 20, cgroupstat.SlabReclaimable: 5,
			})},
			of(70), of(45),
		},
		"stat runs ahead of the usage": {
			Sample{Scope: Cgroup, Usage: of(10), Stat: stat(map[cgroupstat.Key]uint64{cgroupstat.InactiveFile: 30, cgroupstat.ActiveFile: 20})},
			of(0), of(0),
		},
		"stat was not read": {Sample{Scope: Cgroup, Usage: of(100)}, cgroupstat.Value{}, cgroupstat.Value{}},
		"process": {
			Sample{Scope: Process, Usage: of(100), Process: procmem.Mem{RSS: of(100), RSSAnon: of(60), RSSFile: of(30), RSSShmem: of(10)}},
			of(100), of(70),
		},
		"process of an old kernel": {Sample{Scope: Process, Usage: of(100)}, of(100), of(100)},
		"runtime":                  {Sample{Scope: Runtime, Usage: of(50)}, of(50), of(50)},
		"nothing":                  {Sample{}, cgroupstat.Value{}, cgroupstat.Value{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.s.WorkingSet(); got != tt.workingSet {
				t.Errorf("working set %v, want %v", got, tt.workingSet)
			}
			if got := tt.s.Unreclaimable(); got != tt.unreclaimable {
				t.Errorf("unreclaimable %v, want %v", got, tt.unreclaimable)
			}
		})
	}
}

func TestBreakdown(t *testing.T) {
	type kinds = map[Kind]uint64
	tests := map[string]struct {
		usage uint64
		stat  map[cgroupstat.Key]uint64
		want  kinds
	}{
		"v2": {100, map[cgroupstat.Key]uint64{
			cgroupstat.Anon: 40, cgroupstat.File: 30, cgroupstat.Shmem: 10, cgroupstat.Kernel: 15, cgroupstat.Slab: 9, cgroupstat.Sock: 2,
		}, kinds{Anon: 40, Shmem: 10, File: 20, Kernel: 15, Sock: 2, Other: 13}},
		"v2 before kernel was told": {100, map[cgroupstat.Key]uint64{
			cgroupstat.Anon: 40, cgroupstat.KernelStack: 1, cgroupstat.Slab: 5, cgroupstat.PerCPU: 2, cgroupstat.PageTables: 3,
		}, kinds{Anon: 40, Kernel: 11, Other: 49}},
		"v1 counts tcp outside": {100, map[cgroupstat.Key]uint64{
			cgroupstat.Anon: 50, cgroupstat.File: 20, cgroupstat.Kernel: 10, cgroupstat.Sock: 30,
		}, kinds{Anon: 50, File: 20, Kernel: 10, Other: 20}},
		"stat lags behind a usage that fell": {30, map[cgroupstat.Key]uint64{cgroupstat.Anon: 20, cgroupstat.File: 40}, kinds{Anon: 20, File: 10}},
		"shmem told before file":             {30, map[cgroupstat.Key]uint64{cgroupstat.File: 5, cgroupstat.Shmem: 10}, kinds{Shmem: 10, Other: 20}},
		"nothing told":                       {30, nil, kinds{Other: 30}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := Sample{Scope: Cgroup, Usage: cgroupstat.Of(tt.usage), Stat: stat(tt.stat)}
			parts, ok := s.Breakdown()
			if !ok {
				t.Fatal("no breakdown")
			}
			var sum uint64
			for _, p := range parts {
				sum += p.Bytes
				if p.Bytes != tt.want[p.Kind] {
					t.Errorf("%v is %d, want %d", p.Kind, p.Bytes, tt.want[p.Kind])
				}
			}
			if sum != tt.usage {
				t.Errorf("parts add up to %d, usage is %d", sum, tt.usage)
			}
		})
	}
	if _, ok := (&Sample{Scope: Process, Usage: cgroupstat.Of(1)}).Breakdown(); ok {
		t.Error("a process has no cgroup to break down")
	}
}

func TestGapMayBeNegative(t *testing.T) {
	s := Sample{Process: procmem.Mem{RSS: cgroupstat.Of(10)}, Go: gomem.Mem{Objects: 20, Unused: 5}}
	if got, ok := s.Gap(); !ok || got != -15 {
		t.Errorf("gap %d, %v", got, ok)
	}
	if _, ok := (&Sample{}).Gap(); ok {
		t.Error("a gap without an RSS")
	}
}

func TestJSONRoundTrip(t *testing.T) {
	in := Sample{
		UnixNano: 1, Since: 2, Scope: Cgroup, Usage: cgroupstat.Of(0), Limit: cgroupstat.Of(9),
		Stat: stat(map[cgroupstat.Key]uint64{cgroupstat.Anon: 0, cgroupstat.File: 7}),
		Go:   gomem.Mem{MemoryLimit: math.MaxInt64}, // None, which is left out.
	}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out Sample
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	if in != out {
		t.Errorf("%s:\ngot  %+v\nwant %+v", text, out, in)
	}
}

// TestNoPointers keeps the promise that lets a Sample be copied word by word.
func TestNoPointers(t *testing.T) {
	var check func(path string, typ reflect.Type)
	check = func(path string, typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Struct:
			for f := range typ.Fields() {
				check(path+"."+f.Name, f.Type)
			}
		case reflect.Array:
			check(path+"[]", typ.Elem())
		case reflect.String, reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface, reflect.Chan, reflect.Func, reflect.UnsafePointer:
			t.Errorf("%s holds a pointer: %v", path, typ)
		}
	}
	check("Sample", reflect.TypeFor[Sample]())
}

// TestBuckets: files and shared memory are nobody else's where there is nobody
// else, and what nobody tells is not this process's C library.
func TestBuckets(t *testing.T) {
	of := cgroupstat.Of
	heap := gomem.Mem{Objects: 30, Free: 10, Stacks: 5}
	inCgroup := Sample{Scope: Cgroup, Usage: of(100), Go: heap}
	inCgroup.Stat.Set(cgroupstat.Anon, 80)
	inCgroup.Stat.Set(cgroupstat.File, 15)
	with := inCgroup
	with.Process.RSSAnon = of(60)
	for name, c := range map[string]struct {
		sample Sample
		want   map[Bucket]uint64 // beside the runtime's
	}{
		"process": {
			Sample{Scope: Process, Usage: of(100), Go: heap, Process: procmem.Mem{RSSAnon: of(60), RSSFile: of(29), RSSShmem: of(10)}},
			map[Bucket]uint64{OffHeap: 15, PageCache: 29, SharedMemory: 10, Remainder: 1},
		},
		"process of an old kernel": {Sample{Scope: Process, Usage: of(100), Go: heap}, map[Bucket]uint64{Remainder: 55}},
		"runtime":                  {Sample{Scope: Runtime, Usage: of(50), Go: heap}, map[Bucket]uint64{Remainder: 5}},
		"cgroup":                   {with, map[Bucket]uint64{OffHeap: 15, OtherProcesses: 20, PageCache: 15, Remainder: 5}},
		"cgroup without a status":  {inCgroup, map[Bucket]uint64{PageCache: 15, Remainder: 40}},
	} {
		got, ok := c.sample.Buckets()
		var want [NumBuckets]uint64
		want[GoHeap], want[GoFree], want[GoStacks] = 30, 10, 5
		for b, n := range c.want {
			want[b] = n
		}
		if !ok || got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
