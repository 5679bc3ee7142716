package check

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	inCode  = regexp.MustCompile("(?s)```sh\n(.*?)```|`([^`\n]+)`")
	metric  = regexp.MustCompile(`^memguard\.[a-z_.]+[a-z]$`)
	inTree  = regexp.MustCompile(`\bexamples/[\w./-]*\w`)
	finding = regexp.MustCompile("[Ff]inding `(\\w+)`")
)

var documents = []string{"docs/kubernetes.md", "examples/kubernetes/README.md"}

// What the documents tell people to type, to look at and to look for exists.
func TestDocumentsAreTrue(t *testing.T) {
	metrics := string(readFile(t, filepath.Join(root, "docs", "metrics.md")))
	findings := string(readFile(t, filepath.Join(root, "docs", "findings.md")))
	for _, doc := range documents {
		text := string(readFile(t, filepath.Join(root, doc)))
		exists := func(what, path string) {
			if strings.HasPrefix(filepath.ToSlash(path), filepath.ToSlash(filepath.Join(root, collector))) && !haveCollector(t) {
				return // It comes with the example.
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %s: %v", doc, what, err)
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			exists("link", filepath.Join(root, filepath.Dir(doc), m[1]))
		}
		for _, name := range notRead(t, text) {
			t.Errorf("%s: nothing reads %s", doc, name)
		}
		for _, m := range finding.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(findings, "`"+m[1]+"`") {
				t.Errorf("%s: there is no finding %s", doc, m[1])
			}
		}
		for _, m := range inCode.FindAllStringSubmatch(text, -1) {
			for _, path := range inTree.FindAllString(m[1]+m[2], -1) {
				exists("command", filepath.Join(root, path))
			}
			if name := m[2]; metric.MatchString(name) && !strings.Contains(name, ".part") && !slices.Contains([]string{"memguard.dev"}, name) &&
				!strings.Contains(metrics, "`"+name+"`") {
				t.Errorf("%s: there is no metric %s", doc, name)
			}
		}
	}
}

// Every image in a command is one that the manifests or the Dockerfile know.
func TestDocumentsNameOurImages(t *testing.T) {
	dockerfile := string(readFile(t, dockerfile))
	for _, doc := range documents {
		for _, image := range regexp.MustCompile(`memguard-\w+:\w+`).FindAllString(string(readFile(t, filepath.Join(root, doc))), -1) {
			if !strings.Contains(dockerfile, "-t "+image+" ") {
				t.Errorf("%s: the Dockerfile does not say how %s is built", doc, image)
			}
		}
	}
}

// Every overlay is in the document, and every one in the document is there.
func TestOverlaysAreDocumented(t *testing.T) {
	text := string(readFile(t, filepath.Join(root, documents[0])))
	for _, dir := range overlays(t) {
		name, err := filepath.Rel(here, dir)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, "\n| `"+filepath.ToSlash(name)+"` |") {
			t.Errorf("%s: no row for %s", documents[0], name)
		}
	}
}
