package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What is no complete file of memguard's is neither read nor shipped nor removed.
func TestForeignFilesAreLeftAlone(t *testing.T) {
	r := newRig(t, fileBucket(t))
	r.remove, r.clock = true, began.Add(3*time.Hour)
	r.dump(setA, "fresh", runA)
	r.death(runA)
	want := below(r.volumeFiles())

	elsewhere := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(elsewhere, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		".tmp-heapdump-0123456789abcdef", ".tmp-blackbox-" + runA, "heap-" + setA + "-fresh.pb.tmp", "notes.txt",
		"heap-" + setA + "-FRESH.pb", "heap-20201301T115900.123Z-p17-fresh.pb", "heap-" + setA + "-fresh.pb\n",
	} {
		r.write(name, "not ours")
	}
	foreign := map[string]string{}
	for name, text := range r.volumeFiles() {
		if text == "not ours" {
			foreign[name] = text
		}
	}
	other := "20201101T115910.000Z-p17"
	for _, link := range []string{"heap-" + other + "-fresh.pb", "crash-" + runB + ".txt"} {
		if err := os.Symlink(elsewhere, filepath.Join(r.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(r.dir, "heap-"+other+"-immediate.pb"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(r.dir, "heap-"+other+"-baseline.pb"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.ships(6)
	r.holds(want)
	same(t, "volume", r.volumeFiles(), foreign)
	if entries, err := os.ReadDir(r.dir); err != nil || len(entries) != len(foreign)+4 {
		t.Errorf("%d entries are left, want %d; %v", len(entries), len(foreign)+4, err)
	}
}

// at makes something happen once, after the first such step.
func (r *rig) at(step string, happen func()) {
	r.collector.after = func(s string) {
		if s == step {
			step = ""
			happen()
		}
	}
}

// Retention and Recover work on the volume at any moment of a pass.
func TestFilesThatGoOrChangeMeanwhile(t *testing.T) {
	profile := "heap-" + setA + "-fresh.pb"
	manifest := "heap-" + setA + "-fresh.json"
	for _, step := range []string{"list", "origin", "hash", "choose", "copy", "put", "verify"} {
		t.Run("gone after "+step, func(t *testing.T) {
			r := newRig(t, fileBucket(t))
			r.dump(setA, "fresh", runA)
			whole := below(r.volumeFiles())
			r.at(step, func() {
				for name := range r.volumeFiles() {
					if err := os.Remove(filepath.Join(r.dir, name)); err != nil {
						t.Error(err)
					}
				}
			})
			if got := r.once(); !got.complete() {
				t.Errorf("pass: %v\n%s", got, r.log)
			}
			for key, text := range r.objects() {
				if whole[key] != text {
					t.Errorf("%s has %.40q", key, text)
				}
			}
		})
		t.Run("changed after "+step, func(t *testing.T) {
			r := newRig(t, fileBucket(t))
			r.dump(setA, "fresh", runA)
			r.remove, r.clock = true, began.Add(2*time.Hour)
			r.at(step, func() { r.replace(profile, "profile of "+runA+", longer") })
			first := r.once()
			if late := step == "put" || step == "verify"; !late && (first.failed == 0 || first.left == 0) {
				t.Errorf("first pass: %v", first)
			}
			if text, ok := r.objects()["dumps/"+place+profile]; ok && text != "profile of "+runA {
				t.Errorf("half a change has arrived: %q", text)
			}
			r.ships(1)
			r.holds(below(r.volumeFiles()))
			if !strings.Contains(r.objects()["dumps/"+place+profile], "longer") {
				t.Error("the new file has not arrived")
			}
		})
	}
	t.Run("grows while it is read", func(t *testing.T) {
		r := newRig(t, fileBucket(t))
		r.dump(setA, "fresh", runA)
		r.at("choose", func() {
			f, err := os.OpenFile(filepath.Join(r.dir, profile), os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString("more")
			}
			if err != nil {
				t.Error(err)
			}
			_ = f.Close()
		})
		if got := r.once(); got.failed != 1 || got.left != 1 {
			t.Errorf("pass: %v", got)
		}
		if got, ok := r.objects()["dumps/"+place+profile]; ok {
			t.Errorf("it has arrived: %q", got)
		}
	})
	t.Run("manifest cannot be read", func(t *testing.T) {
		r := newRig(t, fileBucket(t))
		r.dump(setA, "fresh", runA)
		r.at("list", func() { r.replace(manifest, "another one") })
		if got := r.once(); got.shipped != 0 || got.left != 3 {
			t.Errorf("pass: %v", got)
		}
		if got := r.objects(); len(got) != 0 {
			t.Errorf("shipped under a guess: %v", maps.Keys(got))
		}
	})
}

// A changed file is not removed, even if its former self has arrived.
func TestChangedFileIsNotRemoved(t *testing.T) {
	r := newRig(t, fileBucket(t))
	r.everything()
	r.clock = began.Add(time.Minute)
	r.ships(15)
	r.remove, r.clock = true, began.Add(2*time.Hour)
	profile := "heap-" + setA + "-fresh.pb"
	removed := 0
	r.collector.after = func(step string) {
		if step == "remove" && removed == 0 {
			removed++
			r.replace("heap-"+setA+"-immediate.pb", "longer than it was, by far")
		}
	}
	r.once()
	if got := r.volumeFiles()["heap-"+setA+"-immediate.pb"]; got != "longer than it was, by far" {
		t.Errorf("the new file is %q", got)
	}
	if _, ok := r.volumeFiles()[profile]; ok {
		t.Error("what did arrive is still there")
	}
}
