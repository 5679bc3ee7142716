package memguard

import "github.com/memguard-dev/go-memguard/cgroupstat"

// LimitSource says where the effective limit comes from.
type LimitSource string

const (
	// LimitNone means that nothing limits the memory.
	LimitNone LimitSource = "none"
	// LimitCgroup is the least limit over the visible levels of the cgroup.
	LimitCgroup LimitSource = "cgroup"
	// LimitSupplied was given by MEMGUARD_MEMORY_LIMIT or WithMemoryLimit.
	LimitSupplied LimitSource = "supplied"
	// LimitPodInfo was given by the file memory_limit of the downward API volume.
	LimitPodInfo LimitSource = "podinfo"
	// LimitMachine is the machine's memory.
	LimitMachine LimitSource = "machine"
)

// Limit is the effective limit: what the kernel will enforce first.
type Limit struct {
	// Bytes is absent when nothing limits the memory.
	Bytes  cgroupstat.Value `json:"bytes,omitzero"`
	Source LimitSource      `json:"source"`
	// File is the file that gave it, for the sources cgroup and podinfo.
	File string `json:"file,omitempty"`
	// Level counts cgroups upwards from the process's own, 0, to the one
	// whose limit it is.
	Level int `json:"level"`
}

// effectiveLimit is the least of what is known; on a tie the cgroup is named,
// since its file can be looked at.
func effectiveLimit(cgroup cgroupstat.Limit, others ...Limit) Limit {
	least := Limit{Source: LimitNone}
	if !cgroup.Bytes.IsZero() {
		least = Limit{Bytes: cgroup.Bytes, Source: LimitCgroup, File: cgroup.File, Level: cgroup.Level}
	}
	for _, other := range others {
		n, ok := other.Bytes.Get()
		if !ok {
			continue
		}
		if have, set := least.Bytes.Get(); !set || n < have {
			least = other
		}
	}
	return least
}
