package memguard

import (
	"math"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

func TestParseThreshold(t *testing.T) {
	for text, want := range map[string]Threshold{
		"80%": Percent(80), "0.8": Percent(80), "80": Percent(80), " 72.5% ": Percent(72.5), "0.29": Percent(29),
		"100%": Percent(100), "0.5%": Percent(0.5), "2": Percent(2),
		"410Mi": Bytes(410 << 20), "1.5Gi": Bytes(3 << 29), "429916160": Bytes(410 << 20), "1e9": Bytes(1e9),
	} {
		if got, err := ParseThreshold(text); err != nil || got != want {
			t.Errorf("ParseThreshold(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestParseThresholdRejects(t *testing.T) {
	for _, text := range []string{"", "eighty", "0", "0%", "120%", "-1", "-5%", "NaN", "Inf", "1", "101", "%", "80%%", "8 0", "1Ki", "0x50", "1e999"} {
		got, err := ParseThreshold(text)
		if err == nil {
			t.Errorf("ParseThreshold(%q) = %v, want an error", text, got)
			continue
		}
		if !strings.Contains(err.Error(), "80%, 0.8, 80") || !strings.Contains(err.Error(), text) {
			t.Errorf("ParseThreshold(%q): %v: does not name the value and what is accepted", text, err)
		}
	}
}

func TestParseThresholds(t *testing.T) {
	got, err := parseThresholds("70%,0.9, 410Mi,70")
	if err != nil || len(got) != 3 || got[0] != Percent(70) || got[1] != Percent(90) || got[2] != Bytes(410<<20) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"70%,", ",", "70%,,80%", "70%,x", "1%,2%,3%,4%,5%,6%,7%,8%,9%"} {
		if got, err := parseThresholds(text); err == nil {
			t.Errorf("%q: %v, want an error", text, got)
		}
	}
}

func TestThresholdAt(t *testing.T) {
	limit := cgroupstat.Of(256 << 20)
	if got := Percent(80).At(limit); got != cgroupstat.Of(214748364) {
		t.Errorf("80%% of 256Mi is %v", got)
	}
	if got := Percent(80).At(cgroupstat.Value{}); !got.IsZero() {
		t.Errorf("80%% of nothing is %v", got)
	}
	if got := Bytes(5 << 20).At(cgroupstat.Value{}); got != cgroupstat.Of(5<<20) {
		t.Errorf("5Mi is %v", got)
	}
}

func TestCheckThresholds(t *testing.T) {
	for _, list := range [][]Threshold{nil, {{}}, {Percent(0)}, {Percent(math.NaN())}, {Percent(101)}, {Bytes(5)}, make([]Threshold, 9)} {
		if got, err := checkThresholds(list); err == nil {
			t.Errorf("%v: %v, want an error", list, got)
		}
	}
}

func FuzzParseThreshold(f *testing.F) {
	for _, text := range []string{"80%", "0.8", "80", "410Mi", "1e9", "-1", "NaN", "%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseThreshold(text)
		if err != nil {
			return
		}
		if _, err := got.checked(); err != nil {
			t.Fatalf("%q gave %v: %v", text, got, err)
		}
		again, err := ParseThreshold(got.String())
		if err != nil && got != Percent(1) || err == nil && again != got {
			t.Fatalf("%q gave %v, which reads as %v, %v", text, got, again, err)
		}
	})
}
