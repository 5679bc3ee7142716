package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

// A tree in which all is wrong that can be still tells of the one good run,
// and names each thing once.
func TestHostileFleet(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	run := func(i int) string { return fmt.Sprintf("20261123T120000.000Z-p%d-0a1b2c3d", i) }
	dump := func(i int) string { return fmt.Sprintf("n/w/b/p/c/heap-20261123T120100.000Z-p%d-fresh", i) }
	top := heapdump.Site{Function: "main.partial", File: "p.go", Line: 3, Bytes: 7 << 20}
	put(t, root,
		dump(1)+".pb", crafted(t, "main.\x1b[2Jgood", 5), dump(1)+".json", manifest(run(1), heapdump.Fresh, noon),
		dump(2)+".pb", crafted(t, "main.hugeManifest", 6), dump(2)+".json", bytes.Repeat([]byte(" "), 2<<20),
		dump(3)+".pb", []byte("junk"), dump(3)+".json", manifest(run(3), heapdump.Fresh, noon),
		dump(4)+".pb", crafted(t, "-", 9), dump(4)+".json", manifest(run(4), heapdump.Fresh, noon, top),
		dump(5)+".pb", bomb(t), dump(5)+".json", manifest(run(5), heapdump.Fresh, noon),
		dump(6)+".pb", crafted(t, "main.noManifest", 4),
		"n/w/b/p/c/exit-"+run(7)+".json", []byte("{"),
		"n/w/b/p/c/exit-"+run(8)+".json", postmortem.Exit{Kind: "odd"},
		"n/w/b/p/c/blackbox-"+run(9)+".box", []byte("junk"),
		"n/w/b/p/c/crash-"+run(9)+".txt", []byte("panic: no such shop\n\ngoroutine 7 [running]:\nmain.open(...)\n\t/src/open.go:12 +0x1f\n"),
		"n/w/b/p/c/unlike.txt", []byte("junk"),
		"n/w/b/p/c/line\nbreak", []byte("junk"),
		strings.Repeat("d/", 20)+"heap-20261123T120100.000Z-p1-fresh.pb", crafted(t, "main.deep", 99),
	)
	put(t, outside, "exit-"+run(20)+".json", postmortem.Exit{Kind: postmortem.Clean}, "secret", []byte("x"))
	if err := errors.Join(
		os.Symlink("..", filepath.Join(root, "n/loop")),
		os.Symlink(outside, filepath.Join(root, "n/outside")),
		os.Symlink(filepath.Join(outside, "secret"), filepath.Join(root, dump(10)+".pb")),
		syscall.Mkfifo(filepath.Join(root, dump(11)+".pb"), 0o600),
		syscall.Mkfifo(filepath.Join(root, "n/w/b/p/c/exit-"+run(12)+".json"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	f := fleetOf(t, root)
	if len(f.Groups) != 1 || f.Pods != 1 || f.Runs != 9 || f.Measured != 4 || f.Groups[0].Partial != 1 || f.Groups[0].Exits[postmortem.Crash] != 1 || f.Groups[0].NoVerdict != 8 {
		t.Errorf("%+v", f)
	}
	if got := strings.Join(names(f.Sites), " "); got != "main.partial main.hugeManifest main.?[2Jgood main.noManifest" {
		t.Errorf("%q", got)
	}
	got := map[string]int{}
	for _, m := range f.Missing {
		got[m.What] = m.Count
		if m.Example == "" || strings.ContainsAny(m.Example, "\n\x1b") {
			t.Errorf("%+v", m)
		}
	}
	for what, n := range map[string]int{
		"symbolic links, not followed": 3, "neither file nor folder": 2, "folders too deep": 1, "names that cannot be printed": 1,
		"manifests that cannot be read": 1, "profiles without a manifest": 1, "profiles that cannot be read": 2, "profiles without symbols": 1,
		"verdicts that cannot be read": 2, "black boxes that cannot be read": 1,
	} {
		if got[what] != n {
			t.Errorf("%s: %d, want %d", what, got[what], n)
		}
	}
	if text := fleetTold(t, 0, root); !strings.Contains(text, "missing\n") || strings.Contains(text, "\x1b") {
		t.Errorf("%s", text)
	}
}

// bomb is a profile of more than is read, packed.
func bomb(t *testing.T) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.CopyN(z, zeros{}, 33<<20)
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What takes a file's place after its folder was read is not opened.
func TestReplacedFile(t *testing.T) {
	root := t.TempDir()
	put(t, root, "file", []byte("x"))
	tr, err := openTree(root, theLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.root.Close()
	name := filepath.Join(root, "file")
	for what, replace := range map[string]func() error{
		"a pipe": func() error { return syscall.Mkfifo(name, 0o600) },
		"a link": func() error { return os.Symlink("other", name) },
		"folder": func() error { return os.Mkdir(name, 0o700) },
		"none":   func() error { return nil },
	} {
		if err := errors.Join(os.RemoveAll(name), replace()); err != nil {
			t.Fatal(err)
		}
		if err := tr.read("file", func(io.Reader) error { return nil }); err == nil {
			t.Errorf("%s was read", what)
		}
	}
}

func TestFleetIsBounded(t *testing.T) {
	root := t.TempDir()
	for i := range 30 {
		put(t, root, fmt.Sprintf("n/w/b/p%02d/c/exit-20261123T120000.000Z-p1-0a1b2c%02d.json", i, i), postmortem.Exit{Kind: postmortem.Clean})
	}
	var out bytes.Buffer
	if err := tellFleet(root, fleetOptions{}, limits{depth: 5, entries: 53}, &out); err != nil {
		t.Fatal(err)
	}
	// 33 entries down to the names of all pods, then two for each of ten.
	if !strings.Contains(out.String(), "10 pods, 10 runs") || !strings.Contains(out.String(), "too many entries") {
		t.Errorf("%s", out.String())
	}
	for _, c := range []struct {
		want int
		args []string
		says string
	}{
		{1, []string{t.TempDir()}, "no run below"},
		{1, []string{filepath.Join(root, "nowhere")}, "nowhere"},
		{2, []string{"-n", "-1", root}, "0 or more"},
		{2, []string{"-since", "yesterday", root}, "want how long ago"},
		{2, []string{"-list", root}, "not for -fleet"},
	} {
		if got := fleetTold(t, c.want, c.args...); !strings.Contains(got, c.says) {
			t.Errorf("%q: %s", c.args, got)
		}
	}
	if got := told(t, 2, "-n", "3", root); !strings.Contains(got, "-fleet only") {
		t.Errorf("%s", got)
	}
	if got := told(t, 1, root); !strings.Contains(got, "-fleet reads the folders") {
		t.Errorf("%s", got)
	}
}
