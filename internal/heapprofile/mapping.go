package heapprofile

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxMappings bounds how many executable mappings a profile has. A Go
// program has two, one with cgo a dozen.
const maxMappings = 256

// mapping is an executable part of the address space.
type mapping struct {
	start, limit, offset uint64
	file, buildID        string
}

func (m *mapping) has(pc uintptr) bool { return m.start <= uint64(pc) && uint64(pc) < m.limit }

// parseMaps reads the executable mappings from /proc/self/maps (show_map_vma
// in the kernel's fs/proc/task_mmu.c). Lines of another shape are skipped.
func parseMaps(r io.Reader) ([]mapping, error) {
	var maps []mapping
	// A line is a path of at most 4096 bytes, escaped, and 73 more.
	lines := bufio.NewReaderSize(r, 32<<10)
	for len(maps) < maxMappings {
		line, err := lines.ReadSlice('\n')
		if m, ok := parseMap(strings.TrimSuffix(string(line), "\n")); ok && !errors.Is(err, bufio.ErrBufferFull) {
			maps = append(maps, m)
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return maps, nil
}

// parseMap reads "start-limit perms offset device inode   path".
func parseMap(line string) (mapping, bool) {
	var fields [5]string
	for i := range fields {
		fields[i], line, _ = strings.Cut(line, " ")
	}
	if perms := fields[1]; len(perms) < 3 || perms[2] != 'x' {
		return mapping{}, false
	}
	start, limit, _ := strings.Cut(fields[0], "-")
	var m mapping
	var errs [3]error
	m.start, errs[0] = strconv.ParseUint(start, 16, 64)
	m.limit, errs[1] = strconv.ParseUint(limit, 16, 64)
	m.offset, errs[2] = strconv.ParseUint(fields[2], 16, 64)
	if errs != [3]error{} || m.start >= m.limit {
		return mapping{}, false
	}
	m.file = strings.TrimSuffix(strings.TrimLeft(line, " "), " (deleted)")
	// Memory of no file, such as what a just-in-time compiler makes. The
	// names in brackets are the kernel's.
	return m, m.file != ""
}

// mainFirst puts the mapping with pc at the front: go tool pprof takes the
// first one for the program.
func mainFirst(maps []mapping, pc uintptr) bool {
	for i := range maps {
		if maps[i].has(pc) {
			maps[0], maps[i] = maps[i], maps[0]
			return true
		}
	}
	return false
}
