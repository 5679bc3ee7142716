package heapprofile

import "math/bits"

// place is a program counter that the profile has a location for.
type place struct {
	pc   uintptr // 0: the slot is free
	id   uint32  // 0: not shown
	kind placeKind
}

type placeKind uint8

const (
	userPlace placeKind = iota
	runtimePlace
)

// places finds places by program counter: a hash table with linear probing
// that allocates only to grow.
type places struct {
	slots []place // a power of two of them
	used  int
	shift uint8
}

// prepare makes the table empty with at least n slots.
func (t *places) prepare(n int) {
	size := 1 << bits.Len(uint(max(n, 1024)-1))
	if size <= len(t.slots) {
		t.clear()
		return
	}
	*t = places{slots: make([]place, size), shift: uint8(64 - bits.TrailingZeros(uint(size)))}
}

func (t *places) clear() {
	clear(t.slots)
	t.used = 0
}

// slot is where pc is, or the free slot where it belongs.
func (t *places) slot(pc uintptr) *place {
	i := int(uint64(pc) * 0x9e3779b97f4a7c15 >> t.shift)
	for {
		p := &t.slots[i]
		if p.pc == pc || p.pc == 0 {
			return p
		}
		i = (i + 1) & (len(t.slots) - 1)
	}
}

// add fills a free slot. It reports false, and adds nothing, when the table
// is three quarters full.
func (t *places) add(free *place, p place) bool {
	if t.used >= len(t.slots)/4*3 {
		return false
	}
	*free = p
	t.used++
	return true
}

// grow doubles the table.
func (t *places) grow() {
	old := t.slots
	t.slots = nil
	t.prepare(2 * len(old))
	for _, p := range old {
		if p.pc != 0 {
			*t.slot(p.pc) = p
			t.used++
		}
	}
}
