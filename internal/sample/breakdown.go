package sample

import "github.com/memguard-dev/go-memguard/cgroupstat"

// Kind names a part of the usage.
type Kind uint8

// The kinds, in the order in which they are taken out of the usage.
const (
	// Anon is anonymous memory of all processes: heaps and stacks.
	Anon Kind = iota
	// Shmem is tmpfs and shared memory: it stays until its files are removed.
	Shmem
	// File is page cache without tmpfs.
	File
	// Kernel is memory the kernel itself uses for the container.
	Kernel
	// Sock is network buffers; on v1 they are counted outside the usage.
	Sock
	// Other is the remainder that the kernel does not attribute.
	Other
	kinds
)

// String gives the kind's name.
func (k Kind) String() string {
	return [kinds]string{"anon", "shmem", "file", "kernel", "sock", "other"}[k]
}

// Part is one kind's share of the usage in bytes.
type Part struct {
	Kind  Kind
	Bytes uint64
}

// Breakdown splits the usage into kinds whose sum is exactly the usage; the
// second result is false where there is no cgroup to tell. memory.stat may
// lag behind the usage by up to two seconds, so a part is cut where the parts
// before it have filled the usage already, and what no part explains is Other.
// Of that, anonymous memory of this process that memory.stat does not have yet
// is Anon: /proc/self/status does not lag.
func (s *Sample) Breakdown() ([kinds]Part, bool) {
	var parts [kinds]Part
	usage, ok := s.Usage.Get()
	if !ok || s.Scope != Cgroup {
		return parts, false
	}
	get := func(k cgroupstat.Key) uint64 { return s.Stat.Get(k).Or(0) }
	shmem := get(cgroupstat.Shmem)
	file := get(cgroupstat.File)
	if file < shmem {
		file = shmem
	}
	want := [kinds]uint64{Anon: get(cgroupstat.Anon), Shmem: shmem, File: file - shmem, Kernel: s.Kernel().Or(0)}
	// tcp buffers of v1 have a counter of their own outside of the usage; v1
	// is told by what only it has.
	if s.Stat.Get(cgroupstat.Slab).IsZero() {
		want[Sock] = 0
	} else {
		want[Sock] = get(cgroupstat.Sock)
	}
	rest := usage
	for k := range kinds {
		bytes := min(want[k], rest)
		if k == Other {
			bytes = rest
		}
		parts[k] = Part{Kind: k, Bytes: bytes}
		rest -= bytes
	}
	if own := s.Process.RSSAnon.Or(0); own > parts[Anon].Bytes {
		late := min(own-parts[Anon].Bytes, parts[Other].Bytes)
		parts[Anon].Bytes += late
		parts[Other].Bytes -= late
	}
	return parts, true
}

// Kernel is memory.stat's kernel, or before Linux 5.18 the sum of the parts it names.
func (s *Sample) Kernel() cgroupstat.Value {
	if n, ok := s.Stat.Get(cgroupstat.Kernel).Get(); ok {
		return cgroupstat.Of(n)
	}
	var sum cgroupstat.Value
	for _, k := range [...]cgroupstat.Key{cgroupstat.KernelStack, cgroupstat.Slab, cgroupstat.PerCPU, cgroupstat.PageTables} {
		if n, ok := s.Stat.Get(k).Get(); ok {
			sum = cgroupstat.Of(sum.Or(0) + n)
		}
	}
	return sum
}
