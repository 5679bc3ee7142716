package main

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeInfo is a file as plans see it.
type fakeInfo struct {
	fs.FileInfo
	size int64
	at   time.Time
}

func (f fakeInfo) Size() int64        { return f.size }
func (f fakeInfo) ModTime() time.Time { return f.at }

func planned(t *testing.T, size int64, age time.Duration, name string) file {
	t.Helper()
	n, ok := parseName(name)
	if !ok {
		t.Fatalf("%s is no name", name)
	}
	return file{n, fakeInfo{size: size, at: began.Add(-age)}}
}

func names(files []file) string {
	var list []string
	for _, f := range files {
		list = append(list, f.text)
	}
	return strings.Join(list, " ")
}

func TestTodo(t *testing.T) {
	const m = time.Minute
	heap, fresh, manifest := "heap-"+setA+"-immediate.pb", "heap-"+setA+"-fresh.pb", "heap-"+setA+"-immediate.json"
	box, crash, exit := "blackbox-"+runA+".box", "crash-"+runA+".txt", "exit-"+runA+".json"
	early := "heap-20201101T100000.000Z-p1-fresh.pb"
	for _, c := range []struct {
		name     string
		files    []file
		life     life
		failures map[string]int
		want     string
		young    int
	}{
		{"profile before manifest", []file{planned(t, 1, m, manifest), planned(t, 1, m, heap)}, unknown, nil, heap + " " + manifest, 0},
		{"oldest set first", []file{planned(t, 1, m, heap), planned(t, 1, m, early)}, unknown, nil, early + " " + heap, 0},
		{"what failed last", []file{planned(t, 1, m, heap), planned(t, 1, m, early)}, unknown, map[string]int{"20201101T100000.000Z-p1-fresh": 1}, heap + " " + early, 0},
		{"a young stage holds its set", []file{planned(t, 1, m, heap), planned(t, 1, 29*time.Second, fresh)}, unknown, nil, "", 2},
		{"of age", []file{planned(t, 1, 30*time.Second, heap)}, unknown, nil, heap, 0},
		{"a clock behind by seconds", []file{planned(t, 1, -5*time.Second, heap)}, unknown, nil, "", 1},
		{"a clock set back", []file{planned(t, 1, -m, heap)}, unknown, nil, heap, 0},
		{"living", []file{planned(t, 1, m, box), planned(t, 1, m, crash)}, living, nil, "", 0},
		{"dead", []file{planned(t, 1, m, box), planned(t, 0, m, crash)}, dead, nil, crash + " " + box, 0},
		{"told", []file{planned(t, 1, m, exit), planned(t, 1, m, box)}, told, nil, box + " " + exit, 0},
		{"nothing said yet", []file{planned(t, 0, m, crash)}, unknown, nil, "", 0},
		{"last words without a box", []file{planned(t, 1, m, crash)}, unknown, nil, crash, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger()
			l.failures = c.failures
			got, young := todo(c.files, l, map[string]life{runA: c.life}, began, 30*time.Second)
			if names(got) != c.want || young != c.young {
				t.Errorf("%s, %d young; want %s, %d", names(got), young, c.want, c.young)
			}
		})
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name string
		run  string
		o    object
		want verb
	}{
		{"nothing there", runA, object{}, create},
		{"the same", runA, object{there: true, same: true, run: runB}, arrived},
		{"of this run, smaller", runA, object{there: true, run: runA, size: 9}, overwrite},
		{"of this run, larger", runA, object{there: true, run: runA, size: 11}, goOn},
		{"of another run", runA, object{there: true, run: runB, size: 9}, goOn},
		{"of nobody", runA, object{there: true, size: 9}, goOn},
		{"both of nobody", "", object{there: true, size: 9}, goOn},
	} {
		if got := choose(c.run, 10, c.o); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestParseName(t *testing.T) {
	for name, want := range map[string]bool{
		"heap-20060102T150405.000Z-p17-immediate.pb":                  true,
		"heap-20060102T150405.000Z-p17-immediate.pb.gz":               true,
		"heap-20060102T150405.000Z-p17-immediate.json":                true,
		"goroutine-20060102T150405.000Z-p17-immediate.pb":             true,
		"goroutine-20060102T150405.000Z-p17-immediate.json":           false,
		"heap-20060102T150405.000Z-p017-immediate.pb":                 false,
		"heap-20060102T150405.000Z-p0-immediate.pb":                   false,
		"heap-20060102T150405.000Z-p9999999999999999999-immediate.pb": false,
		"heap-20060102T250405.000Z-p17-immediate.pb":                  false,
		"heap-20060102T150405.000Z-p17-immediate.pb ":                 false,
		"heap-20060102T150405.000Z-p17-stagewithmorethan16.pb":        false,
		".tmp-heapdump-0123456789abcdef":                              false,
		"blackbox-20060102T150405.000Z-p1-0123abcd.box":               true,
		"blackbox-20060102T150405.000Z-p1-0123abcd.bad":               true,
		"blackbox-20060102T150405.000Z-p1-0123abcd.json":              false,
		"crash-20060102T150405.000Z-p1-0123abcd.txt":                  true,
		"exit-20060102T150405.000Z-p1-0123abcd.json":                  true,
		"exit-20060102T150405.000Z-p1-0123ABCD.json":                  false,
		"exit-20061302T150405.000Z-p1-0123abcd.json":                  false,
		"": false,
	} {
		n, ok := parseName(name)
		if ok != want {
			t.Errorf("%q: %v", name, ok)
		}
		if ok && n.head+n.tail != name {
			t.Errorf("%q: %q and %q", name, n.head, n.tail)
		}
	}
}

func FuzzSegment(f *testing.F) {
	for _, s := range []string{"", "..", "a/b", "\x00", "\xff", strings.Repeat("é", 500)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := segment(s)
		if got == "" || len(got) > maxSegment || strings.HasPrefix(got, ".") ||
			strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == '\\' }) {
			t.Errorf("segment(%q) = %q", s, got)
		}
	})
}

func TestKeys(t *testing.T) {
	n, _ := parseName("heap-" + setA + "-fresh.pb")
	sum := strings.Repeat("ab", 32)
	got := keys("d/", n, runA, sum)
	want := []string{"d/heap-" + setA + "-fresh.pb", "d/heap-" + setA + "-r" + shortHash(runA) + "-fresh.pb", "d/heap-" + setA + "-cabababab-fresh.pb"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	long := strings.Repeat("x", 1000)
	o := origin{build: long}
	o.Namespace, o.Workload, o.Pod, o.Container = long, long, long, long
	for _, key := range keys(directory(strings.Repeat("p", maxPrefix), o), n, runA, sum) {
		if len(key) > 1024 {
			t.Errorf("a key of %d bytes", len(key))
		}
	}
}

func TestDelay(t *testing.T) {
	for _, c := range []struct {
		failed    int
		low, high time.Duration
	}{
		{0, 10 * time.Second, 10 * time.Second},
		{1, 16 * time.Second, 24 * time.Second},
		{3, 64 * time.Second, 96 * time.Second},
		{1000, 4 * time.Minute, 6 * time.Minute},
	} {
		low, high := delay(10*time.Second, c.failed, 0), delay(10*time.Second, c.failed, 1)
		if low != c.low || high != c.high {
			t.Errorf("after %d: from %v to %v, want %v to %v", c.failed, low, high, c.low, c.high)
		}
	}
}
