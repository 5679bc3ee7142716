package blackbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/identity"
)

// A box begins with the header, which is written once, two places for the state,
// and two for the surroundings, each pair of which is written in turn: while one
// is being written the other is whole.
const (
	headerBytes = 2048
	stateBytes  = 1024
	aroundAt    = headerBytes + 2*stateBytes
	aroundBytes = 2048
	// HeadBytes is what comes before the records: so much of a box is a story
	// without samples.
	HeadBytes = aroundAt + 2*aroundBytes
	// maxText bounds each text in header and state.
	maxText = 200
)

const (
	headerMagic = "memguard-blackbox "
	version     = 2
)

var (
	// ErrFormat reports a file that is no black box, or a damaged one.
	ErrFormat = errors.New("not a black box, or damaged")
	// ErrVersion reports a black box of another version of this package.
	ErrVersion = errors.New("black box of another version")
)

// Header says whose box it is.
type Header struct {
	// Run names one life of a program; see [NewRun].
	Run   string
	Start time.Time
	PID   int
	// BootID is /proc/sys/kernel/random/boot_id: another one is another boot.
	BootID string
	// Program is the base name of the executable, Build its module and version.
	Program, Build string
	identity.Identity
}

// CrashOutput is whose file takes the Go runtime's last words.
type CrashOutput string

// The crash outputs.
const (
	OurCrashOutput     CrashOutput = "ours"
	ApplicationsOutput CrashOutput = "application" // which has set its own
	NoCrashOutput      CrashOutput = "none"        // it could not be set
)

// State is what of a run changes now and then.
type State struct {
	// Stopped is when Stop was called; zero: it was not.
	Stopped time.Time
	// Panicked is when Stop was called by the defers of a panic.
	Panicked time.Time
	// Limit is the effective limit in bytes.
	Limit cgroupstat.Value
	// Basis and Thresholds are those in force, as a person writes them.
	Basis, Thresholds string
	// CrashOutput is where the Go runtime's last words go; empty: not known.
	CrashOutput CrashOutput
	// Asked is the token of the last dump that was asked for from outside.
	Asked string

	generation uint64
}

// page is lines "key: value", a zero byte, and a checksum at the end.
type page []byte

// write fills p with lines; every value is cut so that all fit.
func (p page) write(first string, lines ...[2]string) {
	clear(p)
	text := append(p[:0], first...)
	text = append(text, '\n')
	for _, l := range lines {
		text = append(text, l[0]...)
		text = append(text, ": "...)
		text = append(text, clean(l[1])...)
		text = append(text, '\n')
	}
	binary.LittleEndian.PutUint32(p[len(p)-4:], crc32.Checksum(p[:len(p)-4], castagnoli))
}

// clean makes one line of bounded length.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return text
}

// read checks p and gives its first line and the others by key.
func (p page) read() (first string, lines map[string]string, ok bool) {
	body, sum := p[:len(p)-4], binary.LittleEndian.Uint32(p[len(p)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return "", nil, false
	}
	text, _, _ := strings.Cut(string(body), "\x00")
	first, rest, _ := strings.Cut(text, "\n")
	lines = map[string]string{}
	for line := range strings.Lines(rest) {
		if key, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); found {
			lines[key] = value
		}
	}
	return first, lines, true
}

func (h *Header) encode(p page) {
	p.write(headerMagic+strconv.Itoa(version),
		[2]string{"run", h.Run},
		[2]string{"start", formatTime(h.Start)},
		[2]string{"pid", strconv.Itoa(h.PID)},
		[2]string{"boot_id", h.BootID},
		[2]string{"program", h.Program},
		[2]string{"build", h.Build},
		[2]string{"namespace", h.Namespace},
		[2]string{"workload", h.Workload},
		[2]string{"pod", h.Pod},
		[2]string{"container", h.Container},
		[2]string{"node", h.Node},
	)
}

func parseHeader(p page) (Header, error) {
	// The version counts before the checksum: another one may have it elsewhere.
	if rest, ok := strings.CutPrefix(string(p), headerMagic); ok {
		number, _, _ := strings.Cut(rest, "\n")
		if n, err := strconv.Atoi(number); err == nil && n != version {
			return Header{}, fmt.Errorf("%w: %d, known is %d", ErrVersion, n, version)
		}
	}
	first, lines, ok := p.read()
	if !ok || !strings.HasPrefix(first, headerMagic) {
		return Header{}, fmt.Errorf("%w: the header", ErrFormat)
	}
	h := Header{
		Run: lines["run"], BootID: lines["boot_id"], Program: lines["program"], Build: lines["build"],
		Identity: identity.Identity{
			Namespace: lines["namespace"], Workload: lines["workload"],
			Pod: lines["pod"], Container: lines["container"], Node: lines["node"],
		},
	}
	var err, err2 error
	h.Start, err = time.Parse(time.RFC3339Nano, lines["start"])
	h.PID, err2 = strconv.Atoi(lines["pid"])
	if err = errors.Join(err, err2); err != nil {
		return Header{}, fmt.Errorf("%w: the header: %w", ErrFormat, err)
	}
	return h, nil
}

func (s *State) encode(p page) {
	p.write("state "+strconv.FormatUint(s.generation, 10),
		[2]string{"stopped", formatTime(s.Stopped)},
		[2]string{"panicked", formatTime(s.Panicked)},
		[2]string{"limit", s.Limit.String()},
		[2]string{"basis", s.Basis},
		[2]string{"thresholds", s.Thresholds},
		[2]string{"asked", s.Asked},
		[2]string{"crash_output", string(s.CrashOutput)},
	)
}

// formatTime leaves out a time that is not.
func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func parseTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// parseStates gives the later of the two states that is whole.
func parseStates(pages ...page) (State, bool) {
	var last State
	found := false
	for _, p := range pages {
		first, lines, ok := p.read()
		number, isState := strings.CutPrefix(first, "state ")
		generation, err := strconv.ParseUint(number, 10, 64)
		if !ok || !isState || err != nil || found && generation <= last.generation {
			continue
		}
		s := State{Basis: lines["basis"], Thresholds: lines["thresholds"], Asked: lines["asked"], CrashOutput: CrashOutput(lines["crash_output"]), generation: generation}
		s.Limit = parseValue(lines["limit"])
		s.Stopped, s.Panicked = parseTime(lines["stopped"]), parseTime(lines["panicked"])
		last, found = s, true
	}
	return last, found
}
