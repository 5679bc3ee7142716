package cgroupstat

// Limit is a limit and where it comes from.
type Limit struct {
	// Bytes is absent when there is no limit.
	Bytes Value `json:"bytes,omitzero"`
	// Level is the index in Location.Levels of the cgroup whose limit it is.
	Level int `json:"level"`
	// File is the full path of the file that gave it.
	File string `json:"file,omitempty"`
	// Key is the line of File, where File holds more than one number.
	Key string `json:"key,omitempty"`
}

// Limits are the least limits over all visible levels.
type Limits struct {
	// Max is the hard limit: memory.max, or memory.limit_in_bytes and
	// hierarchical_memory_limit on v1. Of equal ones the outermost is named:
	// its usage is the larger one.
	Max Limit `json:"max"`
	// High is memory.high, where the kernel throttles. v1 has none.
	High Limit `json:"high"`
	// Swap is memory.swap.max; on v1 memory.memsw.limit_in_bytes −
	// memory.limit_in_bytes of the same level, floor 0.
	Swap Limit `json:"swap"`
}

// lower takes a limit of a level if it is the least so far. Levels come from
// the innermost to the outermost.
func (l *Limit) lower(bytes uint64, level int, file string) {
	if have, ok := l.Bytes.Get(); ok && have < bytes {
		return
	}
	*l = Limit{Bytes: Of(bytes), Level: level, File: file}
}

// swapV1 takes the memory out of v1's limit of memory and swap together, which
// the kernel keeps at or above that of memory.
func swapV1(both, memory Value) Value {
	b, ok1 := both.Get()
	m, ok2 := memory.Get()
	if !ok1 || !ok2 {
		return Value{}
	}
	return Of(b - min(b, m))
}

// unlimitedV1 is far below the v1 value for "no limit", LONG_MAX rounded down
// to a page, whatever the page size (mm/page_counter.c PAGE_COUNTER_MAX).
const unlimitedV1 = 1 << 62
