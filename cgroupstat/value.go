package cgroupstat

import (
	"encoding/json"
	"strconv"
)

// Value is a number that the kernel may not tell. The zero Value is absent,
// which is not 0.
type Value struct {
	n  uint64
	ok bool
}

// Of is a present value.
func Of(n uint64) Value { return Value{n, true} }

// Get gives the number; ok is false when it is absent.
func (v Value) Get() (n uint64, ok bool) { return v.n, v.ok }

// Or gives the number, or def when it is absent.
func (v Value) Or(def uint64) uint64 {
	if !v.ok {
		return def
	}
	return v.n
}

// IsZero reports absence, so that the JSON option omitzero leaves it out.
func (v Value) IsZero() bool { return !v.ok }

// String gives the digits, or "absent".
func (v Value) String() string {
	if !v.ok {
		return "absent"
	}
	return strconv.FormatUint(v.n, 10)
}

// MarshalJSON gives a number, or null when absent.
func (v Value) MarshalJSON() ([]byte, error) {
	if !v.ok {
		return []byte("null"), nil
	}
	return strconv.AppendUint(nil, v.n, 10), nil
}

// UnmarshalJSON reads a number or null.
func (v *Value) UnmarshalJSON(text []byte) error {
	var n *uint64
	if err := json.Unmarshal(text, &n); err != nil {
		return err
	}
	*v = Value{}
	if n != nil {
		*v = Of(*n)
	}
	return nil
}
