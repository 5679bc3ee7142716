package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"gocloud.dev/blob"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/identity"
)

// began is when the files of tests were written, unless they say otherwise.
var began = time.Date(2020, 11, 1, 12, 0, 0, 0, time.UTC)

const (
	runA = "20201101T115000.000Z-p17-0000000a"
	runB = "20201101T115500.000Z-p17-0000000b"
	setA = "20201101T115900.123Z-p17"
	// place is where the files of shop-0 go, below the prefix.
	place = "prod/shop/0123456789ab/shop-0/app/"
)

var shop = identity.Identity{Namespace: "prod", Workload: "shop", Pod: "shop-0", Container: "app", Node: "node-1"}

// rig is a volume, a bucket and a collector between them.
type rig struct {
	*collector
	t      *testing.T
	dir    string
	bucket string
	clock  time.Time
	log    *bytes.Buffer
}

func newRig(t *testing.T, bucket string) *rig {
	t.Helper()
	return newRigIn(t, bucket, t.TempDir())
}

func newRigIn(t *testing.T, bucket, dir string) *rig {
	t.Helper()
	r := &rig{t: t, dir: dir, bucket: bucket, clock: began.Add(time.Minute), log: &bytes.Buffer{}}
	r.restart()
	t.Cleanup(func() { _ = r.close() })
	return r
}

// restart is a new process: it knows nothing of what the one before did.
func (r *rig) restart() {
	o := options{bucket: r.bucket, dir: r.dir, prefix: "dumps/", keepFor: time.Hour}
	remove := r.collector != nil && r.remove
	r.collector = newCollector(o, func(string) string { return "" }, slog.New(slog.NewTextHandler(r.log, nil)))
	r.now = func() time.Time { return r.clock }
	r.here = identity.Identity{Namespace: "here", Workload: "collector", Pod: "collector-0"}
	r.remove = remove
}

func (r *rig) once() report { return r.pass(r.t.Context(), haste{settle: 30 * time.Second}) }

// ships makes a pass and fails unless everything arrives.
func (r *rig) ships(want int) {
	r.t.Helper()
	if got := r.once(); !got.complete() || got.shipped != want {
		r.t.Fatalf("pass: %v, want %d shipped and nothing left\n%s", got, want, r.log)
	}
}

func (r *rig) write(name, text string) { r.writeAt(name, text, began) }

func (r *rig) writeAt(name, text string, at time.Time) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		r.t.Fatal(err)
	}
}

// replace puts another file in the place of one, as symbols are added.
func (r *rig) replace(name, text string) {
	r.t.Helper()
	r.write(".tmp-heapdump-0123456789abcdef", text)
	if err := os.Rename(filepath.Join(r.dir, ".tmp-heapdump-0123456789abcdef"), filepath.Join(r.dir, name)); err != nil {
		r.t.Fatal(err)
	}
}

func manifestText(t *testing.T, run string, id identity.Identity, b heapdump.Build) string {
	t.Helper()
	context, err := json.Marshal(map[string]any{"identity": id})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(heapdump.Manifest{Version: heapdump.ManifestVersion, Run: run, Build: b, Context: context})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func exitText(run string) string {
	return fmt.Sprintf(`{"kind":"crash","run":%q,"build":"example.org/shop (devel) 0123456789ab",`+
		`"namespace":"prod","workload":"shop","pod":"shop-0","container":"app"}`, run)
}

// dump writes a set of one stage with all its files.
func (r *rig) dump(set, stage, run string) {
	r.t.Helper()
	r.write("heap-"+set+"-"+stage+".pb", "profile of "+run)
	r.write("heap-"+set+"-"+stage+".json", manifestText(r.t, run, shop, heapdump.Build{VCSRevision: "0123456789abcdef"}))
	r.write("goroutine-"+set+"-"+stage+".pb", "goroutines of "+run)
}

// death writes what a run leaves whose end is told.
func (r *rig) death(run string) {
	r.t.Helper()
	r.write("blackbox-"+run+".box", "box of "+run)
	r.write("crash-"+run+".txt", "panic: in "+run)
	r.write("exit-"+run+".json", exitText(run))
}

// volumeFiles are the contents of all files in the volume by name.
func (r *rig) volumeFiles() map[string]string {
	r.t.Helper()
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		if e.Type().IsRegular() {
			text, err := os.ReadFile(filepath.Join(r.dir, e.Name()))
			if err != nil {
				r.t.Fatal(err)
			}
			files[e.Name()] = string(text)
		}
	}
	return files
}

// objects are the contents of all objects in the bucket by key.
func (r *rig) objects() map[string]string { return r.objectsBelow("") }

func (r *rig) objectsBelow(prefix string) map[string]string {
	r.t.Helper()
	ctx := r.t.Context()
	b := r.opened()
	defer func() { _ = b.Close() }()
	found := map[string]string{}
	for list := b.List(&blob.ListOptions{Prefix: prefix}); ; {
		o, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			r.t.Fatal(err)
		}
		text, err := b.ReadAll(ctx, o.Key)
		if err != nil {
			r.t.Fatal(err)
		}
		found[o.Key] = string(text)
	}
}

func (r *rig) opened() *blob.Bucket {
	r.t.Helper()
	b, err := blob.OpenBucket(context.WithoutCancel(r.t.Context()), r.bucket)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// holds fails unless the bucket has these objects and no other.
func (r *rig) holds(want map[string]string) {
	r.t.Helper()
	same(r.t, "bucket", r.objects(), want)
}

func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if text, ok := got[key]; !ok {
			t.Errorf("%s lacks %s", what, key)
		} else if text != want[key] {
			t.Errorf("%s: %s is %.80q, want %.80q", what, key, text, want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			t.Errorf("%s has %s too", what, key)
		}
	}
}

// below is where files go with everything known.
func below(files map[string]string) map[string]string {
	objects := map[string]string{}
	for name, text := range files {
		if _, ok := parseName(name); ok {
			objects["dumps/"+place+name] = text
		}
	}
	return objects
}

func fileBucket(t *testing.T) string {
	t.Helper()
	return "file://" + filepath.ToSlash(t.TempDir()) + "?no_tmp_dir=1"
}

// s3 is a server of the S3 protocol; handler stands before it.
type s3 struct {
	http.Handler
	address string
	url     string
}

func newS3(t *testing.T, before func(http.Handler) http.Handler) *s3 {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_MAX_ATTEMPTS": "1",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	backend := s3mem.New()
	if err := backend.CreateBucket("dumps"); err != nil {
		t.Fatal(err)
	}
	handler := gofakes3.New(backend).Server()
	if before != nil {
		handler = before(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s := &s3{Handler: handler, address: strings.TrimPrefix(server.URL, "http://")}
	s.url = s3URL(server.URL)
	return s
}

func s3URL(endpoint string) string {
	return "s3://dumps?" + url.Values{
		"endpoint": {endpoint}, "region": {"us-east-1"}, "use_path_style": {"true"},
		"hostname_immutable": {"true"}, "disable_https": {"true"},
	}.Encode()
}

// onStores runs a test with each protocol.
func onStores(t *testing.T, test func(t *testing.T, bucket string)) {
	t.Run("file", func(t *testing.T) { test(t, fileBucket(t)) })
	t.Run("s3", func(t *testing.T) { test(t, newS3(t, nil).url) })
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
