// Package breakdown makes a tree of a sample: where each byte of the usage is.
// It is pure.
package breakdown

import (
	"fmt"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/sample"
	"github.com/memguard-dev/go-memguard/internal/survey"
)

// Node is a part of the usage. Its children add up to it exactly: what they do
// not explain is the child named [Remainder].
type Node struct {
	Name  string `json:"name"`
	Bytes uint64 `json:"bytes"`
	// PID is that of a process of the container.
	PID int `json:"pid,omitempty"`
	// RSS is all that process has mapped and resident, files and shared memory
	// included; Bytes is its anonymous memory.
	RSS      uint64 `json:"rss_bytes,omitempty"`
	Children []Node `json:"children,omitempty"`
}

// The names, the same for both cgroup versions; those of children follow
// their parent.
const (
	Usage = "usage"
	// Go is memory of the Go runtime.
	Go = "go"
	// LiveHeap is what the last collection left; UncollectedHeap came after
	// it, or is dead and not yet swept; HeapUnused is room inside spans that
	// hold objects; HeapFree is free and not returned.
	LiveHeap        = "live_heap"
	UncollectedHeap = "uncollected_heap"
	HeapUnused      = "heap_unused"
	HeapFree        = "heap_free"
	Stacks          = "stacks"
	Metadata        = "runtime_metadata"
	// OutsideGo is the rest of this process: Anonymous is cgo and mmap,
	// MappedFiles the program's text and mapped files.
	OutsideGo   = "outside_go"
	Anonymous   = "anonymous"
	MappedFiles = "mapped_files"
	// OtherProcesses is anonymous memory of the others, with a child for each
	// of the largest.
	OtherProcesses = "other_processes"
	// HugePages is anonymous memory that nobody maps any more, kept until the
	// kernel splits the huge page it is in.
	HugePages = "huge_pages"
	// PageCache is file pages without tmpfs.
	PageCache = "page_cache"
	Dirty     = "dirty"
	Writeback = "writeback"
	Active    = "active"
	Inactive  = "inactive"
	// SharedMemory is tmpfs and shared memory: Mappings is what this process
	// has mapped of it.
	SharedMemory = "shared_memory"
	Mappings     = "mapped"
	// Kernel is the kernel's own memory; BPFMaps are those of this process.
	Kernel            = "kernel"
	SlabReclaimable   = "slab_reclaimable"
	SlabUnreclaimable = "slab_unreclaimable"
	PageTables        = "page_tables"
	KernelStacks      = "kernel_stacks"
	PerCPU            = "percpu"
	Vmalloc           = "vmalloc"
	BPFMaps           = "bpf_maps"
	// SocketBuffers is network buffers; v2.
	SocketBuffers = "socket_buffers"
	// Remainder is what nothing explains.
	Remainder = "remainder"
)

// Of splits the usage of a sample. The survey, which may be nil or older, tells
// processes and BPF maps. ok is false where there is no usage. memory.stat may
// be up to two seconds older than the usage, so each part is cut where those
// before it have filled their parent.
func Of(s *sample.Sample, v *survey.Survey) (root Node, ok bool) {
	buckets, ok := s.Buckets()
	if !ok {
		return root, false
	}
	root = Node{Name: Usage, Bytes: s.Usage.Or(0)}
	own := buckets[sample.GoHeap] + buckets[sample.GoFree] + buckets[sample.GoStacks] + buckets[sample.GoMetadata]
	runtime := split(Node{Name: Go, Bytes: own}, goParts(s))

	cache := buckets[sample.PageCache]
	mapped := min(cache, s.Process.RSSFile.Or(0))
	if s.Scope == sample.Cgroup {
		mapped = min(mapped, s.Stat.Get(cgroupstat.FileMapped).Or(0))
	}
	outside := buckets[sample.OffHeap] + mapped
	root.Children = []Node{
		runtime,
		split(Node{Name: OutsideGo, Bytes: outside}, []Node{
			{Name: Anonymous, Bytes: buckets[sample.OffHeap]}, {Name: MappedFiles, Bytes: mapped},
		}),
	}
	if s.Scope != sample.Cgroup {
		if s.Scope == sample.Process {
			root.Children = append(root.Children, Node{Name: SharedMemory, Bytes: buckets[sample.SharedMemory]})
		}
		root.Children = append(root.Children, rest(root))
		return root, true
	}
	stat := func(name string, k cgroupstat.Key) []Node {
		if n, ok := s.Stat.Get(k).Get(); ok {
			return []Node{{Name: name, Bytes: n}}
		}
		return nil
	}
	var pages, shared []Node
	pages = append(pages, stat(Dirty, cgroupstat.FileDirty)...)
	pages = append(pages, stat(Writeback, cgroupstat.FileWriteback)...)
	pages = append(pages, stat(Active, cgroupstat.ActiveFile)...)
	pages = append(pages, stat(Inactive, cgroupstat.InactiveFile)...)
	if n, ok := s.Process.RSSShmem.Get(); ok {
		shared = []Node{{Name: Mappings, Bytes: n}}
	}
	root.Children = append(root.Children,
		split(Node{Name: OtherProcesses, Bytes: buckets[sample.OtherProcesses]}, processes(v)),
		Node{Name: HugePages, Bytes: buckets[sample.HugePages]},
		split(Node{Name: PageCache, Bytes: cache - mapped}, pages),
		split(Node{Name: SharedMemory, Bytes: buckets[sample.SharedMemory]}, shared),
		split(Node{Name: Kernel, Bytes: buckets[sample.KernelMemory]}, kernel(s, v)),
	)
	if !s.Stat.Get(cgroupstat.Slab).IsZero() {
		root.Children = append(root.Children, Node{Name: SocketBuffers, Bytes: buckets[sample.SocketBuffers]})
	}
	root.Children = append(root.Children, rest(root))
	return root, true
}

// goParts is the runtime's account of itself.
func goParts(s *sample.Sample) []Node {
	g := &s.Go
	live := min(g.LiveHeap, g.Objects)
	return []Node{
		{Name: LiveHeap, Bytes: live},
		{Name: UncollectedHeap, Bytes: g.Objects - live},
		{Name: HeapUnused, Bytes: g.Unused},
		{Name: HeapFree, Bytes: g.Free},
		{Name: Stacks, Bytes: g.Stacks + g.OSStacks},
		{Name: Metadata, Bytes: g.Metadata},
	}
}

// processes are the others, as last surveyed.
func processes(v *survey.Survey) (nodes []Node) {
	if v == nil {
		return nil
	}
	for _, p := range v.Processes {
		if !p.Self {
			nodes = append(nodes, Node{Name: fmt.Sprintf("%s (%d)", p.Name, p.PID), PID: p.PID, Bytes: p.RSSAnon.Or(0), RSS: p.RSS.Or(0)})
		}
	}
	return nodes
}

// kernel takes BPF maps out of what they are counted in as well.
func kernel(s *sample.Sample, v *survey.Survey) (nodes []Node) {
	var maps uint64
	if v != nil && v.BPFBytes > 0 {
		maps = min(v.BPFBytes, s.Kernel().Or(0))
		nodes = append(nodes, Node{Name: BPFMaps, Bytes: maps})
	}
	for _, part := range []struct {
		name string
		key  cgroupstat.Key
	}{
		{Vmalloc, cgroupstat.Vmalloc},
		{PerCPU, cgroupstat.PerCPU},
		{SlabUnreclaimable, cgroupstat.SlabUnreclaimable},
		{SlabReclaimable, cgroupstat.SlabReclaimable},
		{PageTables, cgroupstat.PageTables},
		{KernelStacks, cgroupstat.KernelStack},
	} {
		n, ok := s.Stat.Get(part.key).Get()
		if !ok {
			continue
		}
		if part.key == cgroupstat.Vmalloc || part.key == cgroupstat.PerCPU || part.key == cgroupstat.SlabUnreclaimable {
			inside := min(maps, n)
			maps, n = maps-inside, n-inside
		}
		nodes = append(nodes, Node{Name: part.name, Bytes: n})
	}
	return nodes
}

// split gives a node children that add up to it.
func split(n Node, children []Node) Node {
	if n.Bytes == 0 || len(children) == 0 {
		return n
	}
	left := n.Bytes
	for i := range children {
		children[i].Bytes = min(children[i].Bytes, left)
		left -= children[i].Bytes
	}
	n.Children = children
	if left > 0 {
		n.Children = append(n.Children, Node{Name: Remainder, Bytes: left})
	}
	return n
}

// rest is what the children leave of their parent.
func rest(n Node) Node {
	left := n.Bytes
	for _, c := range n.Children {
		left -= c.Bytes
	}
	return Node{Name: Remainder, Bytes: left}
}

// Find gives the part at a path of names below a node.
func (n *Node) Find(path ...string) (*Node, bool) {
	for _, name := range path {
		found := false
		for i := range n.Children {
			if n.Children[i].Name == name {
				n, found = &n.Children[i], true
				break
			}
		}
		if !found {
			return nil, false
		}
	}
	return n, true
}
