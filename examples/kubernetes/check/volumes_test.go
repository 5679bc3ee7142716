package check

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/memguard-dev/go-memguard/internal/podinfo"
)

func (w *workload) volume(name string) *corev1.Volume {
	for i, v := range w.pod().Volumes {
		if v.Name == name {
			return &w.pod().Volumes[i]
		}
	}
	return nil
}

func TestMountsReferToVolumes(t *testing.T) {
	for _, w := range workloads(t) {
		used := map[string]bool{}
		for _, c := range w.containers() {
			for _, m := range c.VolumeMounts {
				used[m.Name] = true
				if w.volume(m.Name) == nil {
					t.Errorf("%s: %s mounts %s, and there is no such volume", w.name, c.Name, m.Name)
				}
				if m.SubPath+m.SubPathExpr != "" {
					t.Errorf("%s: %s mounts %s by subPath, which never updates", w.name, c.Name, m.Name)
				}
			}
		}
		for _, v := range w.pod().Volumes {
			if !used[v.Name] {
				t.Errorf("%s: nobody mounts %s", w.name, v.Name)
			}
		}
	}
	debug := &corev1.Container{}
	decode(readFile(t, filepath.Join(here, "debug-container.yaml")), debug)
	if len(debug.VolumeMounts) != 1 || named(t, "base").volume(debug.VolumeMounts[0].Name) == nil {
		t.Errorf("debug-container.yaml mounts %v, want the volume of the dumps", debug.VolumeMounts)
	}
	if user := named(t, "distroless").pod().SecurityContext.RunAsUser; *debug.SecurityContext.RunAsUser != *user {
		t.Errorf("debug-container.yaml runs as %d, the program as %d", *debug.SecurityContext.RunAsUser, *user)
	}
}

// The dump directory of each container is a volume that outlives it; the
// program may write to it, and who only reads may not.
func TestDumpDirIsAnEmptyDirOnDisk(t *testing.T) {
	for _, w := range workloads(t) {
		for _, c := range w.containers() {
			dir, found := variable(c, "MEMGUARD_DUMP_DIR"), false
			for _, m := range c.VolumeMounts {
				if m.MountPath != dir {
					continue
				}
				found = true
				empty := w.volume(m.Name).EmptyDir
				if m.ReadOnly != (c.Name == "collect") || empty == nil || empty.SizeLimit == nil || empty.Medium != corev1.StorageMediumDefault {
					t.Errorf("%s: %s: %s is %+v, read-only %t: want an emptyDir on disk with a sizeLimit, for the program writable", w.name, c.Name, dir, empty, m.ReadOnly)
				}
			}
			if !found {
				t.Errorf("%s: %s: MEMGUARD_DUMP_DIR=%q is not where a volume is mounted", w.name, c.Name, dir)
			}
		}
	}
}

func TestDumpsStayBelowTheSizeLimit(t *testing.T) {
	for _, w := range workloads(t) {
		app, limit := w.container(t, "app"), *w.volume("dumps").EmptyDir.SizeLimit
		told, err := resource.ParseQuantity(variable(app, "MEMGUARD_DUMP_SIZE_LIMIT"))
		if err != nil || told.Cmp(limit) != 0 {
			t.Errorf("%s: MEMGUARD_DUMP_SIZE_LIMIT = %s, %v, want the volume's sizeLimit %s", w.name, &told, err, &limit)
		}
		most, err := resource.ParseQuantity(variable(app, "MEMGUARD_DUMP_MAX_BYTES"))
		if err != nil || most.Value() > limit.Value()*8/10 {
			t.Errorf("%s: MEMGUARD_DUMP_MAX_BYTES = %s, %v, want at most 80 %% of %s", w.name, &most, err, &limit)
		}
		if disk := app.Resources.Limits.StorageEphemeral(); disk.Cmp(limit) <= 0 {
			t.Errorf("%s: limits.ephemeral-storage = %s, want more than the volume's %s", w.name, disk, &limit)
		}
	}
}

// written lays out what the kubelet would write for the items of a volume.
func written(t *testing.T, w *workload, volume *corev1.Volume) string {
	t.Helper()
	dir, annotations := t.TempDir(), w.deployment.Spec.Template.Annotations
	ofKey := regexp.MustCompile(`^metadata\.annotations\['(.+)'\]$`)
	for _, item := range volume.DownwardAPI.Items {
		var text string
		switch {
		case item.ResourceFieldRef != nil:
			c := w.container(t, item.ResourceFieldRef.ContainerName)
			name, isLimit := strings.CutPrefix(item.ResourceFieldRef.Resource, "limits.")
			q, ok := c.Resources.Limits[corev1.ResourceName(name)]
			if !isLimit || !ok {
				t.Errorf("%s: item %s: %s has no %s", w.name, item.Path, c.Name, item.ResourceFieldRef.Resource)
			}
			text = q.AsDec().String()
		case ofKey.MatchString(item.FieldRef.FieldPath):
			text = annotations[ofKey.FindStringSubmatch(item.FieldRef.FieldPath)[1]]
		case item.FieldRef.FieldPath == "metadata.annotations":
			for _, key := range slices.Sorted(maps.Keys(annotations)) {
				text += key + `="` + annotations[key] + "\"\n"
			}
		default:
			t.Errorf("%s: item %s: %s is not known to this test", w.name, item.Path, item.FieldRef.FieldPath)
		}
		if err := os.WriteFile(filepath.Join(dir, item.Path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The library reads from the volume what the manifest says elsewhere.
func TestPodInfoIsRead(t *testing.T) {
	known := literals(t, "internal/podinfo")
	for _, w := range workloads(t) {
		volume := w.volume("podinfo")
		if volume == nil || volume.DownwardAPI == nil {
			t.Fatalf("%s: no downward API volume", w.name)
		}
		var paths []string
		for _, item := range volume.DownwardAPI.Items {
			paths = append(paths, item.Path)
			if !slices.Contains(known, item.Path) {
				t.Errorf("%s: nothing reads the file %s", w.name, item.Path)
			}
		}
		if slices.Sort(paths); !slices.Equal(paths, []string{"annotations", "memory_limit", "threshold"}) {
			t.Errorf("%s: files %v", w.name, paths)
		}
		got, _ := podinfo.Open(written(t, w, volume)).Read()
		app := w.container(t, "app")
		limit, parsed := resource.ParseQuantity(got.MemoryLimit.Text)
		if got.Err() != nil || parsed != nil || limit.Cmp(*app.Resources.Limits.Memory()) != 0 || got.Threshold.Text != "80%" {
			t.Errorf("%s: the library reads %+v, %v, want %s and 80%%", w.name, got, got.Err(), app.Resources.Limits.Memory())
		}
		if !slices.Contains(literals(t, "memguard"), podInfoDir(app)) {
			t.Errorf("%s: podinfo is mounted at %q, where the library does not look by itself", w.name, podInfoDir(app))
		}
	}
}

func podInfoDir(c corev1.Container) string {
	for _, m := range c.VolumeMounts {
		if m.Name == "podinfo" {
			return m.MountPath
		}
	}
	return ""
}

// ofMemguard are the annotations that have a meaning.
var ofMemguard = []string{
	podinfo.ThresholdAnnotation, podinfo.BasisAnnotation, podinfo.DumpAnnotation, podinfo.SizeLimitAnnotation,
}

var annotation = regexp.MustCompile(`memguard\.dev/[\w.-]*\w`)

func TestAnnotationsHaveAMeaning(t *testing.T) {
	texts := append(manifests(t), filepath.Join(root, "docs", "kubernetes.md"))
	for _, path := range texts {
		for _, key := range annotation.FindAllString(string(readFile(t, path)), -1) {
			if !slices.Contains(ofMemguard, key) {
				t.Errorf("%s: nothing reads the annotation %s", path, key)
			}
		}
	}
}
