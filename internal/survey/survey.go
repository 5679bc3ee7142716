// Package survey looks at what costs more than a sample and changes slowly:
// the other processes of the cgroup, its tmpfs mounts, the BPF maps of this
// process, what its TCP sockets have queued, the kernel's memory of names.
package survey

import (
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// Process is one process of the cgroup. Sizes are in bytes.
type Process struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
	// RSS, RSSAnon and RSSShmem are VmRSS, RssAnon and RssShmem of its status.
	RSS      cgroupstat.Value `json:"rss_bytes,omitzero"`
	RSSAnon  cgroupstat.Value `json:"rss_anon_bytes,omitzero"`
	RSSShmem cgroupstat.Value `json:"rss_shmem_bytes,omitzero"`
	// OOMScore: the process with the highest is killed first.
	OOMScore cgroupstat.Value `json:"oom_score,omitzero"`
	// Self is this process.
	Self bool `json:"self,omitempty"`
}

// Mount is a tmpfs.
type Mount struct {
	Dir   string `json:"dir"`
	Bytes uint64 `json:"bytes"`
	// Size is how much fits.
	Size uint64 `json:"size_bytes"`
}

// BPFMap is a BPF map that this process has open.
type BPFMap struct {
	ID   uint64 `json:"id"`
	Type uint64 `json:"type"`
	// Bytes is memlock of its fdinfo: before Linux 6.4 an estimate.
	Bytes uint64 `json:"bytes"`
}

// Survey is what was seen at one time.
type Survey struct {
	Time time.Time `json:"time"`
	// Processes are those of the cgroup, most anonymous memory first, at most
	// MaxListed; NumProcesses is how many there are.
	Processes    []Process `json:"processes,omitempty"`
	NumProcesses int       `json:"num_processes,omitempty"`
	// OtherAnon and OtherRSS are sums over all but this process; Truncated
	// says that there were too many to look at.
	OtherAnon uint64 `json:"other_anon_bytes"`
	OtherRSS  uint64 `json:"other_rss_bytes"`
	Truncated bool   `json:"truncated,omitempty"`
	// Tmpfs are mounts that hold something, the fullest first.
	Tmpfs []Mount `json:"tmpfs,omitempty"`
	// BPFMaps are the largest; BPFBytes is the sum of all.
	BPFMaps  []BPFMap `json:"bpf_maps,omitempty"`
	BPFBytes uint64   `json:"bpf_bytes,omitempty"`
	// TCPQueued is bytes in the queues of this process's TCP sockets; absent
	// where there are too many sockets to look at, and but for cgroup v1.
	TCPQueued cgroupstat.Value `json:"tcp_queued_bytes,omitzero"`
}

// MaxListed bounds each list.
const MaxListed = 16
