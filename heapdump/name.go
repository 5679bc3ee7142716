package heapdump

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timeLayout sorts as text, and has no colon, which other systems and module
// archives refuse.
const timeLayout = "20060102T150405.000Z"

// fileKind is what a file holds.
type fileKind uint8

const (
	heapProfile fileKind = iota
	goroutineProfile
	manifestFile
)

// Prefixes and endings of final names, and of temporary ones.
const (
	heapPrefix      = "heap-"
	goroutinePrefix = "goroutine-"
	packedSuffix    = ".pb.gz"
	plainSuffix     = ".pb"
	manifestSuffix  = ".json"
	tempPrefix      = ".tmp-heapdump-"
	tempDigits      = 16
)

// maxStage bounds the length of a stage in a name, maxName that of a name.
const (
	maxStage = 16
	maxName  = 96
)

// fileName is a final name taken apart.
type fileName struct {
	set    setName
	stage  Stage
	kind   fileKind
	packed bool // a compressed profile: read, not written
}

// setName is the part of a name that all files of a crossing share.
type setName struct {
	millis int64 // since 1970
	pid    int
}

func newSetName(t time.Time, pid int) (setName, error) {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return setName{}, fmt.Errorf("year %d does not fit a file name", y)
	}
	return setName{t.UnixMilli(), pid}, nil
}

func (s setName) time() time.Time { return time.UnixMilli(s.millis).UTC() }

// next is the name to try when this one is taken.
func (s setName) next() setName { return setName{s.millis + 1, s.pid} }

func (s setName) String() string { return string(s.append(make([]byte, 0, maxName))) }

func (s setName) append(b []byte) []byte {
	b = append(s.time().AppendFormat(b, timeLayout), "-p"...)
	return strconv.AppendInt(b, int64(s.pid), 10)
}

// file is the name of a file that this package writes.
func (s setName) file(stage Stage, kind fileKind) string {
	return fileName{set: s, stage: stage, kind: kind}.String()
}

// files are all names that the stage may have here, compressed ones included.
func (s setName) files(stage Stage) [5]string {
	return [...]string{
		s.file(stage, heapProfile), s.file(stage, manifestFile), s.file(stage, goroutineProfile),
		fileName{s, stage, heapProfile, true}.String(), fileName{s, stage, goroutineProfile, true}.String(),
	}
}

func (n fileName) String() string { return string(n.append(make([]byte, 0, maxName))) }

// append allocates nothing where the name fits.
func (n fileName) append(b []byte) []byte {
	prefix, suffix := heapPrefix, plainSuffix
	switch {
	case n.kind == manifestFile:
		suffix = manifestSuffix
	case n.packed:
		suffix = packedSuffix
	}
	if n.kind == goroutineProfile {
		prefix = goroutinePrefix
	}
	b = n.set.append(append(b, prefix...))
	b = append(append(b, '-'), n.stage...)
	return append(b, suffix...)
}

// parseName takes a final name apart. ok is false for every other name: a
// name counts only if it is exactly what String writes.
func parseName(name string) (n fileName, ok bool) {
	rest, heap := strings.CutPrefix(name, heapPrefix)
	if !heap {
		if rest, ok = strings.CutPrefix(name, goroutinePrefix); !ok {
			return fileName{}, false
		}
		n.kind = goroutineProfile
	}
	if body, ok := strings.CutSuffix(rest, manifestSuffix); ok && heap {
		rest, n.kind = body, manifestFile
	} else if body, ok := strings.CutSuffix(rest, packedSuffix); ok {
		rest, n.packed = body, true
	} else if body, ok := strings.CutSuffix(rest, plainSuffix); ok {
		rest = body
	} else {
		return fileName{}, false
	}
	stamp, rest, _ := strings.Cut(rest, "-p")
	pid, stage, _ := strings.Cut(rest, "-")
	at, err := time.Parse(timeLayout, stamp)
	if err != nil || !isStage(stage) {
		return fileName{}, false
	}
	n.set.millis, n.stage = at.UnixMilli(), Stage(stage)
	if n.set.pid, err = strconv.Atoi(pid); err != nil || n.set.pid < 1 {
		return fileName{}, false
	}
	return n, n.String() == name
}

// isStage accepts stages to come as well: lower case letters and digits.
func isStage(s string) bool {
	if s == "" || len(s) > maxStage {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// isTemp reports whether name is one that this package gives to unfinished files.
func isTemp(name string) bool {
	digits, ok := strings.CutPrefix(name, tempPrefix)
	return ok && len(digits) == tempDigits && strings.Trim(digits, "0123456789abcdef") == ""
}
