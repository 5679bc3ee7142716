package check

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is for a machine that is busy; nothing here takes long.
const patience = 30 * time.Second

// started runs a workload's program as the kubelet would: with the manifest's
// arguments and nothing but its variables, the volumes being directories, and
// on ports that are free. It gives the addresses that it says it listens at.
func started(t *testing.T, w *workload, binary, dumps string) (cmd *exec.Cmd, addresses chan string) {
	t.Helper()
	app, env := w.container(t, "app"), map[string]string{"POD_NAME": "shop-0", "POD_NAMESPACE": "default", "NODE_NAME": "node"}
	cmd = exec.Command(binary)
	for _, arg := range app.Args {
		cmd.Args = append(cmd.Args, regexp.MustCompile(`^(-\w+)=.*:\d+$`).ReplaceAllString(arg, "$1=127.0.0.1:0"))
	}
	for _, e := range app.Env {
		if e.ValueFrom == nil {
			env[e.Name] = reference.ReplaceAllStringFunc(e.Value, func(s string) string { return env[s[2:len(s)-1]] })
		}
	}
	env["MEMGUARD_DUMP_DIR"], env["MEMGUARD_PODINFO"] = dumps, written(t, w, w.volume("podinfo"))
	if env["OTEL_EXPORTER_OTLP_ENDPOINT"] != "" {
		env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1" // Nobody is there, and nobody is asked where it is.
	}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // It has ended, where the test went well.
	addresses = make(chan string, 8)
	go func() {
		defer close(addresses)
		said := regexp.MustCompile(`(?:address=|page=http://)(127\.0\.0\.1:\d+)`)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			t.Log(lines.Text())
			if m := said.FindStringSubmatch(lines.Text()); m != nil {
				addresses <- m[1]
			}
			if strings.Contains(lines.Text(), "WARN memguard err=") {
				t.Errorf("the configuration is complained about: %s", lines.Text())
			}
		}
	}()
	return cmd, addresses
}

func answer(t *testing.T, address, path string) string {
	t.Helper()
	client := &http.Client{Timeout: patience}
	response, err := client.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%s: %s, %v", path, response.Status, err)
	}
	return string(body)
}

func TestProgramsRunAsTheManifestsSay(t *testing.T) {
	for _, name := range []string{"base", "prometheus", "otlp"} {
		t.Run(name, func(t *testing.T) {
			w := named(t, name)
			app := w.container(t, "app")
			binary, dumps := buildExample(t, buildLines(t)[0], exampleOf(app.Image)), t.TempDir()
			cmd, addresses := started(t, w, binary, dumps)
			next := func() string {
				select {
				case a := <-addresses:
					return a
				case <-time.After(patience):
					t.Fatal("it does not listen")
				}
				return ""
			}
			address := next()
			answer(t, address, app.ReadinessProbe.HTTPGet.Path)
			if path := w.deployment.Spec.Template.Annotations["prometheus.io/path"]; path != "" {
				const threshold = "memguard_threshold_bytes{memguard_threshold=\"80%\"} "
				if text := answer(t, address, path); !strings.Contains(text, threshold) {
					t.Errorf("%s has no %s:\n%s", path, threshold, text)
				}
			}
			if flagOf(app, "page") != "" {
				var page struct {
					Snapshot struct{ Limit struct{ Bytes int64 } }
				}
				text := answer(t, next(), "/debug/memguard/?format=json")
				if err := json.Unmarshal([]byte(text), &page); err != nil {
					t.Fatalf("the page: %v\n%s", err, text)
				}
				// The volume tells it here, unless a smaller one is around the test.
				if got, most := page.Snapshot.Limit.Bytes, app.Resources.Limits.Memory().Value(); got <= 0 || got > most {
					t.Errorf("the program's limit is %d, want the manifest's %d", got, most)
				}
			}
			boxes, err := filepath.Glob(filepath.Join(dumps, "blackbox-*.box"))
			if err != nil || len(boxes) != 1 {
				t.Errorf("black boxes on the volume: %v, %v", boxes, err)
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			for range addresses { // Until its output ends.
			}
			grace := time.Duration(*w.pod().TerminationGracePeriodSeconds) * time.Second
			if err := cmd.Wait(); err != nil || time.Since(begin) > grace {
				t.Errorf("told to end: %v after %v, want a clean end within %v", err, time.Since(begin), grace)
			}
		})
	}
}
