package cgroupstat

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReaderErrors(t *testing.T) {
	if _, err := Open(Location{}); !errors.Is(err, ErrNoCgroup) {
		t.Errorf("open of nothing: %v", err)
	}
	if _, err := Open(At(V2, t.TempDir()+"/gone")); !errors.Is(err, ErrGone) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("open of what is gone: %v", err)
	}
	usage := func(r *Reader) error { _, err := r.Usage(); return err }
	stat := func(r *Reader) error { return r.Stat(new(Stat)) }
	peak := func(r *Reader) error { _, err := r.Peak(); return err }
	events := func(r *Reader) error { return r.Events(new(Events)) }
	limits := func(r *Reader) error { return r.Limits(new(Limits)) }
	pressure := func(r *Reader) error { _, err := r.Pressure(new(Pressure)); return err }
	for _, c := range []struct {
		version    Version
		file, text string
		read       func(*Reader) error
	}{
		{V2, "memory.current", "", usage},
		{V2, "memory.current", "max\n", usage},
		{V2, "memory.current", strings.Repeat("1", 100), usage},
		{V2, "memory.stat", "anon\n", stat},
		{V2, "memory.stat", strings.Repeat("a 1\n", bufferSize/4), stat},
		{V2, "memory.swap.current", "?", stat},
		{V2, "memory.peak", "-1", peak},
		{V2, "memory.events", "max x\n", events},
		{V2, "memory.pressure", "some x\n", pressure},
		{V2, "memory.max", "x", limits},
		{V2, "memory.high", "", limits},
		{V2, "memory.swap.max", "1 2", limits},
		{V1, "memory.usage_in_bytes", "x", usage},
		{V1, "memory.kmem.usage_in_bytes", "x", stat},
		{V1, "memory.kmem.tcp.usage_in_bytes", "x", stat},
		{V1, "memory.failcnt", "x", events},
		{V1, "memory.memsw.failcnt", "x", events},
		{V1, "memory.oom_control", "oom_kill x\n", events},
		{V1, "memory.limit_in_bytes", "max\n", limits},
		{V1, "memory.memsw.limit_in_bytes", "x", limits},
		{V1, "memory.stat", "hierarchical_memory_limit x\n", limits},
	} {
		t.Run(c.version.String()+" "+c.file, func(t *testing.T) {
			content := levelV2("max\n")
			if c.version == V1 {
				content = levelV1(noneV1, noneV1)
			}
			content[c.file] = c.text
			dir := files(t, t.TempDir(), content)
			err := c.read(open(t, At(c.version, dir)))
			var file *FileError
			if !errors.As(err, &file) || file.Op != "parse" || file.Path != filepath.Join(dir, c.file) || !errors.Is(err, errMalformed) {
				t.Errorf("%q: %v", c.text, err)
			}
			if errors.Is(err, ErrGone) {
				t.Errorf("malformed is not gone: %v", err)
			}
		})
	}
}

// A directory in the place of a file can be opened but not read.
func TestReaderUnreadableFile(t *testing.T) {
	dir := files(t, t.TempDir(), levelV2("max\n"))
	if err := os.Mkdir(dir+"/memory.peak", 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, At(V2, dir)).Peak()
	var file *FileError
	if !errors.As(err, &file) || file.Op != "read" || file.Path != dir+"/memory.peak" || errors.Is(err, ErrGone) {
		t.Errorf("got %v", err)
	}
}

func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestReaderCloses(t *testing.T) {
	top := t.TempDir()
	content := levelV1("1048576\n", noneV1)
	content["memory.kmem.usage_in_bytes"] = "1\n"
	dirs := []string{files(t, top+"/a", content), files(t, top+"/b", content)}
	before := descriptors(t)
	r, err := Open(At(V1, dirs...))
	if err != nil {
		t.Fatal(err)
	}
	held := descriptors(t)
	for range 3 {
		for level := range dirs {
			if err := r.Select(level); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := descriptors(t); n != held || held == before {
		t.Errorf("%d descriptors before, %d open, %d after Select", before, held, n)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := descriptors(t); n != before {
		t.Errorf("%d descriptors before, %d after Close", before, n)
	}
	_, usage := r.Usage()
	_, peak := r.Peak()
	_, pressure := r.Pressure(new(Pressure))
	for _, err := range []error{usage, peak, pressure, r.Stat(new(Stat)), r.Events(new(Events)), r.Limits(new(Limits)), r.Select(0)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	// What fails half-way keeps nothing open.
	if _, err := Open(At(V1, dirs[0], top+"/gone")); !errors.Is(err, ErrGone) {
		t.Errorf("open: %v", err)
	}
	if _, err := Open(At(V1, top+"/gone", dirs[0])); !errors.Is(err, ErrGone) {
		t.Errorf("open: %v", err)
	}
	if n := descriptors(t); n != before {
		t.Errorf("%d descriptors before, %d after a failed Open", before, n)
	}
}

func TestReadsDoNotAllocate(t *testing.T) {
	v1, v2 := levelV1("1048576\n", noneV1), levelV2("1048576\n")
	v1["memory.oom_control"], v1["memory.failcnt"], v1["memory.kmem.usage_in_bytes"] = "oom_kill 1\n", "1\n", "1\n"
	v1["memory.max_usage_in_bytes"] = "1\n"
	v2["memory.events"], v2["memory.peak"], v2["memory.swap.current"] = "max 1\n", "1\n", "1\n"
	v2["memory.pressure"] = "some avg10=1.00 avg60=1.00 avg300=1.00 total=1\n"
	for v, content := range map[Version]map[string]string{V1: v1, V2: v2} {
		r := open(t, At(v, files(t, t.TempDir(), content)))
		var (
			s Stat
			e Events
			p Pressure
			l Limits
		)
		allocs := testing.AllocsPerRun(100, func() {
			_, err1 := r.Usage()
			_, err2 := r.Peak()
			_, err3 := r.Pressure(&p)
			for _, err := range [...]error{err1, err2, err3, r.Stat(&s), r.Events(&e), r.Limits(&l)} {
				if err != nil {
					t.Fatal(err)
				}
			}
		})
		if allocs != 0 {
			t.Errorf("%v: %v allocations", v, allocs)
		}
	}
}
