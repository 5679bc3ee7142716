package inuse

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/pprof/profile"
)

// TestFrames reads stacks with inlined calls; each location is one string per
// machine address, innermost call first.
func TestFrames(t *testing.T) {
	for name, c := range map[string]struct {
		locations [][]string
		want      []string // outermost first
	}{
		"plain":                   {[][]string{{"a.F"}, {"main.main"}}, []string{"main.main", "a.F"}},
		"inlined":                 {[][]string{{"a.in", "a.F"}, {"b.in", "b.in2", "main.main"}}, []string{"main.main", "b.in2", "b.in", "a.F", "a.in"}},
		"runtime is skipped":      {[][]string{{"runtime.mallocgc"}, {"internal/runtime/maps.New", "a.F"}, {"runtime.main"}}, []string{"runtime.main", "a.F"}},
		"all runtime":             {[][]string{{"runtime.in", "runtime.malg"}, {"runtime.newproc1"}}, []string{"runtime.newproc1", "runtime.malg", "runtime.in"}},
		"not the runtime":         {[][]string{{"runtimex.F"}, {"my/internal/runtime/x.G"}}, []string{"my/internal/runtime/x.G", "runtimex.F"}},
		"type arguments":          {[][]string{{"a.F[go.shape.[]int,string]"}}, []string{"a.F[...]"}},
		"address without symbol":  {[][]string{{}, {"a.F"}}, []string{"a.F", "0x100"}},
		"runtime below a no-name": {[][]string{{"runtime.mallocgc"}, {}, {"a.F"}}, []string{"a.F", "0x200"}},
		"no stack":                {nil, []string{"[unknown]"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "inuse_space"}}, Sample: []*profile.Sample{{Value: []int64{10}}}}
			for i, names := range c.locations {
				loc := &profile.Location{ID: uint64(i + 1), Address: uint64(i+1) << 8}
				for _, name := range names {
					f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name, Filename: "f.go"}
					p.Function = append(p.Function, f)
					loc.Line = append(loc.Line, profile.Line{Function: f, Line: 1})
				}
				p.Location = append(p.Location, loc)
				p.Sample[0].Location = append(p.Sample[0].Location, loc)
			}
			var b bytes.Buffer
			if err := p.Write(&b); err != nil {
				t.Fatal(err)
			}
			read, err := Read(&b)
			if err != nil {
				t.Fatal(err)
			}
			for s := range read.Stacks() {
				var got []string
				for f := range s.Frames() {
					got = append(got, f.Function)
				}
				if !slices.Equal(got, c.want) || s.Site().Function != got[len(got)-1] || s.Bytes != 10 || s.Objects != 0 {
					t.Errorf("got %q, site %+v, want %q", got, s.Site(), c.want)
				}
			}
		})
	}
}

// TestReadIsLinear has a stack of many addresses, each with many inlined calls
// of the runtime: all of them together are more than can be looked at.
func TestReadIsLinear(t *testing.T) {
	const many = 50_000
	f := &profile.Function{ID: 1, Name: "runtime.F"}
	loc := &profile.Location{ID: 1}
	for range many {
		loc.Line = append(loc.Line, profile.Line{Function: f})
	}
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "inuse_space"}},
		Function:   []*profile.Function{f}, Location: []*profile.Location{loc},
	}
	for range 10 {
		p.Sample = append(p.Sample, &profile.Sample{Value: []int64{1}, Location: slices.Repeat([]*profile.Location{loc}, many)})
	}
	var b bytes.Buffer
	if err := p.WriteUncompressed(&b); err != nil {
		t.Fatal(err)
	}
	read, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	for s := range read.Stacks() {
		if got := s.Site().Function; got != f.Name {
			t.Errorf("site %s", got)
		}
	}
}
