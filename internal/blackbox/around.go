package blackbox

import (
	"strconv"
	"strings"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/survey"
)

// Surroundings are what was seen around the process and changes slowly. Of the
// lists of the survey the box keeps the largest.
type Surroundings struct {
	// Version is that of the cgroup; 0: none.
	Version cgroupstat.Version
	// High is memory.high.
	High   cgroupstat.Value
	Survey survey.Survey
}

// What is kept of the lists, so that it fits.
const (
	keptProcesses = 6
	keptMounts    = 4
)

func (s *Surroundings) encode(p page, generation uint64) {
	v := &s.Survey
	lines := [][2]string{
		{"version", strconv.Itoa(int(s.Version))},
		{"high", s.High.String()},
		{"surveyed", formatTime(v.Time)},
		{"processes", strconv.Itoa(v.NumProcesses)},
		{"truncated", strconv.FormatBool(v.Truncated)},
		{"other_anon", strconv.FormatUint(v.OtherAnon, 10)},
		{"other_rss", strconv.FormatUint(v.OtherRSS, 10)},
		{"bpf", strconv.FormatUint(v.BPFBytes, 10)},
		{"tcp_queued", v.TCPQueued.String()},
	}
	for i, o := range v.Processes[:min(len(v.Processes), keptProcesses)] {
		lines = append(lines, [2]string{"process " + strconv.Itoa(i), strings.Join([]string{
			strconv.Itoa(o.PID), o.RSS.String(), o.RSSAnon.String(), o.RSSShmem.String(), o.OOMScore.String(),
			strconv.FormatBool(o.Self), o.Name,
		}, " ")})
	}
	for i, m := range v.Tmpfs[:min(len(v.Tmpfs), keptMounts)] {
		lines = append(lines, [2]string{"tmpfs " + strconv.Itoa(i), strings.Join([]string{
			strconv.FormatUint(m.Bytes, 10), strconv.FormatUint(m.Size, 10), m.Dir,
		}, " ")})
	}
	p.write("around "+strconv.FormatUint(generation, 10), lines...)
}

// parseAround gives the later of the two that is whole, or nothing.
func parseAround(pages ...page) (last Surroundings) {
	newest := uint64(0)
	for _, p := range pages {
		first, lines, ok := p.read()
		number, isAround := strings.CutPrefix(first, "around ")
		generation, err := strconv.ParseUint(number, 10, 64)
		if ok && isAround && err == nil && generation > newest {
			last, newest = around(lines), generation
		}
	}
	return last
}

func around(lines map[string]string) Surroundings {
	s := Surroundings{High: parseValue(lines["high"])}
	switch version := cgroupstat.Version(parseNumber(lines["version"])); version {
	case cgroupstat.V1, cgroupstat.V2:
		s.Version = version
	}
	v := &s.Survey
	v.Time = parseTime(lines["surveyed"])
	v.NumProcesses = int(parseNumber(lines["processes"]))
	v.Truncated = lines["truncated"] == "true"
	v.OtherAnon, v.OtherRSS = parseNumber(lines["other_anon"]), parseNumber(lines["other_rss"])
	v.BPFBytes, v.TCPQueued = parseNumber(lines["bpf"]), parseValue(lines["tcp_queued"])
	for i := range keptProcesses {
		f := strings.SplitN(lines["process "+strconv.Itoa(i)], " ", 7)
		if len(f) == 7 {
			v.Processes = append(v.Processes, survey.Process{
				PID: int(parseNumber(f[0])), RSS: parseValue(f[1]), RSSAnon: parseValue(f[2]), RSSShmem: parseValue(f[3]),
				OOMScore: parseValue(f[4]), Self: f[5] == "true", Name: f[6],
			})
		}
	}
	for i := range keptMounts {
		f := strings.SplitN(lines["tmpfs "+strconv.Itoa(i)], " ", 3)
		if len(f) == 3 {
			v.Tmpfs = append(v.Tmpfs, survey.Mount{Bytes: parseNumber(f[0]), Size: parseNumber(f[1]), Dir: f[2]})
		}
	}
	return s
}

// parseValue reads what [cgroupstat.Value] says of itself; anything else is absent.
func parseValue(text string) cgroupstat.Value {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return cgroupstat.Value{}
	}
	return cgroupstat.Of(n)
}

// parseNumber takes what it cannot read, which no box of ours has, for 0; no
// number is too large for what it becomes.
func parseNumber(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0
	}
	return n
}
