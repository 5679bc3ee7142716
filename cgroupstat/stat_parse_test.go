package cgroupstat

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestParseStat(t *testing.T) {
	for _, c := range statTexts {
		t.Run(c.name, func(t *testing.T) {
			p := newStatParser(c.version)
			// The second time the lines are known.
			for range 2 {
				var got Stat
				if err := p.parse([]byte(c.text), &got); err != nil {
					t.Fatal(err)
				}
				for _, k := range Keys() {
					n, ok := c.want[k]
					if v := got.Get(k); v.Or(0) != n || v.IsZero() == ok {
						t.Errorf("%v is %v, want %d (present: %v)", k, v, n, ok)
					}
				}
			}
		})
	}
}

func TestParseStatFollowsTheOrder(t *testing.T) {
	p := newStatParser(V2)
	for _, text := range []string{
		"anon 1\nfile 2\nslab 3\n",
		"file 2\nanon 1\nslab 3\n",
		"anon 1\nnew_in_linux_9 77\nfile 2\nslab 3\n",
		"anon 1\nnew_in_linux_9 wordy value -1\nfile 2\nslab 3",
		"slab 3\nanon 1\nfile 2\nanon 1\n",
	} {
		var got, want Stat
		want.Set(Anon, 1)
		want.Set(File, 2)
		want.Set(Slab, 3)
		if err := p.parse([]byte(text), &got); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	var got Stat
	if err := p.parse(nil, &got); err != nil || got != (Stat{}) {
		t.Errorf("an empty file holds nothing: %v, %v", got, err)
	}
}

func TestParseStatMalformed(t *testing.T) {
	for _, text := range []string{"anon\n", "anon \n", "anon 1 2\n", "anon -1\n", " 1\n", "\n", "anon 1\n\nfile 2\n", "anon 18446744073709551616\n", "unknown\nanon 1\n"} {
		p := newStatParser(V2)
		var got Stat
		if err := p.parse([]byte("anon 1\nfile 2\n"), &got); err != nil {
			t.Fatal(err)
		}
		if err := p.parse([]byte(text), &got); !errors.Is(err, errMalformed) {
			t.Errorf("%q: %v, want malformed", text, err)
		}
	}
}

func TestParseStatRemembersWithinBounds(t *testing.T) {
	var text strings.Builder
	for i := range 10 * maxStatLines {
		fmt.Fprintf(&text, "key%d %d\n", i, i)
	}
	text.WriteString("anon 5\n")
	p := newStatParser(V2)
	var got Stat
	if err := p.parse([]byte(text.String()), &got); err != nil || got.Get(Anon) != Of(5) {
		t.Errorf("%v, %v", got.Get(Anon), err)
	}
	if len(p.lines) > maxStatLines {
		t.Errorf("remembers %d lines", len(p.lines))
	}
	allocs := testing.AllocsPerRun(10, func() {
		if err := p.parse([]byte("anon 1\nfile 2\n"), &got); err != nil {
			t.Fatal(err)
		}
		if err := p.parse([]byte(text.String()), &got); err != nil {
			t.Fatal(err)
		}
	})
	// Two lines change places with two others, and the text is copied.
	if allocs > 8 {
		t.Errorf("%v allocations", allocs)
	}
}

// plainStat is the parser without memory and without regard to speed.
func plainStat(v Version, text string) (map[Key]uint64, bool) {
	names := map[string]Key{}
	for _, k := range Keys() {
		name := k.Info().Name
		if v == V1 {
			name = k.Info().V1
		}
		if name != "" && !strings.HasPrefix(name, "memory.") {
			names[name] = k
		}
	}
	if v == V2 {
		maps.Copy(names, fileOnly)
	}
	out := map[Key]uint64{}
	for line := range strings.Lines(text) {
		name, number, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || name == "" {
			return nil, false
		}
		k, known := names[name]
		if !known {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil || !digits.MatchString(number) {
			return nil, false
		}
		out[k] = n
	}
	return out, true
}

func fuzzStat(f *testing.F, v Version) {
	for _, c := range statTexts {
		f.Add([]byte(c.text), []byte(statTexts[0].text))
	}
	f.Add([]byte("anon 1\nfile 2\n"), []byte("file 1\nanon 2\nx"))
	f.Add([]byte("zzz 1\nanon 2\n"), []byte("zzz "))
	f.Add([]byte("total_rss 1\nx y\n"), []byte("total_rss 18446744073709551616\n"))
	f.Fuzz(func(t *testing.T, before, text []byte) {
		p := newStatParser(v)
		// What was read before must not change what is read now.
		for _, text := range [][]byte{before, text, text, before} {
			var stat Stat
			err := p.parse(text, &stat)
			want, ok := plainStat(v, string(text))
			if (err == nil) != ok {
				t.Fatalf("%q: error %v, the plain parser takes it: %v", text, err, ok)
			}
			if err != nil {
				continue
			}
			got := map[Key]uint64{}
			for _, k := range Keys() {
				if n, ok := stat.Get(k).Get(); ok {
					got[k] = n
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%q: %v, want %v", text, got, want)
			}
		}
	})
}

func FuzzStatV1(f *testing.F) { fuzzStat(f, V1) }

func FuzzStatV2(f *testing.F) { fuzzStat(f, V2) }
