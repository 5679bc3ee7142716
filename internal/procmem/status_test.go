package procmem

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

const statusK618 = "Name:\tapi\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t1\nVmPeak:\t 1234 kB\nVmHWM:\t   61440 kB\nVmRSS:\t   51200 kB\nRssAnon:\t   40960 kB\nRssFile:\t    9216 kB\nRssShmem:\t    1024 kB\nVmPTE:\t     200 kB\nVmSwap:\t       0 kB\nThreads:\t11\n"

func TestParseStatus(t *testing.T) {
	of := cgroupstat.Of
	tests := []struct {
		name, text string
		want       Mem
	}{
		{"linux 6.18", statusK618, Mem{
			RSS: of(51200 << 10), RSSAnon: of(40960 << 10), RSSFile: of(9216 << 10), RSSShmem: of(1024 << 10),
			PeakRSS: of(61440 << 10), Swap: of(0), PageTables: of(200 << 10), Threads: of(11),
		}},
		{"linux 4.4 has no split", "VmRSS:\t 8 kB\nThreads:\t1\n", Mem{RSS: of(8 << 10), Threads: of(1)}},
		{"kernel thread has no Vm lines", "Name:\tkthreadd\nThreads:\t1", Mem{Threads: of(1)}},
		{"empty", "", Mem{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got Mem
			if err := parseStatus([]byte(tt.text), &got); err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestParseStatusRejects(t *testing.T) {
	for _, text := range []string{"VmRSS:\t\n", "VmRSS:\t-4 kB\n", "VmRSS:\tx kB\n", "VmRSS:\t99999999999999999999 kB\n", "VmRSS:\t18446744073709551615 kB\n"} {
		var got Mem
		if err := parseStatus([]byte(text), &got); err == nil || !strings.Contains(err.Error(), "VmRSS") {
			t.Errorf("%q: got error %v, want one that names VmRSS", text, err)
		}
	}
}

func TestParseInt(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "-1000": -1000, "1000": 1000} {
		if got, err := parseInt([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-", "1-", "9223372036854775808"} {
		if _, err := parseInt([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// FuzzParseStatus holds the parser against a plain reading with package strings.
func FuzzParseStatus(f *testing.F) {
	f.Add([]byte(statusK618))
	f.Add([]byte("VmRSS:\t1\nVmRSS: 2 kB\n:::\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got Mem
		if err := parseStatus(text, &got); err != nil {
			return
		}
		want := cgroupstat.Value{}
		for line := range bytes.SplitSeq(text, []byte("\n")) {
			rest, ok := strings.CutPrefix(string(line), "VmRSS:")
			if !ok {
				continue
			}
			rest, isKB := strings.CutSuffix(strings.TrimLeft(rest, " \t"), " kB")
			n, err := strconv.ParseUint(rest, 10, 64)
			if err != nil {
				t.Fatalf("accepted %q", line)
			}
			if isKB {
				n *= 1024
			}
			want = cgroupstat.Of(n)
		}
		if got.RSS != want {
			t.Fatalf("got %v, want %v", got.RSS, want)
		}
	})
}
