package heapprofile

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"runtime/debug"
	"testing"
)

// What a profile in a file shows is what the encoder said when it wrote it.
func TestTopOfAFile(t *testing.T) {
	e := symbolizable(t)
	defer func() { kept = nil }()
	ints, texts := generic[int](50_000), generic[string](20_000)
	fork(5, 4)
	runtime.GC()
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	addresses := bytesOf(t, e.Addresses)
	want := e.Top(10)
	named := bytesOf(t, symbolize(e, addresses))
	for name, profile := range map[string][]byte{"addresses": addresses, "with symbols": named} {
		got, err := New().TopOf(bytes.NewReader(profile), 10)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d sites, want %d", name, len(got), len(want))
		}
		for i := range want {
			if got[i].Bytes != want[i].Bytes { // Of equal ones the order may differ.
				t.Errorf("%s: %+v, want %+v", name, got[i], want[i])
			}
		}
		if got[0] != want[0] {
			t.Errorf("%s: first %+v, want %+v", name, got[0], want[0])
		}
	}
	runtime.KeepAlive([]any{ints, texts})
}

func TestTopOfRefuses(t *testing.T) {
	e := symbolizable(t)
	addresses := bytesOf(t, e.Addresses)
	other := bytes.Replace(addresses, []byte(e.maps[0].buildID), bytes.Repeat([]byte("x"), len(e.maps[0].buildID)), 1)
	if _, err := e.TopOf(bytes.NewReader(other), 1); !errors.Is(err, ErrBuild) {
		t.Errorf("another build: %v", err)
	}
	for name, text := range map[string][]byte{"nothing": nil, "junk": []byte("no profile at all"), "cut off": addresses[:len(addresses)/2], "the names first": bytesOf(t, New().Symbolized)} {
		if _, err := e.TopOf(bytes.NewReader(text), 1); err != nil && !errors.Is(err, ErrFormat) || err == nil && name != "cut off" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.TopOf(io.MultiReader(bytes.NewReader(addresses[:100]), broken{}), 1); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a reader's error: %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func FuzzTopOf(f *testing.F) {
	e := New()
	if e.maps[0].buildID == "" {
		f.Skip("no build id")
	}
	var out bytes.Buffer
	if err := e.Addresses(&out); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes()[:min(out.Len(), 4096)])
	f.Fuzz(func(t *testing.T, profile []byte) {
		if _, err := e.TopOf(bytes.NewReader(profile), 5); err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrBuild) {
			t.Error(err)
		}
	})
}
