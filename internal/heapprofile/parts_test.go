package heapprofile

import (
	"bytes"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestParseMaps(t *testing.T) {
	const text = `00400000-00489000 r-xp 00000000 fe:01 131 /bin/a name (deleted)
00489000-00522000 r--p 00089000 fe:01 131 /bin/a
7f0000000000-7f0000001000 rwxp 00000000 00:00 0
7f0000002000-7f0000003000 r-xp 00001000 fe:01 7                          /lib/x.so
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
nonsense
2-1 r-xp 0 0 0 /reversed
zz-1 r-xp 0 0 0 /nohex
`
	want := []mapping{
		{0x400000, 0x489000, 0, "/bin/a name", ""},
		{0x7f0000002000, 0x7f0000003000, 0x1000, "/lib/x.so", ""},
		{0x7ffd00000000, 0x7ffd00002000, 0, "[vdso]", ""},
	}
	for name, text := range map[string]string{
		"whole":       text,
		"no newline":  strings.TrimSuffix(text, "zz-1 r-xp 0 0 0 /nohex\n") + "",
		"a long line": strings.Repeat("x", 100<<10) + "\n" + text,
	} {
		got, err := parseMaps(strings.NewReader(text))
		if err != nil || len(got) != len(want) {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %+v, want %+v", name, got[i], want[i])
			}
		}
	}
	many, err := parseMaps(strings.NewReader(strings.Repeat("1000-2000 r-xp 0 0 0 /x\n", 1000)))
	if err != nil || len(many) != maxMappings {
		t.Errorf("%d mappings, %v", len(many), err)
	}
	want[0], want[2] = want[2], want[0]
	if !mainFirst(want, 0x489000-1) || want[0].file != "/bin/a name" || mainFirst(want, 1) || mainFirst(nil, 1) {
		t.Errorf("first %+v", want[0])
	}
}

func FuzzParseMaps(f *testing.F) {
	f.Add("00400000-00489000 r-xp 00000000 fe:01 131 /bin/a\n")
	f.Add("1-2 --x\n")
	f.Fuzz(func(t *testing.T, text string) {
		maps, err := parseMaps(strings.NewReader(text))
		if err != nil || len(maps) > maxMappings {
			t.Errorf("%d, %v", len(maps), err)
		}
		for _, m := range maps {
			if m.start >= m.limit || m.file == "" {
				t.Errorf("%+v", m)
			}
		}
	})
}

func FuzzBuildID(f *testing.F) {
	self, err := os.Open(os.Args[0])
	if err != nil {
		f.Fatal(err)
	}
	defer self.Close()
	head := make([]byte, 4096)
	if _, err := io.ReadFull(self, head); err != nil {
		f.Fatal(err)
	}
	f.Add(head)
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := buildID(bytes.NewReader(data))
		if err != nil && id != "" || len(id) > 2*maxBuildID {
			t.Errorf("%q, %v", id, err)
		}
	})
}

func TestGoroutines(t *testing.T) {
	block := make(chan struct{})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { <-block })
	}
	defer wg.Wait()
	defer close(block)
	blocked := func() (n int64) {
		p := parse(t, New().Goroutines)
		if len(p.SampleType) != 1 || p.SampleType[0].Type != "goroutine" || p.SampleType[0].Unit != "count" || p.Period != 1 {
			t.Fatalf("types %v, period %d", p.SampleType, p.Period)
		}
		for _, s := range p.Sample {
			for _, l := range s.Location {
				for _, line := range l.Line {
					if strings.Contains(line.Function.Name, "TestGoroutines.func") {
						return max(n, s.Value[0])
					}
				}
			}
		}
		return n
	}
	for deadline := time.Now().Add(10 * time.Second); blocked() != 50; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines in one sample, want 50", blocked())
		}
	}
}

func TestTooManyGoroutines(t *testing.T) {
	records, n := readGoroutines(1)
	if records != nil || n < 2 {
		t.Fatalf("%d records of %d goroutines", len(records), n)
	}
	p := parse(t, func(w io.Writer) error { return New().goroutines(w, records, 123456, noon) })
	if len(p.Sample) != 1 || p.Sample[0].Value[0] != 123456 || len(p.Sample[0].Location) != 0 ||
		len(p.Comments) != 1 || p.Comments[0] != "123456 goroutines: more than 100000 stacks are not read" || p.TimeNanos != noon.UnixNano() {
		t.Errorf("%v", p)
	}
}

func TestLongString(t *testing.T) {
	e := New()
	e.maps = []mapping{{limit: 1 << 20, file: strings.Repeat("x", 3*bufferSize)}}
	p := parse(t, heapOf(e, nil))
	if len(p.Mapping) != 1 || p.Mapping[0].File != e.maps[0].file {
		t.Errorf("%d mappings", len(p.Mapping))
	}
}

func TestAnywhere(t *testing.T) {
	e := New()
	e.maps = anywhere()
	for _, write := range []func(io.Writer) error{e.Addresses, e.Symbolized, e.Goroutines} {
		p := parse(t, write)
		for _, l := range p.Location {
			if l.Mapping == nil || l.Mapping != p.Mapping[0] {
				t.Fatalf("location %v", l)
			}
		}
	}
}
