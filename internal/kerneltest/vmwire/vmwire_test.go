package vmwire_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/kerneltest/vmwire"
)

func TestEventsArriveAsSent(t *testing.T) {
	sent := []vmwire.Event{
		{Booted: true},
		{Command: 0, Output: []byte("a\x00\xff\nb")},
		{Command: 1, Ended: true, Code: 137, Took: 5},
		{Error: "no disk"},
		{Done: true},
	}
	var line bytes.Buffer
	for _, e := range sent {
		if err := vmwire.Send(&line, e); err != nil {
			t.Fatal(err)
		}
	}
	line.WriteString("noise after the end\n")
	var got []vmwire.Event
	if err := vmwire.Receive(&line, func(e vmwire.Event) { got = append(got, e) }); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, sent) {
		t.Errorf("got %+v\nwant %+v", got, sent)
	}
}

func TestReceiveRefuses(t *testing.T) {
	ignore := func(vmwire.Event) {}
	if err := vmwire.Receive(strings.NewReader(`{"Booted":true}`+"\n"), ignore); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a stream without its end: %v, want io.ErrUnexpectedEOF", err)
	}
	if err := vmwire.Receive(strings.NewReader("[ 1.0] kernel: hello\n"), ignore); err == nil {
		t.Error("a line that is no event: no error")
	}
}
