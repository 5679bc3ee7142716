package procmem

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/ratio"
)

func TestReadSelf(t *testing.T) {
	r, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var m Mem
	if err := r.Read(&m); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]cgroupstat.Value{"RSS": m.RSS, "RSSAnon": m.RSSAnon, "RSSFile": m.RSSFile, "Threads": m.Threads} {
		if n, ok := v.Get(); !ok || n == 0 {
			t.Errorf("%s is %v", name, v)
		}
	}
	if sum := m.RSSAnon.Or(0) + m.RSSFile.Or(0) + m.RSSShmem.Or(0); sum != m.RSS.Or(0) {
		t.Errorf("anon + file + shmem = %d, RSS = %v", sum, m.RSS)
	}
	if !m.OOMScoreAdjSet {
		t.Error("oom_score_adj was not read")
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	r, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var m Mem
	if n := testing.AllocsPerRun(100, func() {
		if err := r.Read(&m); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCloseTwice(t *testing.T) {
	r, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	var m Mem
	if err := r.Read(&m); err == nil {
		t.Error("read after Close gave no error")
	}
}

// BenchmarkRead puts the reader beside the three bare reads it is made of.
func BenchmarkRead(b *testing.B) {
	r, err := Open()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	buf := make([]byte, statusSize)
	var m Mem
	ratio.Bench(b, func() {
		if err := r.Read(&m); err != nil {
			b.Fatal(err)
		}
	}, func() {
		for _, fd := range [...]int{r.status, r.score, r.scoreAdj} {
			if _, err := unix.Pread(fd, buf, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}
