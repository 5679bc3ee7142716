package cgroupstat

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestParsePressure(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Pressure
		bad        bool
	}{
		{
			"linux 6.1",
			"some avg10=1.53 avg60=0.87 avg300=100.00 total=58761459\nfull avg10=0.00 avg60=0.25 avg300=0.01 total=12\n",
			Pressure{
				Some: PressureLine{1.53, 0.87, 100, 58761459 * time.Microsecond},
				Full: PressureLine{0, 0.25, 0.01, 12 * time.Microsecond},
			},
			false,
		},
		{"only some", "some avg10=0.00 avg60=0.00 avg300=0.50 total=1", Pressure{Some: PressureLine{0, 0, 0.5, time.Microsecond}}, false},
		{"lines and fields to come", "half avg10=what\nsome avg10=0.10 avg900=? total=5\n", Pressure{Some: PressureLine{Avg10: 0.1, Total: 5 * time.Microsecond}}, false},
		{"empty", "", Pressure{}, false},
		{"no fields", "some\n", Pressure{}, true},
		{"no value", "some avg10\n", Pressure{}, true},
		{"no fraction", "some avg10=1\n", Pressure{}, true},
		{"not a number", "some avg10=NaN\n", Pressure{}, true},
		{"negative", "some avg10=-1.00\n", Pressure{}, true},
		{"fraction too long", "some avg10=0.1234567\n", Pressure{}, true},
		{"total too large for a duration", "some total=18446744073709551615\n", Pressure{}, true},
		{"total largest", "some total=9223372036854775\n", Pressure{Some: PressureLine{Total: 9223372036854775 * time.Microsecond}}, false},
		{"total too large by one", "some total=9223372036854776\n", Pressure{}, true},
		{"blank line", "\nsome total=1\n", Pressure{}, true},
		{"two spaces", "some  total=1\n", Pressure{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got Pressure
			err := parsePressure([]byte(c.text), &got)
			if (err != nil) != c.bad || (c.bad && !errors.Is(err, errMalformed)) {
				t.Fatalf("error %v, want one: %v", err, c.bad)
			}
			if !c.bad && got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func FuzzPressure(f *testing.F) {
	f.Add([]byte("some avg10=1.53 avg60=0.87 avg300=100.00 total=58761459\nfull avg10=0.00 avg60=0.25 avg300=0.01 total=12\n"))
	f.Add([]byte("some total=9223372036854776\n"))
	f.Add([]byte("some avg10=. avg10=1. avg10=.1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var p Pressure
		if parsePressure(text, &p) != nil {
			return
		}
		for _, l := range []PressureLine{p.Some, p.Full} {
			for _, avg := range []float64{l.Avg10, l.Avg60, l.Avg300} {
				if avg < 0 || math.IsNaN(avg) || math.IsInf(avg, 0) {
					t.Fatalf("%q: %+v", text, p)
				}
			}
			if l.Total < 0 {
				t.Fatalf("%q: %+v", text, p)
			}
		}
	})
}
