package repotest

import (
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryPackageIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, file := range files(t) {
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || strings.Contains(file, "testdata/") {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Error(err)
			continue
		}
		dir := path.Dir(file)
		documented[dir] = documented[dir] || syntax.Doc.Text() != ""
	}
	for _, dir := range slices.Sorted(maps.Keys(documented)) {
		if !documented[dir] {
			t.Errorf("package in %s has no package comment", dir)
		}
	}
}

// The README promises two commands; what checks a change runs the same two.
func TestReadmeCommandsAreRun(t *testing.T) {
	for _, command := range []string{"go run ./examples/quickstart", "go test ./..."} {
		for _, file := range []string{"README.md", ".ci/run"} {
			if !strings.Contains(string(read(t, file)), command) {
				t.Errorf("%s lacks the command %q", file, command)
			}
		}
	}
}

var (
	inCode   = regexp.MustCompile(`"(MEMGUARD[A-Z_]*)"`)
	inTable  = regexp.MustCompile("(?m)^\\|[^|\n]*`MEMGUARD[^|\n]*\\|")
	inGodoc  = regexp.MustCompile(`(?m)^//\t(MEMGUARD[A-Z_]*) `)
	variable = regexp.MustCompile(`MEMGUARD[A-Z_]*`)
)

// Every variable is in the README's table and in the package comment, and both
// name only variables that the code reads.
func TestEnvironmentIsDocumented(t *testing.T) {
	code := map[string]bool{}
	for _, file := range files(t) {
		if path.Dir(file) != "memguard" || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, match := range inCode.FindAllSubmatch(read(t, file), -1) {
			code[string(match[1])] = true
		}
	}
	if len(code) == 0 {
		t.Fatal("no environment variable found in the code")
	}

	readme := map[string]bool{}
	for _, row := range inTable.FindAll(read(t, "README.md"), -1) {
		for _, name := range variable.FindAll(row, -1) {
			readme[string(name)] = true
		}
	}
	godoc := map[string]bool{}
	for _, match := range inGodoc.FindAllSubmatch(read(t, "memguard/doc.go"), -1) {
		godoc[string(match[1])] = true
	}
	want := slices.Sorted(maps.Keys(code))
	for name, got := range map[string]map[string]bool{"README.md": readme, "memguard/doc.go": godoc} {
		if got := slices.Sorted(maps.Keys(got)); !slices.Equal(got, want) {
			t.Errorf("%s documents %v\nthe code reads %v", name, got, want)
		}
	}
}
