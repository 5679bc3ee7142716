package check

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// flagOf gives the value of a flag among a container's arguments.
func flagOf(c corev1.Container, name string) string {
	for _, arg := range c.Args {
		if value, ok := strings.CutPrefix(arg, "-"+name+"="); ok {
			return value
		}
	}
	return ""
}

func TestPortsAgree(t *testing.T) {
	for _, w := range workloads(t) {
		app := w.container(t, "app")
		if len(app.Ports) != 1 {
			t.Fatalf("%s: ports %v", w.name, app.Ports)
		}
		port := app.Ports[0]
		if listen, want := flagOf(app, "listen"), fmt.Sprintf(":%d", port.ContainerPort); listen != want {
			t.Errorf("%s: the program listens at %q, its port is %s", w.name, listen, want)
		}
		if probe := app.ReadinessProbe.HTTPGet; probe.Port.String() != port.Name {
			t.Errorf("%s: the probe asks port %s, which is called %s", w.name, &probe.Port, port.Name)
		}
		if page := flagOf(app, "page"); page != "" && !strings.HasPrefix(page, "127.0.0.1:") {
			t.Errorf("%s: the page is at %s, want loopback", w.name, page)
		}
		for _, s := range w.services {
			for key, value := range s.Spec.Selector {
				if w.deployment.Spec.Template.Labels[key] != value {
					t.Errorf("%s: Service %s selects %s=%s, which the pods do not have", w.name, s.Name, key, value)
				}
			}
			if target := s.Spec.Ports[0].TargetPort; len(s.Spec.Selector) == 0 || target.String() != port.Name || s.Spec.Ports[0].Name != port.Name {
				t.Errorf("%s: Service %s: selector %v, port %s to %s, want %s", w.name, s.Name, s.Spec.Selector, s.Spec.Ports[0].Name, &target, port.Name)
			}
		}
	}
}

// Every flag in a manifest is one that the program defines.
func TestArgumentsAreFlags(t *testing.T) {
	for _, w := range workloads(t) {
		for _, c := range w.containers() {
			defined := literals(t, exampleOf(c.Image))
			for _, arg := range c.Args {
				name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
				if !slices.Contains(defined, name) {
					t.Errorf("%s: %s: %s has no flag -%s", w.name, c.Name, exampleOf(c.Image), name)
				}
			}
		}
	}
}

func TestScrapeFindsTheAnnotatedPort(t *testing.T) {
	w := named(t, "prometheus")
	app, notes := w.container(t, "app"), w.deployment.Spec.Template.Annotations
	if want := fmt.Sprint(app.Ports[0].ContainerPort); notes["prometheus.io/port"] != want || notes["prometheus.io/scrape"] != "true" {
		t.Errorf("annotations %v, want port %s to be scraped", notes, want)
	}
	if len(w.services) != 1 {
		t.Errorf("%d Services, want one", len(w.services))
	}
	if path := notes["prometheus.io/path"]; !slices.Contains(literals(t, exampleOf(app.Image)), path) {
		t.Errorf("the program does not serve %q", path)
	}
	var config struct {
		Scrapes []struct {
			Relabel []struct {
				Labels []string `json:"source_labels"`
				Regex  string
			} `json:"relabel_configs"`
		} `json:"scrape_configs"`
	}
	if err := yaml.Unmarshal(readFile(t, scrape), &config); err != nil {
		t.Fatal(err)
	}
	if keep := config.Scrapes[0].Relabel[0]; keep.Regex != "true;"+app.Ports[0].Name {
		t.Errorf("kept is %q, want the port %s", keep.Regex, app.Ports[0].Name)
	}
	var labels []string
	for _, r := range config.Scrapes[0].Relabel {
		labels = append(labels, r.Labels...)
	}
	for key := range notes {
		if name, ours := strings.CutPrefix(key, "prometheus.io/"); ours && !slices.Contains(labels, "__meta_kubernetes_pod_annotation_prometheus_io_"+name) {
			t.Errorf("scrape.yml does not look at the annotation %s", key)
		}
	}
}

var scrape = filepath.Join(here, "overlays", "prometheus", "scrape.yml")

// Debian's promtool knows no Kubernetes: it is shown the rest.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		kerneltest.Missing(t, "no promtool (apt-get install --no-install-recommends prometheus): %v", err)
	}
	discovery := []byte("    kubernetes_sd_configs:\n      # Pods, not endpoints: one that is not ready is the one to look at.\n      - role: pod\n")
	text := readFile(t, scrape)
	if !bytes.Contains(text, discovery) {
		t.Fatalf("%s has no discovery of pods", scrape)
	}
	rules, err := filepath.Abs(filepath.Join(root, "deploy", "prometheus", "memguard.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, discovery, nil, 1)
	text = bytes.Replace(text, []byte("../../../../deploy/prometheus/memguard.rules.yml"), []byte(rules), 1)
	rest := filepath.Join(t.TempDir(), "scrape.yml")
	if err := os.WriteFile(rest, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "check", "config", rest).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("1 rule files found")) {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
