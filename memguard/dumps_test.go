package memguard

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

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
