package procmem

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"sort"
)

// MappingGroup is the mappings of one kind together, in bytes.
type MappingGroup struct {
	// Group is "anon: Go: heap" and its kin, anonymous, c_heap (brk), stack, program, libraries,
	// files, shared, or the name that the kernel has for an anonymous mapping.
	Group string `json:"group"`
	Count int    `json:"count"`
	Size  uint64 `json:"size_bytes"`
	RSS   uint64 `json:"rss_bytes"`
	PSS   uint64 `json:"pss_bytes"`
	// Anon is resident memory that belongs to this process alone.
	Anon uint64 `json:"anonymous_bytes"`
	// LazyFree is returned, but still resident until the kernel wants it.
	LazyFree uint64 `json:"lazy_free_bytes,omitempty"`
	Huge     uint64 `json:"anon_huge_pages_bytes,omitempty"`
	Swap     uint64 `json:"swap_bytes,omitempty"`
}

// maxGroups bounds how many groups are told; the smaller go together.
const maxGroups = 24

// owner is what mappings are told apart by.
type owner struct {
	program string // path of the executable
	heap    uint64 // address of some object on the Go heap
}

// parseSmaps groups /proc/self/smaps (fs/proc/task_mmu.c), of which it reads so
// many bytes at most; whole is false where there were more. Near the limit it
// must not take what it measures: it allocates a buffer and the groups.
func parseSmaps(r io.Reader, most int64, o owner) (_ []MappingGroup, whole bool, err error) {
	groups := map[string]*MappingGroup{}
	var now *MappingGroup
	text := &io.LimitedReader{R: r, N: most}
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 8<<10), bufio.MaxScanTokenSize)
	lines.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if atEOF && text.N == 0 && bytes.IndexByte(data, '\n') < 0 {
			return len(data), nil, nil // Cut off, perhaps within a number.
		}
		return bufio.ScanLines(data, atEOF)
	})
	for lines.Scan() {
		line := lines.Bytes()
		if kind, name, ok := o.kind(line); ok {
			if kind != "" {
				now = groups[kind]
			} else {
				now = groups[string(name)]
			}
			if now == nil {
				now = &MappingGroup{Group: cmp.Or(kind, string(name))}
				groups[now.Group] = now
			}
			now.Count++
			continue
		}
		if now == nil {
			return nil, false, fmt.Errorf("smaps: line %.64q: %w", line, errMalformed)
		}
		name, rest, _ := bytes.Cut(line, colon)
		dst := now.field(name)
		if dst == nil {
			continue
		}
		n, err := parseAmount(rest)
		if err != nil {
			return nil, false, fmt.Errorf("smaps: %s: %w", name, err)
		}
		*dst += n
	}
	if err := lines.Err(); err != nil {
		return nil, false, fmt.Errorf("smaps: %w", err)
	}
	var list []MappingGroup
	for _, g := range groups {
		list = append(list, *g)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return a.RSS > b.RSS || a.RSS == b.RSS && a.Group < b.Group
	})
	return list[:min(len(list), maxGroups)], text.N > 0, nil
}

// sameHeap is the bits of an address in which Go's arenas differ: it takes
// them one after the other from where it has begun.
const sameHeap = 36

// field is where a line's number belongs; nil: nowhere.
func (g *MappingGroup) field(name []byte) *uint64 {
	switch string(name) {
	case "Size":
		return &g.Size
	case "Rss":
		return &g.RSS
	case "Pss":
		return &g.PSS
	case "Anonymous":
		return &g.Anon
	case "LazyFree":
		return &g.LazyFree
	case "AnonHugePages":
		return &g.Huge
	case "Swap":
		return &g.Swap
	}
	return nil
}

// kind tells whether a line begins a mapping, and of which kind, or else its
// name in the line. It allocates nothing.
func (o owner) kind(line []byte) (kind string, name []byte, ok bool) {
	address, path, found := bytes.Cut(line, []byte{' '})
	from, to, ranged := bytes.Cut(address, []byte{'-'})
	if !found || !ranged || len(to) == 0 || to[len(to)-1] == ':' {
		return "", nil, false
	}
	for range 4 { // Permissions, offset, device, inode.
		path = bytes.TrimLeft(path, " ")
		if len(path) == 0 {
			return "", nil, false
		}
		_, path, _ = bytes.Cut(path, []byte{' '})
	}
	path = bytes.TrimSpace(path)
	start, valid := hex(from)
	has := func(prefix string) bool { return len(path) >= len(prefix) && string(path[:len(prefix)]) == prefix }
	switch {
	case !valid:
		return "", nil, false
	case has("[anon: Go: "):
		return "", bytes.Trim(path, "[]"), true
	case len(path) == 0 && o.heap != 0 && start>>sameHeap == o.heap>>sameHeap:
		// A kernel without names (CONFIG_ANON_VMA_NAME).
		return "anon: Go: heap", nil, true
	case len(path) == 0:
		return "anonymous", nil, true
	case string(path) == "[heap]":
		return "c_heap", nil, true
	case has("[stack"):
		return "stack", nil, true
	case has("["):
		return "", path, true
	case string(path) == o.program:
		return "program", nil, true
	case bytes.Contains(path, []byte(".so")):
		return "libraries", nil, true
	case has("/dev/zero"), has("/SYSV"), has("/memfd:"), has("/dev/shm/"):
		return "shared", nil, true
	default:
		return "files", nil, true
	}
}

// hex reads an address.
func hex(digits []byte) (n uint64, ok bool) {
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint64(c)
	}
	return n, len(digits) > 0 && len(digits) <= 16
}
