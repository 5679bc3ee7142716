package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/memcg"
)

// holdAbove is how far above the threshold a ramp is held to see what a dump
// costs: enough for those who count a little less than the kernel does.
const holdAbove = 6 << 20

// peakOf is the most that a group was ever charged; v2 tells since Linux 5.19.
func peakOf(g *memcg.Group) (uint64, error) {
	name := "memory.peak"
	if g.Version == cgroupstat.V1 {
		name = "memory.max_usage_in_bytes"
	}
	text, err := os.ReadFile(filepath.Join(g.Dir, name))
	if err != nil {
		return 0, err
	}
	peak, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return peak, nil
}

// cost is what was charged beyond what the program itself took: it counts from
// the crossing, since a quick watcher has dumped before the ramp is held.
func cost(points []point, threshold, peak uint64) (int64, bool) {
	cross, ok := crossing(points, threshold)
	if !ok {
		return 0, false
	}
	last := points[len(points)-1]
	program := cross.usage + (last.leaked - cross.leaked)
	return int64(peak) - int64(program), true
}
