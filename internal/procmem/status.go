package procmem

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

var errMalformed = errors.New("malformed number")

// parseStatus fills m from the text of /proc/<pid>/status
// (fs/proc/array.c proc_pid_status, fs/proc/task_mmu.c task_mem).
func parseStatus(text []byte, m *Mem) error {
	for len(text) > 0 {
		var line []byte
		line, text = cutLine(text)
		name, rest, ok := bytes.Cut(line, colon)
		if !ok {
			continue
		}
		dst := m.field(name)
		if dst == nil {
			continue
		}
		v, err := parseAmount(rest)
		if err != nil {
			return fmt.Errorf("%s: %w %q", name, err, rest)
		}
		*dst = cgroupstat.Of(v)
	}
	return nil
}

var (
	colon = []byte(":")
	kB    = []byte(" kB")
)

func (m *Mem) field(name []byte) *cgroupstat.Value {
	switch string(name) {
	case "VmRSS":
		return &m.RSS
	case "RssAnon":
		return &m.RSSAnon
	case "RssFile":
		return &m.RSSFile
	case "RssShmem":
		return &m.RSSShmem
	case "VmHWM":
		return &m.PeakRSS
	case "VmSwap":
		return &m.Swap
	case "VmPTE":
		return &m.PageTables
	case "Threads":
		return &m.Threads
	}
	return nil
}

func cutLine(text []byte) (line, rest []byte) {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return text[:i], text[i+1:]
	}
	return text, nil
}

// parseAmount reads "\t  1234 kB" as bytes and "\t12" as a count.
func parseAmount(text []byte) (uint64, error) {
	text = bytes.TrimLeft(text, " \t")
	digits, isKB := bytes.CutSuffix(text, kB)
	n, err := parseUint(digits)
	if err != nil || !isKB {
		return n, err
	}
	if n > math.MaxUint64/1024 {
		return 0, errMalformed
	}
	return n * 1024, nil
}

func parseUint(digits []byte) (uint64, error) {
	if len(digits) == 0 {
		return 0, errMalformed
	}
	var n uint64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, errMalformed
		}
		d := uint64(c - '0')
		if n > (math.MaxUint64-d)/10 {
			return 0, errMalformed
		}
		n = n*10 + d
	}
	return n, nil
}

func parseInt(digits []byte) (int64, error) {
	rest, negative := bytes.CutPrefix(digits, []byte("-"))
	n, err := parseUint(rest)
	if err != nil || n > math.MaxInt64 {
		return 0, errMalformed
	}
	if negative {
		return -int64(n), nil
	}
	return int64(n), nil
}

// ParseStatus fills m from the text of /proc/<pid>/status of any process, and
// gives the program's name.
func ParseStatus(text []byte, m *Mem) (name string, err error) {
	line, _ := cutLine(text)
	if rest, ok := bytes.CutPrefix(line, []byte("Name:\t")); ok {
		name = string(rest)
	}
	return name, parseStatus(text, m)
}
