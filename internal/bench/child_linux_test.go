package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// The test binary starts itself inside a group, with this variable naming
// what to do there.
const roleVariable = "BENCH_ROLE"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "charge":
		err = charge(os.Args[1])
	case "limits":
		err = limits()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// inside runs a role in the group and returns its standard output.
func inside(t *testing.T, group *kerneltest.Group, role string, args ...string) []byte {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), role))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	group.Start(t, cmd)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s in %s: %v", role, group.Dir, err)
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// charge leaves clean page cache behind, charged to the group.
func charge(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(make([]byte, 8<<20)); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	_, err = os.ReadFile(path)
	return err
}

// bothLimits is what the two libraries see from inside.
type bothLimits struct {
	Memguard     cgroupstat.Value
	Automemlimit uint64
}

func limits() error {
	loc, err := cgroupstat.Locate()
	if err != nil {
		return err
	}
	reader, err := cgroupstat.Open(loc)
	if err != nil {
		return err
	}
	defer reader.Close()
	var own cgroupstat.Limits
	if err := reader.Limits(&own); err != nil {
		return err
	}
	theirs, err := memlimit.FromCgroup()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(bothLimits{own.Max.Bytes, theirs})
}
