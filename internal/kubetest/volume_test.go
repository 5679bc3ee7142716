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

// downwardAPI is a downwardAPI volume as the kubelet writes it: replaced in one
// step, and the directory before is removed.
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
	if err := kerneltest.AtomicWrite(d.dir, next, d.now); err != nil {
		return err
	}
	if before == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(d.dir, before))
}
