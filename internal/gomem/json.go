package gomem

import (
	"encoding/json"
	"math"
)

// plain is Mem without its methods.
type plain Mem

// wire is a reading as JSON. The number that the runtime has for no GOMEMLIMIT
// is none of a limit, and beyond what JavaScript counts exactly.
type wire struct {
	plain
	MemoryLimit *uint64 `json:"gomemlimit_bytes,omitempty"`
}

// MarshalJSON leaves out a GOMEMLIMIT that is not there.
func (m Mem) MarshalJSON() ([]byte, error) {
	w := wire{plain: plain(m)}
	if m.HasMemoryLimit() && m != (Mem{}) {
		w.MemoryLimit = &m.MemoryLimit
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON gives.
func (m *Mem) UnmarshalJSON(text []byte) error {
	limit := uint64(math.MaxInt64)
	w := wire{MemoryLimit: &limit}
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	*m = Mem(w.plain)
	m.MemoryLimit = limit
	if w.MemoryLimit == nil { // It was null.
		m.MemoryLimit = math.MaxInt64
	}
	return nil
}
