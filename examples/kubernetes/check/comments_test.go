package check

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// manifests are the files under base and overlays that become objects.
func manifests(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, dir := range []string{"base", "overlays"} {
		err := filepath.WalkDir(filepath.Join(here, dir), func(path string, _ fs.DirEntry, err error) error {
			if filepath.Ext(path) == ".yaml" {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 8 {
		t.Fatalf("only %d manifests: %v", len(found), found)
	}
	return found
}

// plain are the fields that say what a thing is and leave nothing to explain.
var plain = []string{"apiVersion", "kind", "name", "resources", "path"}

// longest is how many lines a comment above a block can be about.
const longest = 5

var field = regexp.MustCompile(`^( *)((?:- )*)([\w./-]+):(?: (.*))?$`)

// uncommented lists the lines that set something and do not say why. A line is
// explained by a comment on it, by one directly above it, or by one on or above
// the head of a short block that it is in.
func uncommented(text string) []string {
	lines := strings.Split(text, "\n")
	indent := func(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
	explained := make([]bool, len(lines))
	for i, line := range lines {
		bare := strings.TrimSpace(line)
		if strings.HasPrefix(bare, "#") || !strings.Contains(line, " # ") && (i == 0 || !strings.HasPrefix(strings.TrimSpace(lines[i-1]), "#")) {
			continue
		}
		block := i + 1
		for block < len(lines) && indent(lines[block]) > indent(line) {
			block++
		}
		explained[i] = true
		if block-i <= longest {
			for j := i; j < block; j++ {
				explained[j] = true
			}
		}
	}
	var bad []string
	for i, line := range lines {
		m := field.FindStringSubmatch(line)
		if m == nil || m[4] == "" || slices.Contains(plain, m[3]) || explained[i] {
			continue // Without a value it opens a block, whose lines have to say why.
		}
		bad = append(bad, strings.TrimSpace(lines[i]))
	}
	return bad
}

func TestEveryFieldSaysWhy(t *testing.T) {
	files := append(manifests(t), filepath.Join(here, "debug-container.yaml"), filepath.Join(here, "overlays", "prometheus", "scrape.yml"))
	for _, path := range files {
		for _, line := range uncommented(string(readFile(t, path))) {
			t.Errorf("%s: nothing says why: %s", path, line)
		}
	}
}

func TestUncommented(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"above":       {"# Why.\nreplicas: 1", ""},
		"beside":      {"replicas: 1 # Why.", ""},
		"none":        {"spec:\n  replicas: 1", "replicas: 1"},
		"blank":       {"# Why.\n\nreplicas: 1", "replicas: 1"},
		"short block": {"# Why.\n- name: a\n  value: b", ""},
		"long block":  {"# Why.\nspec:\n  a: 1\n  b: 1\n  c: 1\n  d: 1\n  e: 1", "a: 1 b: 1 c: 1 d: 1 e: 1"},
		"after block": {"# Why.\n- name: a\n  value: b\n- value: c", "- value: c"},
		"plain":       {"kind: Deployment", ""},
	} {
		if got := strings.Join(uncommented(c.text), " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
