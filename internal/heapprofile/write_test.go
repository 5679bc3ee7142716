package heapprofile

import (
	"errors"
	"io"
	"runtime"
	"testing"
)

type failing struct{ after int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	e := New()
	for name, write := range map[string]func(io.Writer) error{
		"addresses": e.Addresses, "symbolized": e.Symbolized, "goroutines": e.Goroutines,
		"several writes": func(w io.Writer) error { return heapOf(e, make([]runtime.MemProfileRecord, bufferSize))(w) },
	} {
		if err := write(&failing{}); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", name, err)
		}
		if err := write(&failing{1}); name == "several writes" && !errors.Is(err, errFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := e.Addresses(short{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("short write: %v", err)
	}
}

type short struct{}

func (short) Write(p []byte) (int, error) { return len(p) - 1, nil }
