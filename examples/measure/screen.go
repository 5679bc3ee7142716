package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/internal/breakdown"
)

// screen shows a measurement: a line when something has moved, since the
// command may write to the same terminal, and a tree at the end.
type screen struct {
	out  io.Writer
	last uint64 // usage in the line before
}

func (s *screen) live(m *meter) {
	if m.tree.Name == "" {
		return
	}
	// A hundredth of the limit, or of what there is.
	step := max(m.limit.Or(m.tree.Bytes)/100, 1<<20)
	if moved := max(m.tree.Bytes, s.last) - min(m.tree.Bytes, s.last); moved < step {
		return
	}
	s.last = m.tree.Bytes
	fmt.Fprintf(s.out, "%8s  %s\n", m.now.Since.Round(100*time.Millisecond), line(&m.tree))
}

// line is the parts that matter, largest first as they come.
func line(n *breakdown.Node) string {
	parts := []string{"usage " + size(n.Bytes)}
	for _, c := range n.Children {
		if c.Bytes >= 1<<20 {
			parts = append(parts, label(c.Name)+" "+size(c.Bytes))
		}
	}
	return strings.Join(parts, "  ")
}

// label: nothing of it is of this process.
func label(name string) string {
	if name == breakdown.OtherProcesses {
		return "anonymous"
	}
	return strings.ReplaceAll(name, "_", " ")
}

func size(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

const barWidth = 24

// tree is all parts that hold something, with a bar of their share of whole.
func tree(root *breakdown.Node, whole uint64) string {
	if whole == 0 {
		whole = max(root.Bytes, 1)
	}
	var out strings.Builder
	var walk func(n *breakdown.Node, depth int)
	walk = func(n *breakdown.Node, depth int) {
		if depth > 0 && n.Bytes < 64<<10 {
			return
		}
		full := min(barWidth, int((n.Bytes*barWidth+whole/2)/whole))
		fmt.Fprintf(&out, "%-32s %11s  %s\n", strings.Repeat("  ", depth)+label(n.Name), size(n.Bytes), strings.Repeat("█", full))
		for i := range n.Children {
			walk(&n.Children[i], depth+1)
		}
	}
	walk(root, 0)
	return out.String()
}

func (s *screen) end(r result) {
	how := fmt.Sprintf("exit code %d", r.ExitCode)
	if r.OOMKills > 0 {
		how += fmt.Sprintf(", %d killed by the kernel for memory", r.OOMKills)
	}
	fmt.Fprintf(s.out, "\n%s after %s\n", how, r.Took.Round(time.Millisecond))
	peak := "not told by this kernel"
	if n, ok := r.Peak.Get(); ok {
		peak = size(n)
	}
	if n, ok := r.Limit.Get(); ok {
		peak += " of " + size(n)
	}
	fmt.Fprintf(s.out, "peak %s; at the highest sample\n\n%s", peak, tree(&r.Highest, r.Limit.Or(0)))
	if r.Request > 0 {
		fmt.Fprintf(s.out, "\nworking set P50 %s, P99 %s: request %s, limit %s\n", size(r.P50), size(r.P99), size(r.Request), size(r.Advised))
	}
}
