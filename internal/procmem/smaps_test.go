package procmem

import (
	"strings"
	"testing"
)

const smapsText = `00400000-00600000 r-xp 00000000 08:01 1234  /app/service
Size:               2048 kB
Rss:                1024 kB
Pss:                1024 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
01a00000-01b00000 rw-p 00000000 00:00 0  [heap]
Size:               1024 kB
Rss:                 512 kB
Anonymous:           512 kB
c000000000-c004000000 rw-p 00000000 00:00 0  [anon: Go: heap]
Size:              65536 kB
Rss:               40960 kB
Anonymous:         40960 kB
LazyFree:           4096 kB
AnonHugePages:     20480 kB
c004000000-c008000000 rw-p 00000000 00:00 0
Size:              65536 kB
Rss:                   4 kB
Anonymous:             4 kB
7f0000000000-7f0000100000 rw-p 00000000 00:00 0
Size:               1024 kB
Rss:                1024 kB
Anonymous:          1024 kB
7f0000200000-7f0000300000 r-xp 00000000 08:01 99  /lib/x86_64-linux-gnu/libc.so.6
Size:               1024 kB
Rss:                 900 kB
7f0000400000-7f0000500000 rw-s 00000000 00:01 7  /memfd:ring (deleted)
Size:               1024 kB
Rss:                 100 kB
7ffc00000000-7ffc00100000 rw-p 00000000 00:00 0  [stack]
Size:                132 kB
Rss:                  16 kB
Swap:                  8 kB
`

func TestParseSmaps(t *testing.T) {
	groups, whole, err := parseSmaps(strings.NewReader(smapsText), 1<<20, owner{"/app/service", 0xc000012340})
	if err != nil || !whole {
		t.Fatal(whole, err)
	}
	want := map[string]uint64{
		"anon: Go: heap": 40964, "anonymous": 1024, "program": 1024, "libraries": 900, "c_heap": 512, "shared": 100, "stack": 16,
	}
	if len(groups) != len(want) || groups[0].Group != "anon: Go: heap" {
		t.Fatalf("%+v", groups)
	}
	for _, g := range groups {
		if g.RSS != want[g.Group]<<10 {
			t.Errorf("%s: %+v", g.Group, g)
		}
	}
	if heap := groups[0]; heap.Count != 2 || heap.LazyFree != 4<<20 || heap.Huge != 20<<20 {
		t.Errorf("%+v", heap)
	}
	if _, _, err := parseSmaps(strings.NewReader("Rss: 4 kB\n"), 1<<20, owner{}); err == nil {
		t.Error("a number before any mapping")
	}
}

// TestSmapsCutOff: what does not fit is left out and said, also within a number.
func TestSmapsCutOff(t *testing.T) {
	o := owner{"/app/service", 0xc000012340}
	at := strings.Index(smapsText, "40960 kB") + 2
	groups, whole, err := parseSmaps(strings.NewReader(smapsText), int64(at), o)
	if err != nil || whole || len(groups) != 3 || groups[0].Group != "program" {
		t.Errorf("%t, %v: %+v", whole, err, groups)
	}
}

// TestSmapsAllocateLittle: of three thousand mappings no more than of three.
func TestSmapsAllocateLittle(t *testing.T) {
	o := owner{"/app/service", 0xc000012340}
	text := strings.Repeat(smapsText, 400)
	if n := testing.AllocsPerRun(5, func() {
		if groups, _, err := parseSmaps(strings.NewReader(text), 2<<20, o); err != nil || len(groups) != 7 {
			t.Error(groups, err)
		}
	}); n > 60 {
		t.Errorf("%.0f allocations", n)
	}
}

func FuzzParseSmaps(f *testing.F) {
	f.Add(smapsText)
	f.Fuzz(func(t *testing.T, text string) {
		groups, _, err := parseSmaps(strings.NewReader(text), 1<<16, owner{"/app/service", 1 << 38})
		if len(groups) > maxGroups || err != nil && len(groups) > 0 {
			t.Errorf("%d groups, %v", len(groups), err)
		}
	})
}
