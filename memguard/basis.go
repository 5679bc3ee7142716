package memguard

import (
	"fmt"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// Basis is the quantity held against the thresholds.
type Basis string

const (
	// Unreclaimable is usage − file pages − reclaimable slab: what the kernel
	// cannot take back before it kills. The default: page cache alone never
	// gets a container killed.
	Unreclaimable Basis = "unreclaimable"
	// WorkingSet is usage − inactive file pages, as kubectl top shows it.
	WorkingSet Basis = "working_set"
	// Usage is all that is charged to the container, page cache included.
	Usage Basis = "usage"
)

// ParseBasis reads the name of a basis.
func ParseBasis(text string) (Basis, error) {
	switch b := Basis(text); b {
	case Unreclaimable, WorkingSet, Usage:
		return b, nil
	}
	return "", fmt.Errorf("basis %.32q: accepted are %s, %s, %s", text, Unreclaimable, WorkingSet, Usage)
}

// of takes the basis from a sample. Where the kernel does not tell the parts,
// the usage stands in: it bounds every basis from above.
func (b Basis) of(s *sample.Sample) cgroupstat.Value {
	v := s.Usage
	switch b {
	case Unreclaimable:
		v = s.Unreclaimable()
	case WorkingSet:
		v = s.WorkingSet()
	}
	if v.IsZero() {
		return s.Usage
	}
	return v
}
