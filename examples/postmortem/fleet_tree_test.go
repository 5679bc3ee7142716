package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

// crafted is a heap profile of these functions and bytes; a name "-" leaves
// the addresses alone.
func crafted(t *testing.T, pairs ...any) []byte {
	t.Helper()
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}},
		PeriodType: &profile.ValueType{Type: "space", Unit: "bytes"}, Period: 512 << 10,
	}
	for i := 0; i < len(pairs); i += 2 {
		id := uint64(i/2 + 1)
		loc := &profile.Location{ID: id, Address: id << 8}
		if name := pairs[i].(string); name != "-" {
			f := &profile.Function{ID: id, Name: name, Filename: "/src/" + name + ".go"}
			p.Function = append(p.Function, f)
			loc.Line = []profile.Line{{Function: f, Line: 7}}
		}
		p.Location = append(p.Location, loc)
		p.Sample = append(p.Sample, &profile.Sample{Location: []*profile.Location{loc}, Value: []int64{1, int64(pairs[i+1].(int)) * (1 << 20)}})
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// put writes files below a root: path and content, text or JSON.
func put(t *testing.T, root string, pairs ...any) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		text, ok := pairs[i+1].([]byte)
		if !ok {
			var err error
			if text, err = json.Marshal(pairs[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		name := filepath.Join(root, pairs[i].(string))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

func manifest(run string, stage heapdump.Stage, at time.Time, top ...heapdump.Site) heapdump.Manifest {
	return heapdump.Manifest{Version: heapdump.ManifestVersion, Run: run, Stage: stage, Time: at, Top: top}
}

func fleetTold(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, complaints bytes.Buffer
	if code := run(append([]string{"-fleet"}, args...), &out, &complaints); code != want {
		t.Errorf("%q: exit code %d, want %d: %s", args, code, want, complaints.String())
	}
	return out.String() + complaints.String()
}

func fleetOf(t *testing.T, args ...string) fleet {
	t.Helper()
	var f fleet
	if err := json.Unmarshal([]byte(fleetTold(t, 0, append([]string{"-json"}, args...)...)), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

const fleetPods = 20

// fleetTree is three workloads of twenty pods. In each pod other lines hold
// most; main.small holds 40 MiB in each, and is in the top of none.
func fleetTree(t *testing.T) string {
	root := t.TempDir()
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	grown := int64(30 << 20)
	for _, workload := range []string{"api", "cart", "web"} {
		for pod := range fleetPods {
			run := fmt.Sprintf("20261123T120000.000Z-p1-%s%05d", map[string]string{"api": "aaa", "cart": "ccc", "web": "eee"}[workload], pod)
			dir := fmt.Sprintf("shop/%s/v1/%s-%d/main/", workload, workload, pod)
			own := fmt.Sprintf("main.own%s%d", workload, pod)
			stamp := dir + "heap-20261123T120100.000Z-p1-"
			put(t, root,
				stamp+"fresh.pb", crafted(t, own, 500, own+"a", 41, own+"b", 42, own+"c", 43, own+"d", 44, "main.small", 40),
				stamp+"fresh.json", manifest(run, heapdump.Fresh, noon.Add(time.Minute), heapdump.Site{Function: "main.small", File: "/src/main.small.go", Line: 7, Bytes: 40 << 20, Grown: &grown}),
				stamp+"immediate.pb", crafted(t, own, 9000),
				stamp+"immediate.json", manifest(run, heapdump.Immediate, noon.Add(time.Minute)),
				dir+"exit-"+run+".json", postmortem.Exit{Kind: postmortem.OOMSuspected, Run: run, Time: noon.Add(2 * time.Minute)},
			)
		}
	}
	return root
}

// What is small in each pod and the most over the fleet is first, and the
// commands that are printed merge just those profiles.
func TestFleet(t *testing.T) {
	root := fleetTree(t)
	f := fleetOf(t, "-n", "3", root)
	if f.Pods != 3*fleetPods || f.Runs != 3*fleetPods || f.Measured != 3*fleetPods || len(f.Missing) != 0 || len(f.Groups) != 3 || len(f.Sites) != 3 {
		t.Fatalf("%+v", f)
	}
	s := f.Sites[0]
	if s.Function != "main.small" || s.Bytes != 3*fleetPods*40<<20 || s.Pods != 3*fleetPods || s.TopRuns != 0 ||
		s.Grown == nil || *s.Grown != 3*fleetPods*30<<20 || s.GrownRuns != 3*fleetPods || strings.Join(s.Workloads, " ") != "shop/api shop/cart shop/web" {
		t.Errorf("%+v", s)
	}
	for _, g := range f.Groups {
		if g.Namespace != "shop" || g.Build != "v1" || g.Pods != fleetPods || g.Exits[postmortem.OOMSuspected] != fleetPods || len(g.Profiles) != fleetPods {
			t.Errorf("%+v", g)
		}
		if !strings.HasSuffix(g.Pprof, "/"+g.Workload+"/v1/*/main/heap-20261123T120100.000Z-p1-fresh.pb") {
			t.Errorf("%s", g.Pprof)
		}
		if top := merged(t, g.Pprof); !strings.Contains(top, "800MB") || !strings.Contains(top, "main.small") || strings.Contains(top, "9000MB") {
			t.Errorf("%s", top)
		}
	}
	text := fleetTold(t, 0, "-n", "3", root)
	for _, want := range []string{"3 builds, 60 pods, 60 runs", "shop/cart, build v1", "20 oom_suspected", "2.34 GiB", "main.small.go:7  shop/api and 2 more"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if got := fleetTold(t, 1, "-since", "2027-01-01", root); !strings.Contains(got, "no run below") {
		t.Errorf("%s", got)
	}
}

// merged runs a command that was printed, as text.
func merged(t *testing.T, command string) string {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell to try the command with")
	}
	cmd := exec.Command(shell, "-c", strings.Replace(command, "-http=localhost:", "-top -sample_index=inuse_space", 1))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, stderr.String())
	}
	return string(out)
}

var retained []byte

// Dumps as a service writes them: the names are the manifest's, not the folder's.
func TestFleetOfRealDumps(t *testing.T) {
	root := t.TempDir()
	retained = make([]byte, 32<<20)
	defer func() { retained = nil }()
	for i := range 3 {
		dir := filepath.Join(root, "n", "w", "b", "p", fmt.Sprint(i))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		store, err := heapdump.Open(dir, heapdump.Options{Run: fmt.Sprintf("20261123T120000.000Z-p1-0000000%d", i)})
		if err != nil {
			t.Fatal(err)
		}
		where := map[string]any{"identity": map[string]string{"namespace": "real", "workload": "shop", "pod": fmt.Sprintf("shop-%d", i)}}
		_, err = store.Capture(t.Context(), heapdump.Request{Stage: heapdump.Fresh, Top: 5, Context: where})
		if err = errors.Join(err, store.Close()); err != nil {
			t.Fatal(err)
		}
	}
	runtime.KeepAlive(retained)
	f := fleetOf(t, root)
	if len(f.Groups) != 1 || len(f.Missing) != 0 {
		t.Fatalf("%+v", f)
	}
	g := f.Groups[0]
	if g.Namespace != "real" || g.Workload != "shop" || g.Build != "b" || g.Pods != 3 || g.Runs != 3 || g.NoVerdict != 3 || g.Partial != 0 {
		t.Errorf("%+v", g)
	}
	if s := g.Sites[0]; !strings.HasSuffix(s.Function, ".TestFleetOfRealDumps") || s.Bytes < 96<<20 || s.Pods != 3 || s.TopRuns != 3 {
		t.Errorf("%+v", s)
	}
	if top := merged(t, g.Pprof); !strings.Contains(top, "TestFleetOfRealDumps") {
		t.Errorf("%s", top)
	}
}
