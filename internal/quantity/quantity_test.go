package quantity

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := map[string]uint64{
		"1": 1, "268435456": 268435456, "+7": 7,
		"410Mi": 410 << 20, "1.5Gi": 3 << 29, "1Ki": 1024, "2Ti": 2 << 40, "1Ei": 1 << 60,
		"500M": 500e6, "1k": 1000, "3G": 3e9, "1E": 1e18, "0.5k": 500,
		"1e9": 1e9, "1E3": 1000, "12e-1": 2, "1.0e3": 1000,
		"1500m": 2, "268435456000m": 268435456, "0.1": 1,
		"9223372036854775807": 9223372036854775807,
	}
	for text, want := range tests {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestParseRejects(t *testing.T) {
	for _, text := range []string{
		"", " ", "0", "-1", "-1Mi", "Mi", "1 Mi", "1mi", "1KB", "410MiB", "eighty", "NaN", "Inf", "1e", "1e99", "1e-99",
		"9223372036854775808", "8Ei", "1/2", "0x10", "1_000", "80%", "1..5", "--1", strings.Repeat("9", 1000),
	} {
		got, err := Parse(text)
		if err == nil {
			t.Errorf("Parse(%q) = %d, want an error", text, got)
		} else if !strings.Contains(err.Error(), "Kubernetes quantity") {
			t.Errorf("Parse(%q): %v does not say what is accepted", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"1", "410Mi", "1.5Gi", "1e9", "1E", "1500m", "-1", "1e-18"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		if err == nil && (n == 0 || n > 1<<63-1) {
			t.Errorf("Parse(%q) = %d", text, n)
		}
	})
}
