package memguard

import (
	"strings"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

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
	// LimitNode is what the downward API gives for a container without a limit:
	// the memory that the node has for all pods together.
	LimitNode LimitSource = "node_allocatable"
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

// enforced tells whether the kernel kills in this container at the limit.
func (l Limit) enforced() bool {
	return !l.Bytes.IsZero() && l.Source != LimitMachine && l.Source != LimitNode
}

// supplied is a limit that somebody tells of beside the kernel.
type supplied struct {
	Limit
	count bool // written as bytes, the only way the downward API has
}

// isCount tells whether an amount is written as a number of bytes.
func isCount(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// nodeShare is the least part of a machine's memory that a node has for pods,
// the smallest nodes included.
const nodeShare = 0.5

// recognize names the number that the downward API gives for lack of a limit.
// A container that has one shows it in its cgroup.
func (l supplied) recognize(cgroup cgroupstat.Limit, visible bool, machine cgroupstat.Value) Limit {
	n, _ := l.Bytes.Get()
	all, known := machine.Get()
	if l.count && visible && cgroup.Bytes.IsZero() && known && float64(n) >= nodeShare*float64(all) {
		l.Source = LimitNode
	}
	return l.Limit
}
