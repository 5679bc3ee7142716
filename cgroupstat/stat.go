package cgroupstat

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Stat holds the numbers of memory.stat and its companion files. It has a
// fixed size and no pointers. The zero Stat holds nothing.
type Stat struct {
	values  [numKeys]uint64
	present uint64 // a bit for each key
}

// Get gives a number; it is absent where the kernel does not tell it.
func (s *Stat) Get(k Key) Value {
	if k >= numKeys || s.present&(1<<k) == 0 {
		return Value{}
	}
	return Of(s.values[k])
}

// Set puts a number.
func (s *Stat) Set(k Key, n uint64) {
	if k < numKeys {
		s.values[k] = n
		s.present |= 1 << k
	}
}

// MarshalJSON gives an object of the numbers that are present, by name.
func (s Stat) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for k := range numKeys {
		n, ok := s.Get(k).Get()
		if !ok {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = append(out, k.String()...)
		out = append(out, '"', ':')
		out = strconv.AppendUint(out, n, 10)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads such an object; names it does not know are left out.
func (s *Stat) UnmarshalJSON(text []byte) error {
	var object map[string]uint64
	if err := json.Unmarshal(text, &object); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	*s = Stat{}
	for k := range numKeys {
		if n, ok := object[k.String()]; ok {
			s.Set(k, n)
		}
	}
	return nil
}

// WorkingSet is usage − inactive_file, floor 0: cAdvisor's and the kubelet's
// container_memory_working_set_bytes. It is absent when inactive_file is.
func WorkingSet(usage uint64, s *Stat) Value {
	inactive, ok := s.Get(InactiveFile).Get()
	if !ok {
		return Value{}
	}
	return Of(usage - min(usage, inactive))
}

// Unreclaimable is usage − (active_file + inactive_file) − slab_reclaimable,
// floor 0: what the kernel cannot take back before it kills. Shared memory is
// on the anonymous lists, so it stays in. It is absent when the file keys are;
// where slab_reclaimable is not told, as on v1, nothing is subtracted for it.
func Unreclaimable(usage uint64, s *Stat) Value {
	inactive, ok1 := s.Get(InactiveFile).Get()
	active, ok2 := s.Get(ActiveFile).Get()
	if !ok1 || !ok2 {
		return Value{}
	}
	usage -= min(usage, inactive)
	usage -= min(usage, active)
	return Of(usage - min(usage, s.Get(SlabReclaimable).Or(0)))
}
