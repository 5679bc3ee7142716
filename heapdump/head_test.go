package heapdump

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestParseHeadRefuses(t *testing.T) {
	const good = "{\n  \"version\": 1,\n  \"run\": \"r\",\n  \"heap_objects_bytes\": 7,\n"
	if h, err := parseHead(good); err != nil || h != (head{`"r"`, 7}) {
		t.Fatalf("%+v, %v", h, err)
	}
	for name, text := range map[string]string{
		"nothing":       "",
		"torn":          strings.TrimSuffix(good, ",\n"),
		"torn run":      good[:30],
		"other version": strings.Replace(good, "1", "2", 1),
		"other order":   "{\n  \"version\": 1,\n  \"stage\": \"fresh\",\n  \"run\": \"r\",\n",
		"not indented":  `{"version":1,"run":"r","heap_objects_bytes":7,`,
		"no run":        strings.Replace(good, `"r"`, `""`, 1),
		"run no text":   strings.Replace(good, `"r"`, `123`, 1),
		"negative":      strings.Replace(good, "7", "-7", 1),
		"too many":      strings.Replace(good, "7", "18446744073709551616", 1),
	} {
		if h, err := parseHead(text); !errors.Is(err, ErrManifest) || h != (head{}) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

// A manifest written by this package is read as the full decoder reads it.
func FuzzParseHead(f *testing.F) {
	f.Add("a run", uint64(1))
	f.Add("<\"\\\n\x01\xff\u2028>", uint64(1<<63))
	f.Fuzz(func(t *testing.T, run string, heap uint64) {
		if h, err := parseHead(run); err == nil && len(h.run) < 3 {
			t.Errorf("%q reads as %+v", run, h)
		}
		if run == "" || len(run) > maxRun {
			return
		}
		var b strings.Builder
		m := &Manifest{Version: ManifestVersion, Run: run, HeapBytes: heap}
		if err := m.writeTo(&b); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		h, err := parseHead(text[:min(len(text), maxHead)])
		quoted, err2 := quoteRun(run)
		if err != nil || err2 != nil || h.heap != heap || h.run != quoted {
			t.Fatalf("%+v, %v, %v, want %s and %d", h, err, err2, quoted, heap)
		}
		var got string
		if err := json.Unmarshal([]byte(h.run), &got); err != nil || got != strings.ToValidUTF8(run, "\ufffd") && !strings.Contains(got, "\ufffd") {
			t.Errorf("%q, %v, want %q", got, err, run)
		}
	})
}
