package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func noEnv(string) string { return "" }

func TestBadFlagsAreNamed(t *testing.T) {
	for _, c := range []struct{ flag, env, value string }{
		{"-bucket", "MEMGUARD_COLLECT_BUCKET", "ftp://dumps"},
		{"-prefix", "MEMGUARD_COLLECT_PREFIX", "a/../b"},
		{"-prefix", "MEMGUARD_COLLECT_PREFIX", "/a"},
		{"-interval", "MEMGUARD_COLLECT_INTERVAL", "1"},
		{"-interval", "MEMGUARD_COLLECT_INTERVAL", "1ms"},
		{"-settle", "MEMGUARD_COLLECT_SETTLE", "-1s"},
		{"-last-settle", "MEMGUARD_COLLECT_LAST_SETTLE", "soon"},
		{"-grace", "MEMGUARD_COLLECT_GRACE", "x"},
		{"-keep-for", "MEMGUARD_COLLECT_KEEP_FOR", "x"},
		{"-metrics-addr", "MEMGUARD_COLLECT_METRICS_ADDR", "9090"},
		{"-metrics-addr", "MEMGUARD_COLLECT_METRICS_ADDR", ":99999"},
		{"-once", "MEMGUARD_COLLECT_ONCE", "yes"},
		{"-delete", "MEMGUARD_COLLECT_DELETE", "yes"},
	} {
		base := []string{"-bucket", "mem://"}
		for from, call := range map[string]func(io.Writer) int{
			c.flag: func(w io.Writer) int {
				return run(t.Context(), append(base, c.flag+"="+c.value), noEnv, w)
			},
			c.env: func(w io.Writer) int {
				return run(t.Context(), nil, func(name string) string {
					return map[string]string{"MEMGUARD_COLLECT_BUCKET": "mem://", c.env: c.value}[name]
				}, w)
			},
		} {
			var out bytes.Buffer
			want := fmt.Sprintf("%s %q: accepted is ", from, c.value)
			if code := call(&out); code != 2 || !strings.Contains(out.String(), want) {
				t.Errorf("%s=%s: exit %d, %s", from, c.value, code, &out)
			}
		}
	}
	for _, args := range [][]string{{}, {"-bucket", "mem://", "more"}, {"-nonsense"}} {
		if code := run(t.Context(), args, noEnv, io.Discard); code != 2 {
			t.Errorf("%v: exit %d", args, code)
		}
	}
}

// Flags win over the environment; the README names all of both.
func TestSettings(t *testing.T) {
	env := map[string]string{"MEMGUARD_COLLECT_BUCKET": "mem://a", "MEMGUARD_DUMP_DIR": "/dumps", "MEMGUARD_COLLECT_ONCE": "true", "MEMGUARD_COLLECT_SETTLE": "5s"}
	o, err := configure([]string{"-settle=7s", "-delete"}, func(name string) string { return env[name] }, io.Discard)
	if err != nil || o.bucket != "mem://a" || o.dir != "/dumps" || !o.once || !o.remove || o.settle != 7*time.Second ||
		o.interval != 10*time.Second || o.keepFor != time.Hour {
		t.Errorf("%+v, %v", o, err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, s := range new(options).settings() {
		want = append(want, "`-"+s.flag+"` | `"+s.env+"`")
	}
	for _, m := range regexp.MustCompile("(?m)^\\| (`-[a-z-]+` \\| `[A-Z_]+`)").FindAllSubmatch(readme, -1) {
		got = append(got, string(m[1]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("README has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOnceTellsWhetherAllArrived(t *testing.T) {
	r := newRig(t, fileBucket(t))
	r.dump(setA, "fresh", runA)
	files := r.volumeFiles()
	args := []string{"-once", "-bucket", r.bucket, "-dir", r.dir, "-prefix", "dumps/"}
	var out bytes.Buffer
	if code := run(t.Context(), args, noEnv, &out); code != 0 || !strings.Contains(out.String(), "3 shipped") {
		t.Errorf("exit %d: %s", code, &out)
	}
	r.holds(below(files))
	r.writeAt("heap-20201101T115930.000Z-p17-fresh.pb", "new", time.Now())
	if code := run(t.Context(), args, noEnv, &out); code != 1 {
		t.Errorf("too young: exit %d", code)
	}
	if code := run(t.Context(), append(args, "-settle=0s"), noEnv, &out); code != 0 {
		t.Errorf("no settle time: exit %d", code)
	}
	if code := run(t.Context(), append(args, "-dir", r.dir+"/none"), noEnv, &out); code != 1 {
		t.Errorf("no directory: exit %d", code)
	}
	if code := run(t.Context(), append(args, "-bucket", "file:///none/such"), noEnv, &out); code != 1 {
		t.Errorf("no bucket: exit %d", code)
	}
}

// The loop goes on while the bucket fails, ever more slowly, and at SIGTERM
// ships what is there without its settle time, but no longer than grace.
func TestLoop(t *testing.T) {
	for _, well := range []bool{true, false} {
		t.Run(fmt.Sprintf("bucket well=%v", well), func(t *testing.T) {
			r := newRig(t, fileBucket(t))
			opened := r.open
			synctest.Test(t, func(t *testing.T) {
				// Time begins in 2000 here, before the files were written.
				r.now = func() time.Time { return time.Now().AddDate(30, 0, 0) }
				r.dump(setA, "fresh", runA)
				passes, broken := 0, true
				r.open = func(ctx context.Context) (*store, error) {
					if passes++; broken {
						return nil, fmt.Errorf("no bucket")
					}
					return opened(ctx)
				}
				stop, cancel := context.WithCancel(context.Background())
				o := options{interval: 10 * time.Second, settle: 30 * time.Second, lastSettle: 0, grace: 20 * time.Second}
				done := make(chan report)
				go func() { done <- r.loop(stop, o, quiet()) }()
				time.Sleep(time.Hour)
				if passes < 10 || passes > 30 {
					t.Errorf("%d passes in an hour of failure", passes)
				}
				broken = !well
				r.writeAt("heap-20201101T115930.000Z-p17-fresh.pb", "new", r.now())
				asked := time.Now()
				cancel()
				last := <-done
				if last.complete() != well {
					t.Errorf("last pass: %v", last)
				}
				if took := time.Since(asked); !well && (took < 15*time.Second || took > 25*time.Second) {
					t.Errorf("the last passes took %v", took)
				}
			})
			if got := len(r.objects()); well && got != 4 {
				t.Errorf("%d objects", got)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	r := newRig(t, fileBucket(t))
	r.dump(setA, "fresh", runA)
	r.writeAt("heap-20201101T115930.000Z-p17-fresh.pb", "young", r.clock)
	r.once()
	if problems, err := testutil.GatherAndLint(r.metrics.registry); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	address := "127.0.0.1:0"
	var log bytes.Buffer
	stop, err := r.metrics.serve(address, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	address = regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(log.String())
	answer, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"memguard_collect_files_shipped_total 3\n", "memguard_collect_pending_files 1\n",
		"memguard_collect_errors_total{kind=\"bucket\"} 0\n",
		fmt.Sprintf("memguard_collect_last_success_timestamp_seconds %v", float64(r.clock.Unix())),
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// A pass does so much and no more; -once goes on, with a line for each file.
func TestPassesAreBounded(t *testing.T) {
	r := newRig(t, fileBucket(t))
	const files = maxFiles + 10
	for i := range files {
		r.write(fmt.Sprintf("heap-20201101T1150%02d.%03dZ-p17-fresh.pb", i/100, i%100), "profile")
	}
	if got := r.once(); got.shipped != maxFiles || got.left != 10 || !got.cut {
		t.Errorf("pass: %v", got)
	}
	r.restart()
	var lines bytes.Buffer
	r.progress = progress(&lines)
	if got := r.drain(t.Context(), options{}); got.shipped != 10 || got.found != maxFiles || !got.complete() {
		t.Errorf("all: %v", got)
	}
	if n := strings.Count(lines.String(), "\n"); n != files || !strings.Contains(lines.String(), "[10/10] heap-20201101T115002.065Z-p17-fresh.pb: 7 bytes to dumps/here/") {
		t.Errorf("%d lines\n%s", n, &lines)
	}
}
