package cgroupstat

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
)

// fileOnly are the names of Linux 4.20 to 5.8, when only file pages were
// tracked: the kernel split them when anonymous pages joined.
var fileOnly = map[string]Key{
	"workingset_refault":  WorkingsetRefaultFile,
	"workingset_activate": WorkingsetActivateFile,
	"workingset_restore":  WorkingsetRestoreFile,
}

// statParser reads memory.stat. The kernel prints the lines in the same order
// every time, so it remembers which key each line was, and looks a name up
// only where a line is not what it was last time.
type statParser struct {
	lookup map[string]Key
	lines  []statLine
}

// statLine is what a line was last time: its name and a space, and its key, or
// numKeys for a name that nobody asks for.
type statLine struct {
	prefix string
	key    Key
}

// maxStatLines bounds what is remembered; today's kernels print about 60.
const maxStatLines = 256

func newStatParser(v Version) *statParser {
	p := &statParser{lookup: make(map[string]Key, numKeys)}
	for k, info := range keyInfo {
		name := info.Name
		if v == V1 {
			name = info.V1
		}
		// A name of memory. is a file of its own.
		if name != "" && !strings.HasPrefix(name, "memory.") {
			p.lookup[name] = Key(k)
		}
	}
	if v == V2 {
		maps.Copy(p.lookup, fileOnly)
	}
	return p
}

// parse puts what text holds into dst and leaves the other keys alone. What a
// line holds whose name nobody asks for is not looked at.
func (p *statParser) parse(text []byte, dst *Stat) error {
	for i := 0; len(text) > 0; i++ {
		if i < len(p.lines) {
			if l := &p.lines[i]; len(text) > len(l.prefix) && string(text[:len(l.prefix)]) == l.prefix {
				if l.key == numKeys {
					text = afterNewline(text[len(l.prefix):])
					continue
				}
				n, used, err := parseLeading(text[len(l.prefix):])
				if err != nil {
					return fmt.Errorf("%s: %w", l.prefix[:len(l.prefix)-1], err)
				}
				dst.values[l.key] = n
				dst.present |= 1 << l.key
				text = text[len(l.prefix)+used:]
				continue
			}
		}
		var err error
		if text, err = p.learn(i, text, dst); err != nil {
			return err
		}
	}
	return nil
}

// learn parses a line by name and remembers it.
func (p *statParser) learn(i int, text []byte, dst *Stat) ([]byte, error) {
	space := bytes.IndexByte(text, ' ')
	newline := bytes.IndexByte(text, '\n')
	if space <= 0 || (newline >= 0 && newline < space) {
		line := text
		if newline >= 0 {
			line = text[:newline]
		}
		return nil, fmt.Errorf("line %.64q: %w", line, errMalformed)
	}
	name, rest := text[:space], text[space+1:]
	key, ok := p.lookup[string(name)]
	if !ok {
		p.remember(i, name, numKeys)
		return afterNewline(rest), nil
	}
	n, used, err := parseLeading(rest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	dst.Set(key, n)
	p.remember(i, name, key)
	return rest[used:], nil
}

func (p *statParser) remember(i int, name []byte, key Key) {
	if i >= maxStatLines {
		return
	}
	l := statLine{string(name) + " ", key}
	if i < len(p.lines) {
		p.lines[i] = l
		return
	}
	p.lines = append(p.lines, l)
}

func afterNewline(text []byte) []byte {
	_, rest, _ := bytes.Cut(text, []byte{'\n'})
	return rest
}
