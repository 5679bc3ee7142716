package crash

import (
	"io"
	"strconv"
	"strings"
)

const (
	// maxText is how much of an output is read: its first trace comes first.
	maxText = 1 << 20
	// maxLine bounds each text of a report.
	maxLine = 512
)

// Parse reads a crash output; ok is false for an empty one. Text that is
// unlike any the runtime writes is of kind Other. Errors are those of r.
func Parse(r io.Reader) (report Report, ok bool, err error) {
	text, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return Report{}, false, err
	}
	report.Truncated = len(text) > maxText
	text = text[:min(len(text), maxText)]
	report.Bytes = int64(len(text))
	lines := strings.Lines(string(text))
	p := parser{report: &report}
	for line := range lines {
		if !p.line(strings.TrimRight(line, "\n")) {
			break
		}
	}
	switch {
	case report.Kind != "":
	case p.traced:
		report.Kind = FatalError
		c := fatal(p.runtime, report.Goroutine)
		report.Message, report.OutOfMemory = c.message, c.memory
	default:
		report.Kind, report.Message = Other, p.first
	}
	return report, p.first != "", nil
}

// parser goes through the lines up to the end of the first goroutine's trace.
type parser struct {
	report *Report
	first  string // line that is not empty
	frame  string // a function whose place comes next
	// traced: there are stacks; runtime are the runtime's functions at their top.
	traced  bool
	runtime []string
}

// most runtime functions that are looked at.
const maxRuntime = 32

// line takes one line; false ends the reading.
func (p *parser) line(line string) bool {
	r := p.report
	if p.first == "" {
		p.first = short(strings.TrimSpace(line))
	}
	if r.Goroutine == "" {
		if strings.HasPrefix(line, "goroutine ") && strings.HasSuffix(line, ":") {
			r.Goroutine, p.traced = short(strings.TrimSuffix(line, ":")), true
			return true
		}
		if line == "runtime stack:" {
			p.traced = true
		}
		if p.traced {
			p.enter(line)
		} else {
			p.cause(line)
		}
		return true
	}
	switch {
	case line == "":
		return false // The end of the first trace.
	case strings.HasPrefix(line, "\t"):
		if p.frame != "" {
			r.Function = short(p.frame)
			r.File, r.Line = place(line)
			return false
		}
	default:
		p.enter(line)
	}
	return true
}

// enter takes the first line of a frame.
func (p *parser) enter(line string) {
	name, ok := function(line)
	if !ok {
		return
	}
	p.frame = ""
	if !ofRuntime(name) {
		p.frame = name
	} else if len(p.runtime) < maxRuntime {
		p.runtime = append(p.runtime, short(name))
	}
}

// cause takes a line from before the first trace. A later panic replaces an
// earlier one; what follows a fatal error does not replace it.
func (p *parser) cause(line string) {
	r := p.report
	trimmed := strings.TrimLeft(line, "\t ")
	if text, ok := strings.CutPrefix(trimmed, "panic: "); ok && r.Kind != FatalError {
		r.Kind, r.Message = Panic, short(unmarked(text))
		return
	}
	if text, ok := strings.CutPrefix(line, "fatal error: "); ok && r.Kind == "" {
		r.Kind, r.Message = FatalError, short(text)
		r.OutOfMemory = r.OutOfMemory || aboutMemory(text)
		return
	}
	if r.Kind == "" && strings.HasPrefix(line, "SIG") {
		name, _, found := strings.Cut(line, ":")
		if found && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == "" {
			r.Kind, r.Message = Signal, short(line)
			return
		}
	}
	if strings.HasPrefix(line, "runtime: ") && aboutMemory(line) {
		r.OutOfMemory = true
	}
}

// aboutMemory recognizes the ways in which the runtime says that it was
// refused memory.
func aboutMemory(text string) bool {
	return strings.Contains(text, "out of memory") || strings.Contains(text, "cannot allocate memory") ||
		strings.Contains(text, "cannot reserve arena virtual address space")
}

// unmarked leaves out what the runtime adds to a panic that was recovered.
func unmarked(text string) string {
	for _, mark := range []string{" [recovered, repanicked]", " [recovered, reraised]", " [recovered]"} {
		text = strings.TrimSuffix(text, mark)
	}
	return text
}

// function is the name in the first line of a frame.
func function(line string) (name string, ok bool) {
	// The arguments come last; a method's receiver has parentheses, too.
	i := strings.LastIndexByte(line, '(')
	if i <= 0 || line[0] == '\t' || strings.HasPrefix(line, "created by ") {
		return "", false
	}
	return line[:i], true
}

func ofRuntime(name string) bool {
	for _, prefix := range []string{"runtime.", "runtime/", "internal/runtime/", "internal/sync.", "sync.", "os/signal."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name == "panic" // As it is called in a trace.
}

// place reads "\t/path/file.go:12 +0x1f".
func place(line string) (file string, number int) {
	text := strings.TrimSpace(line)
	if i := strings.LastIndex(text, " +0x"); i >= 0 {
		text = text[:i]
	}
	// In a trace with frame pointers more follows.
	if i := strings.Index(text, " fp=0x"); i >= 0 {
		text = text[:i]
	}
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return short(text), 0
	}
	number, err := strconv.Atoi(text[i+1:])
	if err != nil {
		return short(text), 0
	}
	return short(text[:i]), number
}

// short bounds a text, and what it may contain.
func short(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxLine)], "")
}
