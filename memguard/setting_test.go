package memguard

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func settingOf(t *testing.T, g *Guard, name string) Setting {
	t.Helper()
	for _, s := range g.Settings() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no setting %s in %v", name, g.Settings())
	return Setting{}
}

func TestSettingsSayWhereTheyComeFrom(t *testing.T) {
	dir := t.TempDir()
	s := resolve([]Option{WithDumpDir(dir), WithBlackBox(0), WithMemoryLimit(300 << 20)}, func(name string) (string, bool) {
		text, ok := map[string]string{"MEMGUARD_THRESHOLD": "70%,410Mi", "MEMGUARD_GOMEMLIMIT": "off", "MEMGUARD_DUMP_MAX_BYTES": "1536Ki"}[name]
		return text, ok
	})
	g := mustStart(t, s)
	for _, want := range []Setting{
		{"MEMGUARD_THRESHOLD", "70%,410Mi", "MEMGUARD_THRESHOLD"},
		{"MEMGUARD_BASIS", "unreclaimable", "default"},
		{"MEMGUARD_MEMORY_LIMIT", "314572800", "WithMemoryLimit"},
		{"MEMGUARD_PODINFO", "", "default"},
		{"MEMGUARD_DUMP_DIR", dir, "WithDumpDir"},
		{"MEMGUARD_DUMP_KEEP", "8", "default"},
		{"MEMGUARD_DUMP_MAX_BYTES", "1536Ki", "MEMGUARD_DUMP_MAX_BYTES"},
		{"MEMGUARD_BLACKBOX", "off", "WithBlackBox"},
	} {
		if got := settingOf(t, g, want.Name); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if got := (&Guard{settings: s}).Settings(); len(got) != len(g.Settings()) {
		t.Errorf("switched off: %v", got)
	}
	if got := (*Guard)(nil).Settings(); got != nil {
		t.Errorf("no guard: %v", got)
	}
}

func TestHistoryIsThePast(t *testing.T) {
	g := mustStart(t, quiet(t, newTree(t)))
	var past []Moment
	eventually(t, "three moments", func() bool {
		past = g.History(time.Hour)
		return len(past) >= 3
	})
	for i, m := range past {
		if m.Usage.Or(0) != 120<<20 || m.Limit.IsZero() || m.HeapInUse.Or(0) == 0 || m.Goroutines == 0 {
			t.Errorf("moment %d: %+v", i, m)
		}
		if i > 0 && !m.Time.After(past[i-1].Time) {
			t.Errorf("moment %d is of %v, the one before of %v", i, m.Time, past[i-1].Time)
		}
	}
	if far := time.Since(past[0].Time); far > time.Minute {
		t.Errorf("it begins %v ago", far)
	}
	if got := (*Guard)(nil).History(time.Hour); got != nil {
		t.Errorf("no guard: %v", got)
	}
}

func TestDumpsAreReadAndDeletedByName(t *testing.T) {
	g := mustStart(t, quiet(t, newTree(t)))
	d, err := g.Dump(t.Context(), "a test")
	if err != nil {
		t.Fatal(err)
	}
	list, err := g.Dumps()
	if err != nil || len(list) != 2 || list[1].Path != d.Path {
		t.Fatalf("%+v, %v", list, err)
	}
	f, err := g.OpenDump(filepath.Base(d.Path))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := g.OpenDump("../secret"); err == nil || !strings.Contains(err.Error(), "not exist") {
		t.Errorf("error %v", err)
	}
	if err := g.DeleteDump(d.Path); err != nil {
		t.Error(err)
	}
	if list, err = g.Dumps(); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	none := (*Guard)(nil)
	if _, err := none.Dumps(); !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
}
