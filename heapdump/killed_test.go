package heapdump

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// victimEnv makes the test binary capture into that directory for ever.
const victimEnv = "HEAPDUMP_TEST_VICTIM"

func captureUntilKilled(dir string) {
	s, err := Open(dir, Options{Keep: 1 << 20})
	if err != nil {
		panic(err)
	}
	for i := 0; ; i++ {
		if _, err := s.Capture(context.Background(), Request{Reason: "until killed", Goroutines: i%2 == 0}); err != nil {
			panic(err)
		}
		// Tells the parent that captures are under way.
		if _, err := fmt.Println(i); err != nil {
			panic(err)
		}
	}
}

func TestKilledInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 20 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), victimEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 1 + round%4 {
			if !lines.Scan() {
				t.Error("victim ended by itself")
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // Killed is what it says.
	}
	s := testStore(t, dir, Options{}, nil)
	files, err := s.dir.scan()
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if f.kind == manifestFile {
			if _, err := s.dir.manifest(f.fileName); err != nil {
				t.Error(err)
			}
			continue
		}
		parseProfileFile(t, s.join(f.String()))
	}
	var temps int
	for _, name := range listing(t, dir) {
		if _, ok := parseName(name); ok {
			continue
		}
		if !isTemp(name) {
			t.Errorf("strange file %s", name)
		}
		temps++
	}
	t.Logf("%d complete files, %d temporary ones of killed captures", len(files), temps)
}
