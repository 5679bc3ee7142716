package breakdown

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/gomem"
	"github.com/memguard-dev/go-memguard/internal/procmem"
	"github.com/memguard-dev/go-memguard/internal/sample"
	"github.com/memguard-dev/go-memguard/internal/survey"
)

func stat(values map[cgroupstat.Key]uint64) (s cgroupstat.Stat) {
	for k, n := range values {
		s.Set(k, n)
	}
	return s
}

// addsUp checks every level.
func addsUp(t *testing.T, n *Node) {
	t.Helper()
	if len(n.Children) == 0 {
		return
	}
	var sum uint64
	for i := range n.Children {
		sum += n.Children[i].Bytes
		addsUp(t, &n.Children[i])
	}
	if sum != n.Bytes {
		t.Errorf("children of %s add up to %d of %d: %+v", n.Name, sum, n.Bytes, n.Children)
	}
}

func TestOf(t *testing.T) {
	const mib = 1 << 20
	s := sample.Sample{
		Scope: sample.Cgroup, Usage: cgroupstat.Of(200 * mib),
		Stat: stat(map[cgroupstat.Key]uint64{
			cgroupstat.Anon: 100 * mib, cgroupstat.File: 60 * mib, cgroupstat.Shmem: 20 * mib, cgroupstat.FileMapped: 10 * mib,
			cgroupstat.FileDirty: 4 * mib, cgroupstat.FileWriteback: 1 * mib, cgroupstat.ActiveFile: 8 * mib, cgroupstat.InactiveFile: 32 * mib,
			cgroupstat.Kernel: 30 * mib, cgroupstat.SlabReclaimable: 5 * mib, cgroupstat.SlabUnreclaimable: 5 * mib, cgroupstat.Slab: 10 * mib,
			cgroupstat.PageTables: 2 * mib, cgroupstat.KernelStack: 1 * mib, cgroupstat.PerCPU: 3 * mib, cgroupstat.Vmalloc: 12 * mib, cgroupstat.Sock: 6 * mib,
		}),
		Process: procmem.Mem{RSS: cgroupstat.Of(90 * mib), RSSAnon: cgroupstat.Of(80 * mib), RSSFile: cgroupstat.Of(7 * mib), RSSShmem: cgroupstat.Of(3 * mib)},
		Go:      gomem.Mem{Objects: 40 * mib, LiveHeap: 30 * mib, Unused: 5 * mib, Free: 6 * mib, Stacks: 2 * mib, Metadata: 3 * mib},
	}
	v := &survey.Survey{
		Processes: []survey.Process{{PID: 1, Name: "me", Self: true}, {PID: 9, Name: "shipper", RSSAnon: cgroupstat.Of(15 * mib), RSS: cgroupstat.Of(19 * mib)}},
		BPFBytes:  14 * mib,
	}
	root, ok := Of(&s, v)
	if !ok {
		t.Fatal("no tree")
	}
	addsUp(t, &root)
	for _, tt := range []struct {
		path []string
		mib  uint64
	}{
		{nil, 200},
		{[]string{Go}, 56},
		{[]string{Go, LiveHeap}, 30},
		{[]string{Go, UncollectedHeap}, 10},
		{[]string{Go, HeapUnused}, 5},
		{[]string{Go, HeapFree}, 6},
		{[]string{Go, Stacks}, 2},
		{[]string{Go, Metadata}, 3},
		{[]string{OutsideGo}, 31},
		{[]string{OutsideGo, Anonymous}, 24},
		{[]string{OutsideGo, MappedFiles}, 7},
		{[]string{OtherProcesses}, 20},
		{[]string{OtherProcesses, "shipper (9)"}, 15},
		{[]string{OtherProcesses, Remainder}, 5},
		{[]string{PageCache}, 33},
		{[]string{PageCache, Dirty}, 4},
		{[]string{PageCache, Inactive}, 20}, // What the ones before leave.
		{[]string{SharedMemory}, 20},
		{[]string{SharedMemory, Mappings}, 3},
		{[]string{Kernel}, 30},
		{[]string{Kernel, BPFMaps}, 14},
		{[]string{Kernel, PerCPU}, 1}, // Two of them are in the maps.
		{[]string{Kernel, SlabUnreclaimable}, 5},
		{[]string{Kernel, Remainder}, 2},
		{[]string{SocketBuffers}, 6},
		{[]string{Remainder}, 4},
	} {
		n, ok := root.Find(tt.path...)
		if !ok || n.Bytes != tt.mib*mib {
			t.Errorf("%v: %+v, want %d MiB", tt.path, n, tt.mib)
		}
	}
	text, err := json.Marshal(root)
	if err != nil || len(text) < 100 {
		t.Error(string(text), err)
	}
}

// Whatever the kernel and the runtime say, and however old it is, the tree
// adds up.
func FuzzAddsUp(f *testing.F) {
	f.Add(uint64(1), uint64(0xffffffff))
	f.Fuzz(func(t *testing.T, seed, present uint64) {
		random := rand.New(rand.NewPCG(seed, present))
		n := func() uint64 { return random.Uint64N(1 << (10 + random.Uint64N(30))) }
		of := func() cgroupstat.Value {
			if random.Uint64N(4) == 0 {
				return cgroupstat.Value{}
			}
			return cgroupstat.Of(n())
		}
		s := sample.Sample{
			Scope: sample.Scope(1 + random.Uint64N(3)), Usage: cgroupstat.Of(n()),
			Process: procmem.Mem{RSS: of(), RSSAnon: of(), RSSFile: of(), RSSShmem: of()},
			Go:      gomem.Mem{Objects: n(), LiveHeap: n(), Unused: n(), Free: n(), Stacks: n(), OSStacks: n(), Metadata: n()},
		}
		for i, k := range cgroupstat.Keys() {
			if present>>(i%64)&1 == 1 {
				s.Stat.Set(k, n())
			}
		}
		v := &survey.Survey{BPFBytes: n(), Processes: []survey.Process{{PID: 2, RSSAnon: of()}, {PID: 3, RSSAnon: of()}}}
		for _, v := range []*survey.Survey{nil, v} {
			root, ok := Of(&s, v)
			if !ok || root.Bytes != s.Usage.Or(0) {
				t.Fatalf("%+v", root)
			}
			addsUp(t, &root)
		}
	})
}

func TestProcessesHaveTheirRSS(t *testing.T) {
	s := &sample.Sample{Scope: sample.Cgroup, Usage: cgroupstat.Of(100 << 20), Process: procmem.Mem{RSSAnon: cgroupstat.Of(60 << 20)}}
	s.Stat.Set(cgroupstat.Anon, 100<<20)
	root, _ := Of(s, &survey.Survey{Processes: []survey.Process{
		{PID: 9, Name: "shipper", RSSAnon: cgroupstat.Of(15 << 20), RSS: cgroupstat.Of(19 << 20)},
	}})
	if n, ok := root.Find(OtherProcesses, "shipper (9)"); !ok || n.RSS != 19<<20 || n.Bytes != 15<<20 {
		t.Errorf("%+v", n)
	}
}

func TestProcessWithoutACgroup(t *testing.T) {
	of := cgroupstat.Of
	s := &sample.Sample{Scope: sample.Process, Usage: of(100), Process: procmem.Mem{RSSAnon: of(60), RSSFile: of(29), RSSShmem: of(10)}}
	root, ok := Of(s, nil)
	for _, want := range []struct {
		path  []string
		bytes uint64
	}{
		{[]string{OutsideGo, Anonymous}, 60}, {[]string{OutsideGo, MappedFiles}, 29}, {[]string{SharedMemory}, 10}, {[]string{Remainder}, 1},
	} {
		if n, found := root.Find(want.path...); !ok || !found || n.Bytes != want.bytes {
			t.Errorf("%q: %+v, want %d", want.path, n, want.bytes)
		}
	}
}
