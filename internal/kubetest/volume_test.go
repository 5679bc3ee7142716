package kubetest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// downwardAPI is a downwardAPI volume as the kubelet writes it: the files go
// into a new directory beside, ..data is renamed to point to that, each file's
// name is a link through ..data, and the directory before is removed.
type downwardAPI struct {
	t      testing.TB
	dir    string
	writes atomic.Int64
	now    map[string]string
}

func newDownwardAPI(t testing.TB, files map[string]string) *downwardAPI {
	t.Helper()
	d := &downwardAPI{t: t, dir: kerneltest.Volume(t), now: map[string]string{}}
	d.set(files)
	return d
}

// set changes some files, in one swap.
func (d *downwardAPI) set(files map[string]string) {
	d.t.Helper()
	maps.Copy(d.now, files)
	if err := d.swap(); err != nil {
		d.t.Fatal(err)
	}
}

// annotate is kubectl annotate --overwrite: the whole map, sorted and quoted.
func (d *downwardAPI) annotate(annotations map[string]string) {
	d.t.Helper()
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		fmt.Fprintf(&text, "%s=%q\n", key, annotations[key])
	}
	d.set(map[string]string{"annotations": text.String(), "threshold": annotations["memguard.dev/threshold"]})
}

func (d *downwardAPI) swap() error {
	data := filepath.Join(d.dir, "..data")
	before, err := os.Readlink(data)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	next := time.Now().UTC().Format("..2006_01_02_15_04_05.") + strconv.FormatInt(d.writes.Add(1), 10)
	if err := os.Mkdir(filepath.Join(d.dir, next), 0o755); err != nil {
		return err
	}
	for name, text := range d.now {
		if err := os.WriteFile(filepath.Join(d.dir, next, name), []byte(text), 0o644); err != nil {
			return err
		}
		link := filepath.Join(d.dir, name)
		if err := os.Symlink(filepath.Join("..data", name), link); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if err := os.Symlink(next, data+"_tmp"); err != nil {
		return err
	}
	if err := os.Rename(data+"_tmp", data); err != nil {
		return err
	}
	if before == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(d.dir, before))
}
