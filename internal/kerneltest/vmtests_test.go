package kerneltest

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func TestParseTests(t *testing.T) {
	for _, test := range []struct {
		name, output string
		want         []innerTest
		rest         string
	}{
		{name: "nothing"},
		{
			name: "tests with subtests",
			output: "hello\n\x16=== RUN   TestA\n    a.go:1: said\n\x16--- PASS: TestA (0.00s)\n" +
				"\x16=== RUN   TestB\n\x16=== RUN   TestB/sub_1\n    b.go:2: wrong\n\x16=== NAME  TestB\nof B\n" +
				"\x16--- FAIL: TestB (0.01s)\n    \x16--- FAIL: TestB/sub_1 (0.00s)\n\x16=== NAME  \n\x16FAIL\nexit\n",
			want: []innerTest{
				{"TestA", "PASS", "    a.go:1: said\n"},
				{"TestB", "FAIL", "of B\n    "},
				{"TestB/sub_1", "FAIL", "    b.go:2: wrong\n"},
			},
			rest: "hello\nFAIL\nexit\n",
		},
		{
			name:   "output without an end of line",
			output: "\x16=== RUN   TestA\nhalf\x16--- SKIP: TestA (0.00s)\n\x16PASS\n",
			want:   []innerTest{{"TestA", "SKIP", "half"}},
			rest:   "PASS\n",
		},
		{
			name:   "a killed test does not end",
			output: "\x16=== RUN   TestA\nsignal: killed\n",
			want:   []innerTest{{"TestA", "", "signal: killed\n"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			tests, rest := parseTests(test.output)
			var got []innerTest
			for _, inner := range tests {
				got = append(got, *inner)
			}
			if !reflect.DeepEqual(got, test.want) || rest != test.rest {
				t.Errorf("got %q, %q\nwant %q, %q", got, rest, test.want, test.rest)
			}
		})
	}
}

func FuzzParseTests(f *testing.F) {
	f.Add("\x16=== RUN   TestA\nx\n\x16--- PASS: TestA (0.00s)\n\x16PASS\n")
	f.Fuzz(func(t *testing.T, output string) {
		tests, _ := parseTests(output)
		for i, inner := range tests {
			for _, other := range tests[:i] {
				if inner.name == other.name {
					t.Errorf("%q twice", inner.name)
				}
			}
		}
	})
}

// The bytes are those of GNU cpio -o -H newc for such an entry, time and inode
// aside.
func TestCpioIsAligned(t *testing.T) {
	var archive bytes.Buffer
	w := cpioWriter{w: &archive}
	w.add("dir", cpioDir, nil)
	w.add("dir/file", cpioFile, []byte("hello"))
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	want := "070701" + "00000001" + "000041ed" + strings.Repeat("00000000", 2) + "00000001" +
		strings.Repeat("00000000", 6) + "00000004" + "00000000" + "dir\x00\x00\x00" +
		"070701" + "00000002" + "000081ed" + strings.Repeat("00000000", 2) + "00000001" +
		"00000000" + "00000005" + strings.Repeat("00000000", 4) + "00000009" + "00000000" + "dir/file\x00\x00" + "hello\x00\x00\x00"
	if got := archive.String(); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if archive.Len()%4 != 0 {
		t.Errorf("%d bytes are not aligned", archive.Len())
	}
}

func TestBinaryName(t *testing.T) {
	plain := Binary{Pkg: "internal/victim"}
	stripped := Binary{Pkg: "internal/victim", Args: []string{"-ldflags=-s -w"}}
	pie := Binary{Pkg: "internal/victim", Args: []string{"-buildmode=pie"}}
	if plain.name() != "victim" {
		t.Errorf("name = %q, want victim", plain.name())
	}
	if stripped.name() == pie.name() || stripped.name() == plain.name() {
		t.Errorf("builds with other arguments share a name: %s, %s", stripped.name(), pie.name())
	}
}
