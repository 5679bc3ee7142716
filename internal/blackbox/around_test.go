package blackbox

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/survey"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// seenAround has every field at its largest.
func seenAround() Surroundings {
	const most = math.MaxInt64
	of := cgroupstat.Of
	s := Surroundings{Version: cgroupstat.V2, High: of(most), Survey: survey.Survey{
		Time: noon, NumProcesses: 500, Truncated: true, OtherAnon: most, OtherRSS: most, BPFBytes: most, TCPQueued: of(most),
	}}
	for range keptProcesses {
		s.Survey.Processes = append(s.Survey.Processes, survey.Process{
			PID: 4194304, Name: "a name of (15)", RSS: of(most), RSSAnon: of(most), RSSShmem: of(most), OOMScore: of(2000), Self: true,
		})
	}
	for range keptMounts {
		s.Survey.Tmpfs = append(s.Survey.Tmpfs, survey.Mount{Dir: strings.Repeat("/d", 79), Bytes: most, Size: most})
	}
	return s
}

func encoded(s Surroundings, generation uint64) page {
	p := make(page, aroundBytes)
	s.encode(p, generation)
	return p
}

func TestSurroundingsComeBack(t *testing.T) {
	full := seenAround()
	little := Surroundings{Survey: survey.Survey{Time: noon, Processes: []survey.Process{{PID: 7, Name: "x"}}}}
	for name, s := range map[string]Surroundings{"full": full, "little": little, "nothing": {}} {
		if got := parseAround(encoded(s, 1), make(page, aroundBytes)); !reflect.DeepEqual(got, s) {
			t.Errorf("%s: %+v\nwant %+v", name, got, s)
		}
	}
	more := seenAround()
	more.Survey.Processes = append(more.Survey.Processes, survey.Process{PID: 1, Name: "one too many"})
	more.Survey.Tmpfs = append(more.Survey.Tmpfs, survey.Mount{Dir: "/one/too/many"})
	if got := parseAround(encoded(more, 1)); !reflect.DeepEqual(got, full) {
		t.Errorf("longer lists: %+v", got)
	}
}

// Names are other people's: a program may be called as it likes.
func TestSurroundingsWithOddNames(t *testing.T) {
	s := Surroundings{Survey: survey.Survey{
		Time:      noon,
		Processes: []survey.Process{{PID: 7, Name: "a\nprocess 1: 9 "}, {PID: 8, Name: ""}, {PID: 9, Name: " : "}},
		Tmpfs:     []survey.Mount{{Dir: "/a b: c\x00", Bytes: 1, Size: 2}},
	}}
	got := parseAround(encoded(s, 1)).Survey
	if len(got.Processes) != 3 || got.Processes[0].Name != "a process 1: 9 " || got.Processes[1].PID != 8 || got.Processes[2].Name != " : " {
		t.Errorf("%+v", got.Processes)
	}
	if len(got.Tmpfs) != 1 || got.Tmpfs[0].Dir != "/a b: c " || got.Tmpfs[0].Size != 2 {
		t.Errorf("%+v", got.Tmpfs)
	}
}

// One of the two is always whole; the later counts.
func TestSurroundingsInTurn(t *testing.T) {
	older, newer := encoded(Surroundings{High: cgroupstat.Of(1)}, 1), encoded(Surroundings{High: cgroupstat.Of(2)}, 2)
	for _, pages := range [][]page{{older, newer}, {newer, older}} {
		if got := parseAround(pages...); got.High != cgroupstat.Of(2) {
			t.Errorf("%+v", got)
		}
	}
	newer[50] ^= 1
	if got := parseAround(newer, older); got.High != cgroupstat.Of(1) {
		t.Errorf("a damaged one: %+v", got)
	}
	// As a box writes them.
	b := New(Options{Bytes: MinBytes})
	for n := range uint64(5) {
		b.SetAround(Surroundings{High: cgroupstat.Of(n)})
		b.encodeAround()
		head := b.head // A copy.
		first, second := page(head[aroundAt:aroundAt+aroundBytes]), page(head[aroundAt+aroundBytes:])
		if got := parseAround(first, second); got.High != cgroupstat.Of(n) {
			t.Errorf("%+v, want %d", got, n)
		}
		if n == 0 {
			continue
		}
		clear(head[aroundAt+int(b.aroundGeneration%2)*aroundBytes:][:aroundBytes])
		if got := parseAround(first, second); got.High != cgroupstat.Of(n-1) {
			t.Errorf("%+v, want the one before, %d", got, n-1)
		}
	}
}
