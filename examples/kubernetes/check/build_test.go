package check

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const (
	root = "../../.." // of the repository
	here = ".."       // examples/kubernetes
)

// overlays are the folders that kubectl apply -k is given.
func overlays(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(here, "overlays", "*", "kustomization.yaml"))
	if err != nil || len(found) < 4 {
		t.Fatalf("overlays: %v, %v, want at least four", found, err)
	}
	for i, file := range found {
		found[i] = filepath.Dir(file)
	}
	return append(found, filepath.Join(here, "base"))
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// build gives the documents of a folder.
func build(t *testing.T, dir string) [][]byte {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	var docs [][]byte
	for _, r := range made.Resources() {
		doc, err := r.AsYAML()
		if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		docs = append(docs, doc)
	}
	return docs
}

// kinds are those in use; another one has to be added here to be checked.
func newObject(apiVersion, kind string) any {
	switch apiVersion + " " + kind {
	case "apps/v1 Deployment":
		return &appsv1.Deployment{}
	case "v1 Service":
		return &corev1.Service{}
	}
	return nil
}

// decode refuses fields that the kind does not have, in another case as well,
// and fields that are there twice. An API server would drop or only warn.
func decode(doc []byte, into any) []string {
	text, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return []string{err.Error()}
	}
	strict, err := kjson.UnmarshalStrict(text, into)
	if err != nil {
		strict = append(strict, err)
	}
	var all []string
	for _, e := range strict {
		all = append(all, e.Error())
	}
	return all
}

// object decodes a document as the kind that it says it is.
func object(t *testing.T, where string, doc []byte) any {
	t.Helper()
	var kind struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(doc, &kind); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	into := newObject(kind.APIVersion, kind.Kind)
	if into == nil {
		t.Fatalf("%s: %s %s is not known to this test", where, kind.APIVersion, kind.Kind)
	}
	for _, bad := range decode(doc, into) {
		t.Errorf("%s: %s %s: %s", where, kind.APIVersion, kind.Kind, bad)
	}
	return into
}

// workload is what an overlay makes.
type workload struct {
	name       string // of the overlay
	deployment *appsv1.Deployment
	services   []*corev1.Service
}

func (w *workload) pod() *corev1.PodSpec { return &w.deployment.Spec.Template.Spec }

// containers are all of the pod's, sidecars too.
func (w *workload) containers() []corev1.Container {
	return slices.Concat(w.pod().InitContainers, w.pod().Containers)
}

func (w *workload) container(t *testing.T, name string) corev1.Container {
	t.Helper()
	for _, c := range w.containers() {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("%s: no container %s", w.name, name)
	return corev1.Container{}
}

// workloads builds and decodes all overlays.
func workloads(t *testing.T) []*workload {
	t.Helper()
	var all []*workload
	for _, dir := range overlays(t) {
		w := &workload{name: filepath.Base(dir)}
		for _, doc := range build(t, dir) {
			switch o := object(t, w.name, doc).(type) {
			case *appsv1.Deployment:
				w.deployment = o
			case *corev1.Service:
				w.services = append(w.services, o)
			}
		}
		if w.deployment == nil {
			t.Fatalf("%s makes no Deployment", w.name)
		}
		all = append(all, w)
	}
	return all
}

func named(t *testing.T, name string) *workload {
	t.Helper()
	for _, w := range workloads(t) {
		if w.name == name {
			return w
		}
	}
	t.Fatalf("no overlay %s", name)
	return nil
}

func TestOverlaysDecodeStrictly(t *testing.T) {
	for _, w := range workloads(t) {
		if w.deployment.Spec.Selector == nil || len(w.deployment.Spec.Selector.MatchLabels) == 0 {
			t.Errorf("%s: the Deployment selects nothing", w.name)
		}
		for key, value := range w.deployment.Spec.Selector.MatchLabels {
			if w.deployment.Spec.Template.Labels[key] != value {
				t.Errorf("%s: selects %s=%s, which its pods do not have", w.name, key, value)
			}
		}
	}
}

// Patches are decoded by themselves as well: merged, a misspelled field might
// hide behind one that is right.
func TestSourcesDecodeStrictly(t *testing.T) {
	for _, path := range manifests(t) {
		if filepath.Base(path) == "kustomization.yaml" {
			continue // Kustomize decodes these, strictly.
		}
		object(t, path, readFile(t, path))
	}
	container := &corev1.Container{}
	for _, bad := range decode(readFile(t, filepath.Join(here, "debug-container.yaml")), container) {
		t.Errorf("debug-container.yaml: %s", bad)
	}
	// What kubectl debug --custom does not take.
	if container.Name+container.Image != "" || container.Command != nil || container.Lifecycle != nil {
		t.Error("debug-container.yaml sets a name, image, command or lifecycle, which kubectl debug refuses")
	}
}

// Without this, a decoder that swallows everything would pass all the others.
func TestMisspelledFieldsAreRefused(t *testing.T) {
	good := string(build(t, filepath.Join(here, "base"))[0])
	if bad := decode([]byte(good), &appsv1.Deployment{}); bad != nil {
		t.Fatalf("the base itself: %v", bad)
	}
	for name, c := range map[string]struct{ field, instead, want string }{
		"unknown":   {"sizeLimit:", "sizelimits:", `unknown field "spec.template.spec.volumes[0].emptyDir.sizelimits"`},
		"case":      {"mountPath:", "mountpath:", `unknown field "spec.template.spec.containers[0].volumeMounts[0].mountpath"`},
		"structure": {"resizePolicy:", "resizePolicies:", `unknown field "spec.template.spec.containers[0].resizePolicies"`},
		"twice":     {"replicas: 1", "replicas: 1\n  replicas: 2", `"replicas" already set`},
		"type":      {"replicas: 1", "replicas: one", "cannot unmarshal"},
		"quantity":  {"sizeLimit: 512Mi", "sizeLimit: 512 MB", "quantities must match"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, c.field) {
				t.Fatalf("the base has no %q", c.field)
			}
			bad := strings.Join(decode([]byte(strings.ReplaceAll(good, c.field, c.instead)), &appsv1.Deployment{}), "\n")
			if !strings.Contains(bad, c.want) {
				t.Errorf("%q in place of %q gives %q, want %q", c.instead, c.field, bad, c.want)
			}
		})
	}
}
