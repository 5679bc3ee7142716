package blackbox

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/identity"
)

// realBox is the file of a box with so many samples and some events.
func realBox(t testing.TB, samples int) []byte {
	t.Helper()
	dir := t.TempDir()
	h := Header{
		Run: NewRun(time.Now(), 1), Start: time.Now(), PID: 1, BootID: "boot", Program: "service",
		Build: "example.org/service v1.2.3", Identity: identity.Identity{Pod: "service-0", Container: "service"},
	}
	b := New(Options{Dir: dir, Header: h, Bytes: MinBytes, Fault: func(err error) {
		if err != nil {
			t.Error(err)
		}
	}})
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	b.SetState(State{Limit: cgroupstat.Of(256 << 20), Basis: "unreclaimable", Thresholds: "80%, 90%", CrashOutput: ApplicationsOutput})
	ended, end := context.WithCancel(t.Context())
	end()
	s := benchSample()
	for range samples {
		s.UnixNano += int64(5 * time.Millisecond)
		b.Sample(&s, Full)
		b.Run(ended)
	}
	b.Event(time.Now(), Spike, 1, 2)
	b.Event(time.Now(), OOMKill, 3, 4)
	if err := b.Close(time.Now(), false); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, boxPrefix+h.Run+boxSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestReadWhatWasRecorded(t *testing.T) {
	s, err := Read(bytes.NewReader(realBox(t, 40)))
	if err != nil {
		t.Fatal(err)
	}
	if s.Program != "service" || s.Pod != "service-0" || s.PID != 1 || s.Limit.Or(0) != 256<<20 || s.Thresholds != "80%, 90%" || s.CrashOutput != ApplicationsOutput || s.Stopped.IsZero() || !s.Panicked.IsZero() {
		t.Errorf("%+v %+v", s.Header, s.State)
	}
	if len(s.Samples) != 40 || len(s.Events) != 2 || s.Torn != 0 {
		t.Fatalf("%d samples, %d events, %d torn", len(s.Samples), len(s.Events), s.Torn)
	}
	for i := range s.Samples {
		if got := s.Samples[i].Seq(); got != uint64(i+1) {
			t.Errorf("sample %d has number %d", i, got)
		}
	}
	if a, b := s.Events[1].Event(); s.Events[1].Kind() != OOMKill || a != 3 || b != 4 {
		t.Errorf("event %v: %d, %d", s.Events[1].Kind(), a, b)
	}
}

// What was in force before there was a file is in it from the first moment.
func TestOpenWritesTheState(t *testing.T) {
	dir := t.TempDir()
	run := NewRun(time.Now(), 1)
	b := New(Options{Header: Header{Run: run, Start: time.Now()}, Bytes: MinBytes, Fault: func(error) {}})
	b.SetState(State{Limit: cgroupstat.Of(1 << 20), Basis: "usage"})
	if err := b.OpenIn(dir); err != nil {
		t.Fatal(err)
	}
	defer b.target.Close()
	text, err := os.ReadFile(filepath.Join(dir, boxPrefix+run+boxSuffix))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := parse(text); err != nil || s.Limit.Or(0) != 1<<20 || s.Basis != "usage" || s.Torn != 0 {
		t.Errorf("%+v, %v", s.State, err)
	}
}

// Whatever is cut off or flipped, it is an error or a story, and a story never
// has a record that was not written so.
func TestReadDamaged(t *testing.T) {
	text := realBox(t, 100)
	whole, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	known := map[Record]bool{}
	for _, r := range append(whole.Samples, whole.Events...) {
		known[r] = true
	}
	check := func(what string, text []byte) {
		t.Helper()
		s, err := parse(text)
		if err != nil {
			if !damaged(err) {
				t.Errorf("%s: %v", what, err)
			}
			return
		}
		for _, r := range append(s.Samples, s.Events...) {
			if !known[r] {
				t.Errorf("%s: a record that was never written", what)
			}
		}
	}
	for n := 0; n < len(text); n += 61 {
		check("truncated", text[:n])
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		flipped := bytes.Clone(text)
		for range 1 + random.IntN(4) {
			flipped[random.IntN(len(flipped))] ^= 1 << random.IntN(8)
		}
		check("flipped", flipped)
	}
}

func TestReadRefuses(t *testing.T) {
	text := realBox(t, 1)
	edit := func(change func([]byte)) []byte {
		out := bytes.Clone(text)
		change(out)
		return out
	}
	for name, c := range map[string]struct {
		text []byte
		want error
		says string
	}{
		"empty":            {nil, ErrFormat, "only 0 bytes"},
		"one byte":         {[]byte{1}, ErrFormat, "only 1 bytes"},
		"less than a head": {text[:HeadBytes-1], ErrFormat, "only 8191"},
		"too large":        {make([]byte, MaxBytes+1), ErrFormat, "more than"},
		"zeros":            {make([]byte, MinBytes), ErrFormat, "header"},
		"text":             {bytes.Repeat([]byte("memguard "), 10000), ErrFormat, "header"},
		"another version":  {edit(func(b []byte) { b[len(headerMagic)] = '9' }), ErrVersion, "9, known is 2"},
		"header damaged":   {edit(func(b []byte) { b[100] ^= 1 }), ErrFormat, "header"},
	} {
		if _, err := Read(bytes.NewReader(c.text)); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v: %s", name, err, c.want, c.says)
		}
	}
}

// One of the two states is always whole; the later counts.
func TestStates(t *testing.T) {
	text := realBox(t, 1)
	first, second := page(text[headerBytes:headerBytes+stateBytes]), page(text[headerBytes+stateBytes:aroundAt])
	last, ok := parseStates(first, second)
	if !ok || last.Stopped.IsZero() {
		t.Fatalf("%+v, %v", last, ok)
	}
	newer := headerBytes
	if strings.HasPrefix(string(second), "state "+itoa(last.generation)) {
		newer += stateBytes
	}
	text[newer+500] ^= 1
	if s, err := parse(text); err != nil || !s.Stopped.IsZero() || s.Torn != 0 {
		t.Errorf("%+v, %v: want the state before", s.State, err)
	}
	clear(text[headerBytes:HeadBytes])
	if s, err := parse(text); err != nil || s.Torn != 1 {
		t.Errorf("%d torn, %v", s.Torn, err)
	}
}

func damaged(err error) bool { return errors.Is(err, ErrFormat) || errors.Is(err, ErrVersion) }

func itoa(n uint64) string { return cgroupstat.Of(n).String() }

func FuzzStory(f *testing.F) {
	box := realBox(f, 20)
	f.Add(box[:HeadBytes+20*recordBytes])
	f.Add(box[:headerBytes])
	f.Add(bytes.Repeat([]byte{0}, HeadBytes))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parse(text)
		if err != nil {
			if !damaged(err) {
				t.Error(err)
			}
			return
		}
		for i := range s.Samples {
			sample := s.Samples[i].Sample()
			_, _ = sample.Buckets()
		}
	})
}

// A header is one page whatever the texts are.
func TestHeaderTexts(t *testing.T) {
	h := Header{
		Run: NewRun(time.Now(), 1), Start: time.Now(), PID: 1, BootID: "a\nb: c", Program: strings.Repeat("ü", 1000),
		Build: "\x00\xff", Identity: identity.Identity{Pod: strings.Repeat("x", 1<<20), Container: "run: other"},
	}
	p := make(page, headerBytes)
	h.encode(p)
	got, err := parseHeader(p)
	if err != nil || got.Run != h.Run || got.BootID != "a b: c" || len(got.Pod) != maxText || len(got.Program) > maxText {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRunNames(t *testing.T) {
	run := NewRun(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), 1)
	for name, want := range map[string]bool{
		run: true, run + "0": false, run[1:]: false, "": false, strings.ToUpper(run[:len(run)-8]) + "ZZZZZZZZ": false,
		"../" + run: false, "20261399T120000.000Z-p1-00000000": false, "20261123T120000.000Z-p-00000000": false,
	} {
		if got := validRun(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
