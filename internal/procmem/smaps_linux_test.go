package procmem

import (
	"runtime"
	"testing"
)

func TestMappingsOfThisProcess(t *testing.T) {
	hold := make([]byte, 32<<20)
	for i := 0; i < len(hold); i += 4096 {
		hold[i] = 1
	}
	groups, whole, err := Mappings()
	if err != nil || !whole {
		t.Fatal(err)
	}
	var heap, program bool
	for _, g := range groups {
		heap = heap || g.Group == "anon: Go: heap" && g.Anon >= 32<<20
		program = program || g.Group == "program" && g.RSS > 0
	}
	if !heap || !program {
		t.Errorf("%+v", groups)
	}
	runtime.KeepAlive(hold)
}
