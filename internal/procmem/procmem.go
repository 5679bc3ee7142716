// Package procmem reads what the kernel says of this process's own memory:
// resident pages by type, threads, and its place in the OOM killer's order.
//
// It reads /proc/self/status, /proc/self/oom_score and
// /proc/self/oom_score_adj through descriptors that stay open, without
// allocating. Off Linux everything is absent.
package procmem

import "github.com/memguard-dev/go-memguard/cgroupstat"

// Mem is one reading. What the kernel does not tell is absent, never 0.
type Mem struct {
	// RSS is VmRSS in bytes: the sum of the next three. The kernel keeps it
	// in per-CPU parts, so it may be off by some pages for each thread or CPU.
	RSS cgroupstat.Value `json:"rss_bytes,omitzero"`
	// RSSAnon is RssAnon in bytes: heap, stacks, private writable mappings. Since Linux 4.5.
	RSSAnon cgroupstat.Value `json:"rss_anon_bytes,omitzero"`
	// RSSFile is RssFile in bytes: the program text and mapped files. Since Linux 4.5.
	RSSFile cgroupstat.Value `json:"rss_file_bytes,omitzero"`
	// RSSShmem is RssShmem in bytes: tmpfs and shared anonymous mappings. Since Linux 4.5.
	RSSShmem cgroupstat.Value `json:"rss_shmem_bytes,omitzero"`
	// PeakRSS is VmHWM in bytes: the highest RSS of the process's life.
	PeakRSS cgroupstat.Value `json:"peak_rss_bytes,omitzero"`
	// Swap is VmSwap in bytes.
	Swap cgroupstat.Value `json:"swap_bytes,omitzero"`
	// PageTables is VmPTE in bytes.
	PageTables cgroupstat.Value `json:"page_tables_bytes,omitzero"`
	// Threads is the number of kernel threads of the process.
	Threads cgroupstat.Value `json:"threads,omitzero"`
	// OOMScore is /proc/self/oom_score: the process with the highest is killed first.
	OOMScore cgroupstat.Value `json:"oom_score,omitzero"`
	// OOMScoreAdj is /proc/self/oom_score_adj, from -1000 (never killed) to
	// 1000; it is only meaningful when OOMScoreAdjSet.
	OOMScoreAdj    int64 `json:"oom_score_adj,omitempty"`
	OOMScoreAdjSet bool  `json:"-"`
}
