package memguardhttp

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/memguard"
)

// writeText is the page for a terminal.
func writeText(body *bytes.Buffer, d Document) {
	line := func(format string, args ...any) { fmt.Fprintf(body, format+"\n", args...) }
	s := &d.Snapshot
	if !s.Running {
		line("memguard is not running")
		return
	}
	for i, f := range s.Findings {
		if i == 0 {
			line("%s: %s", strings.ToUpper(string(f.Severity)), clean(f.Summary))
			line("next: %s", clean(f.Next))
			if left := timeToLimit(s.TimeToLimit); left != "" {
				line("%s", left)
			}
			continue
		}
		line("also %s: %s", f.Code, clean(f.Summary))
	}
	line("")
	row := func(name, value, share string) { line("%-28s %12s %6s", name, value, share) }
	row("limit ("+string(s.Limit.Source)+")", sizeOr(s.Limit.Bytes, "none"), "")
	for _, n := range numbers(s) {
		if n.share != "" || n.inText {
			row(n.Name, n.Value, n.share)
		}
	}
	for _, t := range s.Thresholds {
		row("threshold "+t.Threshold.String(), sizeOr(t.Bytes, "none"), "")
	}
	line("")
	writeTree(body, &s.Breakdown, 0, s)
	if s.Sizing != nil {
		line("\nrecommended: request %s, limit %s, from %s", size(s.Sizing.Request), size(s.Sizing.Limit), span(s.Sizing.Lived))
	}
	if s.LastDump != nil {
		line("last dump: %s", clean(s.LastDump.Path))
	}
	if e := d.PreviousExit; e != nil {
		line("previous exit: %s: %s", e.Kind, clean(e.Summary))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Failing)) {
		line("failing: %s: %s", name, clean(s.Failing[name]))
	}
	line("\n%s, %d samples", s.Time.UTC().Format(time.RFC3339), s.Samples)
}

func writeTree(body *bytes.Buffer, n *memguard.Breakdown, depth int, s *memguard.Snapshot) {
	if n.Name == "" {
		return
	}
	name := words(n.Name)
	if n.PID != 0 {
		name = clean(n.Name) // With its PID, as it calls itself.
	}
	fmt.Fprintf(body, "%-28s %12s %6s\n", strings.Repeat("  ", depth)+name, size(n.Bytes), percent(n.Bytes, s.Usage))
	for i := range n.Children {
		writeTree(body, &n.Children[i], depth+1, s)
	}
}

// clean keeps a name from the outside from steering a terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '�'
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
}
