package check

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// literals are the strings that the Go files of a folder of the repository
// write down, without those of its tests; none where there is no such folder.
func literals(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if s, err := strconv.Unquote(l.Value); err == nil {
					all = append(all, s)
				}
			}
			return true
		})
	}
	return all
}

const collector = "examples/collect"

func haveCollector(t *testing.T) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(root, collector, "main.go"))
	return err == nil
}

// readVariables are those that the library reads, and the collector.
func readVariables(t *testing.T) []string {
	t.Helper()
	isVariable := regexp.MustCompile(`^MEMGUARD[A-Z_]*$`)
	all := slices.Concat(literals(t, "memguard"), literals(t, collector))
	all = slices.DeleteFunc(all, func(s string) bool { return !isVariable.MatchString(s) })
	if len(all) < 10 {
		t.Fatalf("only %v found in the code", all)
	}
	return all
}

// notRead lists the names of variables in a text that nothing reads.
func notRead(t *testing.T, text string) []string {
	t.Helper()
	known, haveCollector := readVariables(t), haveCollector(t)
	var bad []string
	for _, name := range regexp.MustCompile(`\bMEMGUARD[A-Z_]*[A-Z]\b`).FindAllString(text, -1) {
		if strings.HasPrefix(name, "MEMGUARD_COLLECT") && !haveCollector {
			continue
		}
		if !slices.Contains(known, name) {
			bad = append(bad, name)
		}
	}
	return bad
}

func TestVariablesAreRead(t *testing.T) {
	if bad := notRead(t, "MEMGUARD_DUMP_DIR MEMGUARD_DUMPDIR"); len(bad) != 1 {
		t.Fatalf("of a right name and a wrong one not read: %v", bad)
	}
	for _, w := range workloads(t) {
		for _, c := range w.containers() {
			for _, e := range c.Env {
				for _, name := range notRead(t, e.Name) {
					t.Errorf("%s: %s: nothing reads %s", w.name, c.Name, name)
				}
			}
		}
	}
}

var reference = regexp.MustCompile(`\$\((\w+)\)`)

// The kubelet leaves $(NAME) as it stands where NAME comes later or never.
func TestReferencesComeAfterTheirVariables(t *testing.T) {
	for _, w := range workloads(t) {
		for _, c := range w.containers() {
			seen := map[string]bool{}
			for _, e := range c.Env {
				for _, m := range reference.FindAllStringSubmatch(e.Value, -1) {
					if !seen[m[1]] {
						t.Errorf("%s: %s: %s refers to %s, which is not above it", w.name, c.Name, e.Name, m[1])
					}
				}
				if seen[e.Name] {
					t.Errorf("%s: %s: %s is there twice", w.name, c.Name, e.Name)
				}
				seen[e.Name] = true
			}
		}
	}
}

func variable(c corev1.Container, name string) string {
	for _, e := range c.Env {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}

// Names that Kubernetes cannot give are typed, and so may be wrong.
func TestResourceAttributesNameTheirObjects(t *testing.T) {
	known := literals(t, "internal/identity")
	for _, w := range workloads(t) {
		names := map[string]string{
			"k8s.container.name": "app", "k8s.deployment.name": w.deployment.Name,
			"k8s.pod.name": "$(POD_NAME)", "k8s.namespace.name": "$(POD_NAMESPACE)", "k8s.node.name": "$(NODE_NAME)",
		}
		for _, c := range w.containers() {
			for pair := range strings.SplitSeq(variable(c, "OTEL_RESOURCE_ATTRIBUTES"), ",") {
				key, value, _ := strings.Cut(pair, "=")
				if names[key] == "" || names[key] != value {
					t.Errorf("%s: %s: %s = %q, want %q", w.name, c.Name, key, value, names[key])
				}
				if !slices.Contains(known, key) {
					t.Errorf("%s: %s: nothing reads %s", w.name, c.Name, key)
				}
			}
			for _, e := range c.Env {
				if e.ValueFrom != nil && e.ValueFrom.FieldRef != nil && !slices.Contains(known, e.Name) {
					t.Errorf("%s: %s: nothing reads %s", w.name, c.Name, e.Name)
				}
			}
		}
		w.container(t, "app") // Which they all speak of.
	}
}
