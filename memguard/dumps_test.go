package memguard

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/heapdump"
)

// TestDumpSaysWhatItLeftOut: near the limit there is room for the first stage
// only, and its manifest says so.
func TestDumpSaysWhatItLeftOut(t *testing.T) {
	const limit = 256 << 20
	// Large enough to be sampled for certain: a small heap may have no site at all.
	held := make([]byte, 32<<20)
	defer runtime.KeepAlive(held)
	tr := newTree(t)
	g := mustStart(t, quiet(t, tr, WithBasis(Usage), WithThresholds(Bytes(1<<40))))
	d, err := g.Dump(context.Background(), "room for all")
	if err != nil || d.Stage != heapdump.Fresh {
		t.Fatal(d.Stage, err)
	}
	need := g.dumper.store.Need(heapdump.Immediate)
	if fresh := 2 * g.dumper.store.Need(heapdump.Fresh); fresh <= need+need/2 {
		t.Fatalf("a fresh one needs %d, the first %d", fresh, need)
	}
	tr.write("memory.current", strconv.FormatUint(limit-need-need/4, 10)+"\n")
	eventually(t, "a sample", func() bool { s := g.Snapshot(); return s.Usage.Or(0) > limit/2 })
	d, err = g.Dump(context.Background(), "little room")
	if !errors.Is(err, ErrHeadroom) || d.Stage != heapdump.Immediate || len(d.Top) == 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	f, err := os.Open(d.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := heapdump.ReadManifest(f)
	if err != nil || !strings.Contains(m.Omitted, ErrHeadroom.Error()) || !strings.Contains(m.Omitted, "fresh") {
		t.Errorf("omitted %q, %v", m.Omitted, err)
	}
}

func TestDumpsOfAStoppedGuard(t *testing.T) {
	g := mustStart(t, quiet(t, newTree(t)))
	d, err := g.Dump(context.Background(), "before the end")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}
	if list, err := g.Dumps(); !errors.Is(err, ErrStopped) || list != nil {
		t.Errorf("list: %v, %v", list, err)
	}
	if f, err := g.OpenDump(filepath.Base(d.Path)); !errors.Is(err, ErrStopped) || f != nil {
		t.Errorf("open: %v", err)
	}
	if err := g.DeleteDump(d.Path); !errors.Is(err, ErrStopped) {
		t.Errorf("delete: %v", err)
	}
}
