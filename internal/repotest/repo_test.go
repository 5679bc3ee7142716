package repotest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	module = "github.com/memguard-dev/go-memguard"
	root   = "../.."
	// maxLines is where a file has stopped being about one thing.
	maxLines = 400
)

// files returns every file of the repository, by its slash-separated path.
func files(t *testing.T) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case d.Type().IsRegular():
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestFilesStaySmall(t *testing.T) {
	for _, path := range files(t) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			continue
		}
		if n := bytes.Count(read(t, path), []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, more than %d: split it by what its parts know", path, n, maxLines)
		}
	}
}

// A module zip may not hold every name that Linux allows, and such a file
// would make the module impossible to download.
func TestFileNamesFitAModuleZip(t *testing.T) {
	for _, path := range files(t) {
		if strings.ContainsAny(path, `:*?"<>|\`) {
			t.Errorf("%q cannot be part of a Go module", path)
		}
	}
}

func TestLicense(t *testing.T) {
	if text := read(t, "LICENSE"); !bytes.HasPrefix(text, []byte("MIT License\n")) {
		t.Errorf("LICENSE begins with %.40q", text)
	}
}

// machinePath matches places where people keep their checkouts.
var machinePath = regexp.MustCompile(`(^|[^\w.*/-])/(work|farm|Users|root|home/\w+/(src|go|code|dev))/`)

func TestNoPathsOfOneMachine(t *testing.T) {
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files(t) {
		// Recorded trees are somebody's machine by nature.
		if strings.Contains(path, "testdata/") || strings.HasSuffix(path, ".sum") || path == "internal/repotest/repo_test.go" {
			continue
		}
		text := read(t, path)
		if bytes.IndexByte(text, 0) >= 0 {
			continue
		}
		for i, line := range strings.Split(string(text), "\n") {
			if strings.Contains(line, here+"/") || machinePath.MatchString(line) {
				t.Errorf("%s:%d names a path of one machine: %s", path, i+1, strings.TrimSpace(line))
			}
		}
	}
}
