package procmem

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

// maxSmaps bounds what is read: some three thousand mappings.
const maxSmaps = 2 << 20

// Mappings groups the mappings of this process, most resident first. It walks
// all page tables, which takes milliseconds in a large process: for a dump, not
// for a sample. whole is false where there are too many to read all. Since Linux
// 2.6.14; LazyFree since 4.12.
func Mappings() (_ []MappingGroup, whole bool, err error) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil, false, fmt.Errorf("smaps: %w", err)
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return nil, false, fmt.Errorf("smaps: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	object := new([64]byte)
	heap := uint64(uintptr(unsafe.Pointer(object)))
	runtime.KeepAlive(object)
	return parseSmaps(f, maxSmaps, owner{program, heap})
}
