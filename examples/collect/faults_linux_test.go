package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestRefusedNetworkIsTriedAgain(t *testing.T) {
	server := newS3(t, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	r := newRig(t, s3URL("http://"+address))
	// The S3 client itself tries each request three times, for some seconds.
	r.write("exit-"+runA+".json", exitText(runA))
	files := r.volumeFiles()
	for range 2 {
		if got := r.once(); got.shipped != 0 || got.left != 1 || got.refused != 1 {
			t.Fatalf("nobody listens: %v", got)
		}
	}
	if n := strings.Count(r.log.String(), "will be tried again"); n != 1 {
		t.Errorf("said %d times:\n%s", n, r.log)
	}
	if got := testutil.ToFloat64(r.metrics.errors.WithLabelValues(faultBucket)); got != 2 {
		t.Errorf("%v errors counted", got)
	}
	if listener, err = net.Listen("tcp", address); err != nil {
		t.Skip("the port is somebody else's meanwhile:", err)
	}
	web := &http.Server{Handler: server.Handler}
	go func() { _ = web.Serve(listener) }()
	t.Cleanup(func() { _ = web.Close() })
	r.ships(1)
	r.holds(below(files))
	if !strings.Contains(r.log.String(), "well again") {
		t.Errorf("log: %s", r.log)
	}
}

func TestServerWithoutRoom(t *testing.T) {
	for _, status := range []int{http.StatusInsufficientStorage, http.StatusInternalServerError, http.StatusForbidden} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var full atomic.Bool
			server := newS3(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					if q.Method == http.MethodPut && full.Load() {
						_, _ = io.Copy(io.Discard, q.Body)
						w.WriteHeader(status)
						return
					}
					next.ServeHTTP(w, q)
				})
			})
			r := newRig(t, server.url)
			r.remove, r.clock = true, began.Add(2*time.Hour)
			r.write("exit-"+runA+".json", exitText(runA))
			files := r.volumeFiles()
			full.Store(true)
			if got := r.once(); got.complete() || got.removed != 0 {
				t.Fatalf("full: %v", got)
			}
			same(t, "volume", r.volumeFiles(), files)
			full.Store(false)
			if got := r.once(); !got.complete() || got.removed != 1 {
				t.Fatalf("with room: %v\n%s", got, r.log)
			}
			r.holds(below(files))
		})
	}
}

// A bucket that refuses ends the pass early; the rest waits for the next one.
func TestRefusalsEndAPass(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bucket")
	r := newRig(t, "file://"+filepath.ToSlash(dir)+"?no_tmp_dir=1&create_dir=1")
	r.everything()
	// A file where a directory has to be.
	if err := os.WriteFile(mkdir(t, dir)+"/dumps", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := r.once(); got.shipped != 0 || got.left != 15 || got.refused != maxRefusals {
		t.Errorf("pass: %v", got)
	}
	if err := os.Remove(filepath.Join(dir, "dumps")); err != nil {
		t.Fatal(err)
	}
	r.ships(15)
}

func mkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A file system that is really full.
func TestDirectoryWithoutRoom(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Skip("a small file system needs root:", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	r := newRig(t, "file://"+filepath.ToSlash(dir)+"?no_tmp_dir=1")
	r.remove, r.clock = true, began.Add(2*time.Hour)
	r.dump(setA, "fresh", runA)
	r.death(runA)
	r.write("heap-"+setA+"-fresh.pb", strings.Repeat("x", 256<<10))
	files := r.volumeFiles()
	if got := r.once(); got.complete() || got.failed == 0 {
		t.Fatalf("full: %v", got)
	}
	for name := range files {
		if _, ok := r.volumeFiles()[name]; !ok && strings.Contains(name, "heap-") {
			t.Errorf("%s is gone", name)
		}
	}
	for key, text := range r.objects() {
		if below(files)[key] != text {
			t.Errorf("%s has half of a file", key)
		}
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=8m"); err != nil {
		t.Fatal(err)
	}
	if got := r.once(); !got.complete() {
		t.Fatalf("with room: %v\n%s", got, r.log)
	}
	r.holds(below(files))
	same(t, "volume", r.volumeFiles(), nil)
}

// The answer to an upload is lost: it is there, and is found.
func TestLostAnswerDoublesNothing(t *testing.T) {
	var losses atomic.Int32
	losses.Store(1)
	server := newS3(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			next.ServeHTTP(w, q)
			if q.Method == http.MethodPut && losses.Add(-1) >= 0 {
				panic(http.ErrAbortHandler)
			}
		})
	})
	r := newRig(t, server.url)
	r.dump(setA, "fresh", runA)
	for range 3 {
		r.once()
	}
	if got := r.once(); !got.complete() {
		t.Errorf("pass: %v", got)
	}
	r.holds(below(r.volumeFiles()))
}
