package hugepage

import "testing"

func expect(t *testing.T, want bool) {
	t.Helper()
	got, err := isDisabled()
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("huge pages are off: %v, want %v", got, want)
	}
}

func TestPause(t *testing.T) {
	var p Pause
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	expect(t, false)
	must(p.Hold())
	must(p.Hold())
	expect(t, true)
	must(p.Release())
	expect(t, true)
	must(p.Release())
	expect(t, false)
}

// Who has switched them off wants them to stay off.
func TestPauseLeavesWhatOthersSet(t *testing.T) {
	if err := disable(true); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := disable(false); err != nil {
			t.Error(err)
		}
	}()
	var p Pause
	if err := p.Hold(); err != nil {
		t.Fatal(err)
	}
	if err := p.Release(); err != nil {
		t.Fatal(err)
	}
	expect(t, true)
}
