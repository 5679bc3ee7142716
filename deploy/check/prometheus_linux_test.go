package check

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// server is a Prometheus that belongs to one test.
type server struct {
	t   *testing.T
	dir string
	url string
}

const (
	job     = "shop"
	targets = "targets.json"
	config  = `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: ` + job + `
    file_sd_configs: [{files: [` + targets + `], refresh_interval: 1s}]
`
	// holdFor is what every rule's "for" is cut to.
	holdFor = 5 * time.Second
)

var (
	forClause = regexp.MustCompile(`(?m)^(\s+for:) \S+$`)
	serving   = regexp.MustCompile(`msg="Listening on" address=(\S+)`)
)

// startPrometheus runs it with the rules, without a target as yet.
func startPrometheus(t *testing.T) *server {
	t.Helper()
	path := program(t, "prometheus")
	s := &server{t: t, dir: t.TempDir()}
	s.write("rules.yml", forClause.ReplaceAll(readFile(t, rules), []byte("$1 "+holdFor.String())))
	s.write(targets, []byte("[]"))
	s.write("prometheus.yml", []byte(config))
	cmd := exec.Command(path, "--config.file="+filepath.Join(s.dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(s.dir, "tsdb"), "--web.listen-address=127.0.0.1:0")
	p := launch(t, cmd, func(cmd *exec.Cmd) {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	})
	s.url = "http://" + p.says(serving)
	until(t, "Prometheus is ready", func() bool {
		response, err := http.Get(s.url + "/-/ready")
		if err != nil {
			return false
		}
		_ = response.Body.Close() // Nothing was read.
		return response.StatusCode == http.StatusOK
	})
	return s
}

// write replaces a file as a whole, as Prometheus watches some.
func (s *server) write(name string, text []byte) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.t.Fatal(err)
	}
}

// scrape gives it its target.
func (s *server) scrape(address string) {
	s.t.Helper()
	s.write(targets, []byte(fmt.Sprintf(`[{"targets": [%q]}]`, address)))
}

// get asks the HTTP API.
func (s *server) get(path string, args url.Values, into any) {
	s.t.Helper()
	response, err := http.Get(s.url + path + "?" + args.Encode())
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: into}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		s.t.Fatalf("%s %v: %s: %v", path, args, response.Status, err)
	}
	if answer.Status != "success" {
		s.t.Fatalf("%s %v: %s", path, args, answer.Error)
	}
}

// series is what a query returns.
type series struct {
	Metric map[string]string
	Value  *point
	Values []point
}

// point is a value at a time in milliseconds.
type point struct {
	At    int64
	Value float64
}

// UnmarshalJSON reads [1700000000.123, "42"].
func (p *point) UnmarshalJSON(text []byte) error {
	var at float64
	var value string
	if err := json.Unmarshal(text, &[]any{&at, &value}); err != nil {
		return err
	}
	p.At = int64(at*1000 + 0.5)
	var err error
	p.Value, err = strconv.ParseFloat(value, 64)
	return err
}

func (s *server) query(expr string) []series {
	s.t.Helper()
	var data struct{ Result []series }
	s.get("/api/v1/query", url.Values{"query": {expr}}, &data)
	return data.Result
}

func (s *server) queryRange(expr string, from, to time.Time) []series {
	s.t.Helper()
	var data struct{ Result []series }
	s.get("/api/v1/query_range", url.Values{
		"query": {expr}, "step": {"1"},
		"start": {from.UTC().Format(time.RFC3339Nano)}, "end": {to.UTC().Format(time.RFC3339Nano)},
	}, &data)
	return data.Result
}

// labelValues are those that a label of some series has had.
func (s *server) labelValues(label, match string) []string {
	s.t.Helper()
	var values []string
	s.get("/api/v1/label/"+label+"/values", url.Values{"match[]": {match}}, &values)
	return values
}

// states are those of the alerts that are there, by name.
func (s *server) states() map[string]string {
	s.t.Helper()
	var data struct {
		Alerts []struct {
			Labels map[string]string
			State  string
		}
	}
	s.get("/api/v1/alerts", nil, &data)
	states := map[string]string{}
	for _, a := range data.Alerts {
		states[a.Labels["alertname"]] = a.State
	}
	return states
}
