package cgroupstat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Stat holds the numbers of memory.stat and its companion files. It has a
// fixed size and no pointers. The zero Stat holds nothing.
type Stat struct {
	values  [numKeys]uint64
	present uint64 // a bit for each key
}

// Get gives a number; it is absent where the kernel does not tell it.
func (s *Stat) Get(k Key) Value {
	if k >= numKeys || s.present&(1<<k) == 0 {
		return Value{}
	}
	return Of(s.values[k])
}

// Set puts a number.
func (s *Stat) Set(k Key, n uint64) {
	if k < numKeys {
		s.values[k] = n
		s.present |= 1 << k
	}
}

// MarshalJSON gives an object of the numbers that are present, by name.
func (s Stat) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for k := range numKeys {
		n, ok := s.Get(k).Get()
		if !ok {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = append(out, k.String()...)
		out = append(out, '"', ':')
		out = strconv.AppendUint(out, n, 10)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads such an object; names it does not know are left out.
func (s *Stat) UnmarshalJSON(text []byte) error {
	var object map[string]uint64
	if err := json.Unmarshal(text, &object); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	*s = Stat{}
	for k := range numKeys {
		if n, ok := object[k.String()]; ok {
			s.Set(k, n)
		}
	}
	return nil
}

// WorkingSet is usage − inactive_file, floor 0: cAdvisor's and the kubelet's
// container_memory_working_set_bytes. It is absent when inactive_file is.
func WorkingSet(usage uint64, s *Stat) Value {
	inactive, ok := s.Get(InactiveFile).Get()
	if !ok {
		return Value{}
	}
	return Of(usage - min(usage, inactive))
}

// Unreclaimable is usage − (active_file + inactive_file) − slab_reclaimable,
// floor 0: what the kernel cannot take back before it kills. Shared memory is
// on the anonymous lists, so it stays in. It is absent when the file keys are;
// where slab_reclaimable is not told, as on v1, nothing is subtracted for it.
func Unreclaimable(usage uint64, s *Stat) Value {
	inactive, ok1 := s.Get(InactiveFile).Get()
	active, ok2 := s.Get(ActiveFile).Get()
	if !ok1 || !ok2 {
		return Value{}
	}
	usage -= min(usage, inactive)
	usage -= min(usage, active)
	return Of(usage - min(usage, s.Get(SlabReclaimable).Or(0)))
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
		if name != "" {
			p.lookup[name] = Key(k)
		}
	}
	return p
}

// parse puts what text holds into dst and leaves the other keys alone.
func (p *statParser) parse(text []byte, dst *Stat) error {
	for i := 0; len(text) > 0; i++ {
		if i < len(p.lines) {
			if l := &p.lines[i]; len(text) > len(l.prefix) && string(text[:len(l.prefix)]) == l.prefix {
				n, used, err := parseLeading(text[len(l.prefix):])
				if err != nil {
					return fmt.Errorf("%s: %w", l.prefix[:len(l.prefix)-1], err)
				}
				if l.key < numKeys {
					dst.values[l.key] = n
					dst.present |= 1 << l.key
				}
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
	key, ok := p.lookup[string(text[:space])]
	if !ok {
		key = numKeys
	}
	n, used, err := parseLeading(text[space+1:])
	if err != nil {
		return nil, fmt.Errorf("%.64s: %w", text[:space], err)
	}
	if ok {
		dst.Set(key, n)
	}
	l := statLine{string(text[:space+1]), key}
	switch {
	case i < len(p.lines):
		p.lines[i] = l
	case i == len(p.lines) && i < maxStatLines:
		p.lines = append(p.lines, l)
	}
	return text[space+1+used:], nil
}
