package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// childSteps tells the test binary to be the collector, and after how many
// steps to kill itself; 0 is never.
const childSteps = "COLLECT_TEST_STEPS"

func TestMain(m *testing.M) {
	if steps := os.Getenv(childSteps); steps != "" {
		os.Exit(child(steps))
	}
	os.Exit(m.Run())
}

func child(steps string) int {
	o, err := configure(os.Args[1:], os.Getenv, os.Stderr)
	left, err2 := strconv.Atoi(steps)
	if err = errors.Join(err, err2); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	c := newCollector(o, func(string) string { return "" }, quiet())
	c.after = func(string) {
		if left--; left == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	if r := c.drain(context.Background(), o); !r.complete() {
		fmt.Fprintln(os.Stderr, r)
		return 1
	}
	return 0
}

func childCommand(t *testing.T, steps int, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), childSteps+"="+strconv.Itoa(steps))
	cmd.Stderr = &bytes.Buffer{}
	return cmd
}

// everything writes two told runs, one of which has two stages.
func (r *rig) everything() {
	r.dump(setA, "immediate", runA)
	r.dump(setA, "fresh", runA)
	r.death(runA)
	r.dump("20201101T115930.000Z-p17", "fresh", runB)
	r.death(runB)
}

// errKilled stands for SIGKILL: nothing of the process runs after it.
var errKilled = errors.New("killed")

// passKilled makes a pass that ends after so many steps; false: it had fewer.
func (r *rig) passKilled(steps int) (killed bool) {
	defer func() {
		if reason := recover(); reason != nil {
			if reason != any(errKilled) {
				panic(reason)
			}
			killed = true
		}
	}()
	r.after = func(string) {
		if steps--; steps < 0 {
			panic(errKilled)
		}
	}
	r.once()
	return false
}

// Killed after every single step, and started again: nothing is lost, nothing
// is doubled, and what had to go has gone.
func TestKilledAfterEveryStep(t *testing.T) {
	onStores(t, func(t *testing.T, bucket string) {
		for _, remove := range []bool{false, true} {
			t.Run(fmt.Sprintf("delete=%v", remove), func(t *testing.T) {
				steps := 0
				for ; ; steps++ {
					r := newRig(t, bucket)
					prefix := fmt.Sprintf("%v-%d/", remove, steps)
					r.prefix, r.remove = prefix, remove
					r.clock = began.Add(2 * time.Hour)
					r.dump(setA, "fresh", runA)
					r.death(runA)
					files := r.volumeFiles()
					killed := r.passKilled(steps)
					if killed {
						r.lostNothing(files, prefix)
						r.restart()
						r.prefix = prefix
						r.clock = began.Add(2 * time.Hour)
						if got := r.once(); !got.complete() {
							t.Fatalf("after a kill at step %d: %v\n%s", steps, got, r.log)
						}
					}
					same(t, fmt.Sprintf("bucket after a kill at step %d", steps), r.under(prefix), below(files))
					left := files
					if remove {
						left = map[string]string{}
					}
					same(t, fmt.Sprintf("volume after a kill at step %d", steps), r.volumeFiles(), left)
					if !killed || t.Failed() {
						break
					}
				}
				// 6 files: origin, hash, choose, copy, put and verify of each.
				if want := 36; steps < want {
					t.Errorf("only %d steps, want %d", steps, want)
				}
			})
		}
	})
}

// under gives the finished objects below a prefix, as if it were dumps/.
func (r *rig) under(prefix string) map[string]string {
	found := map[string]string{}
	for key, text := range r.objectsBelow(prefix) {
		if rest, ok := strings.CutPrefix(key, prefix); ok && !strings.HasSuffix(key, ".tmp") {
			found["dumps/"+rest] = text
		}
	}
	return found
}

// lostNothing fails unless each file is whole in the volume or in the bucket.
func (r *rig) lostNothing(files map[string]string, prefix string) {
	r.t.Helper()
	objects, left := r.under(prefix), r.volumeFiles()
	for key, text := range below(files) {
		name := key[strings.LastIndex(key, "/")+1:]
		if objects[key] != text && left[name] != text {
			r.t.Errorf("%s is lost", name)
		}
	}
	for key, text := range objects {
		if below(files)[key] != text {
			r.t.Errorf("%s has half of a file: %.40q", key, text)
		}
	}
}

// The same with real processes and a real SIGKILL.
func TestSIGKILLAfterSteps(t *testing.T) {
	r := newRig(t, fileBucket(t))
	r.everything()
	files := r.volumeFiles()
	args := []string{"-bucket", r.bucket, "-dir", r.dir, "-prefix", "dumps/", "-once", "-delete"}
	kills := 0
	for _, steps := range []int{4, 6, 7, 23, 58, 97, 0} {
		err := childCommand(t, steps, args...).Run()
		r.lostNothing(files, "dumps/")
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
			kills++
		} else if err != nil {
			t.Fatalf("%d steps: %v", steps, err)
		}
	}
	if kills < 4 {
		t.Errorf("only %d processes were killed", kills)
	}
	same(t, "bucket", r.under("dumps/"), below(files))
	same(t, "volume", r.volumeFiles(), nil)
}

// A process is killed while the server reads its upload.
func TestSIGKILLInTheMiddleOfAnUpload(t *testing.T) {
	inside, killed := make(chan struct{}), make(chan struct{})
	var first sync.Once
	server := newS3(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.Method == http.MethodPut {
				first.Do(func() {
					_, _ = io.CopyN(io.Discard, q.Body, 1<<20)
					close(inside)
					<-killed
					panic(http.ErrAbortHandler)
				})
			}
			next.ServeHTTP(w, q)
		})
	})
	r := newRig(t, server.url)
	r.dump(setA, "fresh", runA)
	large := strings.Repeat("profile of "+runA, 1<<18)
	// Several parts, so that the kill is in the middle of the first.
	r.write("heap-"+setA+"-fresh.pb", strings.Repeat(large, 4))
	files := r.volumeFiles()
	args := []string{"-bucket", r.bucket, "-dir", r.dir, "-prefix", "dumps/", "-once"}
	cmd := childCommand(t, 0, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-inside:
	case <-time.After(20 * time.Second):
		t.Error("no upload began")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // It was killed.
	close(killed)
	if got := r.objects(); len(got) != 0 {
		t.Errorf("half an upload is an object: %d", len(got))
	}
	if out, err := childCommand(t, 0, args...).Output(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.holds(below(files))
	same(t, "volume", r.volumeFiles(), files)
}
