package main

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/identity"
)

func TestShipsAllOnce(t *testing.T) {
	onStores(t, func(t *testing.T, bucket string) {
		r := newRig(t, bucket)
		r.dump(setA, "immediate", runA)
		r.dump(setA, "fresh", runA)
		r.death(runA)
		files := r.volumeFiles()
		r.ships(9)
		r.holds(below(files))
		same(t, "volume", r.volumeFiles(), files) // Nothing goes without -delete.

		// The same process does not even look; a new one looks and sends nothing.
		if got := r.once(); got.shipped+got.found != 0 || !got.complete() {
			t.Errorf("second pass: %v", got)
		}
		r.restart()
		if got := r.once(); got.shipped != 0 || got.found != 9 || !got.complete() {
			t.Errorf("after a restart: %v\n%s", got, r.log)
		}
		r.holds(below(files))

		attributes, err := r.store.Attributes(t.Context(), "dumps/"+place+"heap-"+setA+"-fresh.pb")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"run": runA, "node": "node-1", "sha256": mustContent(t, "profile of "+runA).sha256}
		if !maps.Equal(attributes.Metadata, want) {
			t.Errorf("metadata %v, want %v", attributes.Metadata, want)
		}
	})
}

func mustContent(t *testing.T, text string) content {
	t.Helper()
	c, err := contentOf(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSymbolsAddedLaterTakeThePlace(t *testing.T) {
	onStores(t, func(t *testing.T, bucket string) {
		for _, restarted := range []bool{false, true} {
			r := newRig(t, bucket)
			r.prefix = map[bool]string{false: "dumps/", true: "again/"}[restarted]
			r.dump(setA, "fresh", runA)
			r.ships(3)
			profile := "heap-" + setA + "-fresh.pb"
			r.replace(profile, "profile of "+runA+" with symbols")
			if restarted {
				prefix := r.prefix
				r.restart()
				r.prefix = prefix
			}
			if got := r.once(); got.shipped != 1 || !got.complete() {
				t.Fatalf("pass: %v", got)
			}
			if got := r.objects()[r.prefix+place+profile]; got != "profile of "+runA+" with symbols" {
				t.Errorf("the object is %q", got)
			}
			// A file that has lost something takes no place of a whole one.
			r.replace(profile, "prof")
			if got := r.once(); got.shipped != 1 || !got.complete() {
				t.Fatalf("pass: %v", got)
			}
			if got := r.objects()[r.prefix+place+profile]; got != "profile of "+runA+" with symbols" {
				t.Errorf("the object is %q", got)
			}
		}
	})
}

// Two pods of one name, or a clock set back: the same name for another run.
func TestAnotherRunIsNeverOverwritten(t *testing.T) {
	onStores(t, func(t *testing.T, bucket string) {
		a, b := newRig(t, bucket), newRig(t, bucket)
		a.dump(setA, "fresh", runA)
		b.dump(setA, "fresh", runB)
		a.ships(3)
		b.ships(3)
		want := below(a.volumeFiles())
		tag := "-r" + shortHash(runB)
		for name, text := range b.volumeFiles() {
			n, _ := parseName(name)
			want["dumps/"+place+n.head+tag+n.tail] = text
		}
		b.holds(want)
		b.restart()
		if got := b.once(); got.shipped != 0 || got.found != 3 {
			t.Errorf("again: %v", got)
		}
		// Symbols find the run's own place.
		b.replace("heap-"+setA+"-fresh.pb", "profile of "+runB+" with symbols")
		b.ships(1)
		want["dumps/"+place+"heap-"+setA+tag+"-fresh.pb"] = "profile of " + runB + " with symbols"
		b.holds(want)
	})
}

// A profile whose name is another run's takes its manifest with it.
func TestASetStaysTogether(t *testing.T) {
	a := newRig(t, fileBucket(t))
	b := newRig(t, a.bucket)
	a.dump(setA, "fresh", runA)
	a.ships(3)
	ctx := t.Context()
	for _, name := range []string{"heap-" + setA + "-fresh.json", "goroutine-" + setA + "-fresh.pb"} {
		if err := a.store.Delete(ctx, "dumps/"+place+name); err != nil {
			t.Fatal(err)
		}
	}
	b.dump(setA, "fresh", runB)
	b.ships(3)
	tag := "-r" + shortHash(runB)
	want := map[string]string{"dumps/" + place + "heap-" + setA + "-fresh.pb": "profile of " + runA}
	for name, text := range b.volumeFiles() {
		n, _ := parseName(name)
		want["dumps/"+place+n.head+tag+n.tail] = text
	}
	b.holds(want)
}

func TestCorruptManifestIsKept(t *testing.T) {
	for name, text := range map[string]string{
		"torn":    `{"version": 1, "run": "2026`,
		"empty":   "",
		"version": `{"version": 99}`,
		"huge":    `{"version":1,"reason":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, fileBucket(t))
			r.write("heap-"+setA+"-fresh.pb", "profile")
			r.write("heap-"+setA+"-fresh.json", text)
			r.ships(2)
			r.holds(map[string]string{
				"dumps/_/_/_/_/_/heap-" + setA + "-fresh.pb":   "profile",
				"dumps/_/_/_/_/_/heap-" + setA + "-fresh.json": text,
			})
			// Another one of unknown origin is another one.
			other := newRig(t, r.bucket)
			other.write("heap-"+setA+"-fresh.json", "!")
			other.ships(1)
			if got := other.objects()["dumps/_/_/_/_/_/heap-"+setA+"-c"+mustContent(t, "!").sha256[:8]+"-fresh.json"]; got != "!" {
				t.Errorf("objects: %v", other.objects())
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	build := heapdump.Build{Version: "v1.2.3+dirty"}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // the object of the first file by name
	}{
		{"no manifest: the collector's own", map[string]string{"heap-" + setA + "-fresh.pb": "x"}, "here/collector/_/collector-0/_/"},
		{
			"manifest with version",
			map[string]string{"heap-" + setA + "-fresh.json": manifestText(t, runA, shop, build)},
			"prod/shop/v1.2.3+dirty/shop-0/app/",
		},
		{
			"manifest without build, of another pod: nothing is filled in",
			map[string]string{"heap-" + setA + "-fresh.json": manifestText(t, runA, identity.Identity{Pod: "other-0"}, heapdump.Build{Version: "(devel)"})},
			"_/_/devel/other-0/_/",
		},
		{
			"manifest without identity",
			map[string]string{"heap-" + setA + "-fresh.json": `{"version":1,"context":[1]}`},
			"here/collector/devel/collector-0/_/",
		},
		{
			"names that would lead elsewhere",
			map[string]string{"heap-" + setA + "-fresh.json": manifestText(t, runA, identity.Identity{
				Namespace: "../..", Workload: "a/../../b", Pod: "\x00\n/", Container: ".." + strings.Repeat("x", 300),
			}, heapdump.Build{Version: ".git"})},
			"_._../a_.._.._b/_git/___/_." + strings.Repeat("x", 109) + "-" + shortHash(".."+strings.Repeat("x", 300)) + "/",
		},
		{"exit story", map[string]string{"exit-" + runA + ".json": exitText(runA)}, "prod/shop/0123456789ab/shop-0/app/"},
		{"exit story without build", map[string]string{"exit-" + runA + ".json": `{"namespace":"n","pod":"p"}`}, "n/_/devel/p/_/"},
		{"exit story damaged", map[string]string{"exit-" + runA + ".json": `{`}, "_/_/_/_/_/"},
		{"crash beside its story", map[string]string{"crash-" + runA + ".txt": "x", "exit-" + runA + ".json": exitText(runA)}, "prod/shop/0123456789ab/shop-0/app/"},
		{"crash alone", map[string]string{"crash-" + runA + ".txt": "x"}, "here/collector/_/collector-0/_/"},
		{"box set aside", map[string]string{"blackbox-" + runA + ".bad": "x"}, "_/_/_/_/_/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, fileBucket(t))
			want := map[string]string{}
			for name, text := range c.files {
				r.write(name, text)
				want["dumps/"+c.want+name] = text
			}
			r.ships(len(c.files))
			r.holds(want)
		})
	}
}

// A damaged object under the right name is no arrival.
func TestWhatArrivedIsVerified(t *testing.T) {
	onStores(t, func(t *testing.T, bucket string) {
		r := newRig(t, bucket)
		r.dump(setA, "fresh", runA)
		r.ships(3)
		key := "dumps/" + place + "heap-" + setA + "-fresh.pb"
		damaged := strings.Repeat("x", len("profile of "+runA))
		if err := r.store.WriteAll(t.Context(), key, []byte(damaged), nil); err != nil {
			t.Fatal(err)
		}
		r.restart()
		if got := r.once(); got.shipped != 1 || !got.complete() {
			t.Fatalf("pass: %v", got)
		}
		found := false
		for _, text := range r.objects() {
			found = found || text == "profile of "+runA
		}
		if !found {
			t.Errorf("the profile is nowhere: %v", r.objects())
		}
	})
}

func TestYoungFilesWait(t *testing.T) {
	r := newRig(t, fileBucket(t))
	r.dump(setA, "immediate", runA)
	r.writeAt("heap-"+setA+"-fresh.pb", "fresh", began.Add(45*time.Second))
	if got := r.once(); got.shipped != 0 || got.young != 4 || got.complete() {
		t.Errorf("a stage was added 15 s ago: %v", got)
	}
	r.clock = began.Add(75 * time.Second)
	r.ships(4)
}
