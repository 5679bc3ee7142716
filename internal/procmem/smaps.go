package procmem

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
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

// parseSmaps groups /proc/self/smaps (fs/proc/task_mmu.c).
func parseSmaps(r io.Reader, o owner) ([]MappingGroup, error) {
	groups := map[string]*MappingGroup{}
	var now *MappingGroup
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		name, rest, _ := strings.Cut(line, ":")
		if kind, ok := o.kind(line); ok {
			if groups[kind] == nil {
				groups[kind] = &MappingGroup{Group: kind}
			}
			now = groups[kind]
			now.Count++
			continue
		}
		if now == nil {
			return nil, fmt.Errorf("smaps: line %.64q: %w", line, errMalformed)
		}
		var dst *uint64
		switch name {
		case "Size":
			dst = &now.Size
		case "Rss":
			dst = &now.RSS
		case "Pss":
			dst = &now.PSS
		case "Anonymous":
			dst = &now.Anon
		case "LazyFree":
			dst = &now.LazyFree
		case "AnonHugePages":
			dst = &now.Huge
		case "Swap":
			dst = &now.Swap
		default:
			continue
		}
		n, err := parseAmount([]byte(rest))
		if err != nil {
			return nil, fmt.Errorf("smaps: %s: %w", name, err)
		}
		*dst += n
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("smaps: %w", err)
	}
	var list []MappingGroup
	for _, g := range groups {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b MappingGroup) int {
		return cmp.Or(cmp.Compare(b.RSS, a.RSS), cmp.Compare(a.Group, b.Group))
	})
	return list[:min(len(list), maxGroups)], nil
}

// sameHeap is the bits of an address in which Go's arenas differ: it takes
// them one after the other from where it has begun.
const sameHeap = 36

// kind tells whether a line begins a mapping, and of which kind.
func (o owner) kind(line string) (kind string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 5 || !strings.Contains(fields[0], "-") || strings.HasSuffix(fields[0], ":") {
		return "", false
	}
	path := strings.Join(fields[5:], " ")
	from, _, _ := strings.Cut(fields[0], "-")
	start, err := strconv.ParseUint(from, 16, 64)
	switch {
	case err != nil:
		return "", false
	case strings.HasPrefix(path, "[anon: Go: "):
		return strings.Trim(path, "[]"), true
	case path == "" && o.heap != 0 && start>>sameHeap == o.heap>>sameHeap:
		// A kernel without names (CONFIG_ANON_VMA_NAME).
		return "anon: Go: heap", true
	case path == "":
		return "anonymous", true
	case path == "[heap]":
		return "c_heap", true
	case strings.HasPrefix(path, "[stack"):
		return "stack", true
	case strings.HasPrefix(path, "[anon:"), strings.HasPrefix(path, "["):
		return path, true
	case path == o.program:
		return "program", true
	case strings.Contains(path, ".so"):
		return "libraries", true
	case strings.HasPrefix(path, "/dev/zero"), strings.HasPrefix(path, "/SYSV"), strings.HasPrefix(path, "/memfd:"), strings.HasPrefix(path, "/dev/shm/"):
		return "shared", true
	default:
		return "files", true
	}
}
