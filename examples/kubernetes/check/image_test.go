package check

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

var dockerfile = filepath.Join(here, "Dockerfile")

// exampleOf is the folder that an image is built from.
func exampleOf(image string) string {
	name, _, _ := strings.Cut(image, ":")
	return "examples/" + strings.TrimPrefix(name, "memguard-")
}

// stages parses a Dockerfile as docker build does.
func stages(text []byte) ([]instructions.Stage, error) {
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	all, _, err := instructions.Parse(parsed.AST, nil)
	return all, err
}

func stagesOf(t *testing.T) []instructions.Stage {
	t.Helper()
	all, err := stages(readFile(t, dockerfile))
	if err != nil {
		t.Fatalf("%s: %v", dockerfile, err)
	}
	return all
}

func TestDockerfileParses(t *testing.T) {
	all := stagesOf(t)
	var names []string
	for _, s := range all {
		names = append(names, s.Name+" from "+s.BaseName)
	}
	want := []string{
		"build from golang:1.26", "distroless from gcr.io/distroless/static-debian12:nonroot", "minimal from scratch",
	}
	if !slices.Equal(names, want) {
		t.Errorf("stages %q, want %q", names, want)
	}
	for _, s := range all[1:] {
		var user, entry bool
		for _, c := range s.Commands {
			switch c := c.(type) {
			case *instructions.UserCommand:
				user = c.User == "65532:65532"
			case *instructions.EntrypointCommand:
				entry = !c.PrependShell // There is no shell.
			case *instructions.CopyCommand:
				if c.From != "build" {
					t.Errorf("%s copies from %q", s.Name, c.From)
				}
			}
		}
		if !user || !entry {
			t.Errorf("%s: non-root user %t, entry point without a shell %t", s.Name, user, entry)
		}
	}
	bad := bytes.Replace(readFile(t, dockerfile), []byte("ENTRYPOINT"), []byte("ENTRYPONT"), 1)
	if _, err := stages(bad); err == nil || !strings.Contains(err.Error(), "ENTRYPONT") {
		t.Errorf("a misspelled instruction: %v, want an error", err)
	}
}

// images are those that the overlays name.
func images(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, w := range workloads(t) {
		for _, c := range w.containers() {
			all = append(all, c.Image)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestImagesAreTargets(t *testing.T) {
	var targets []string
	for _, s := range stagesOf(t)[1:] {
		targets = append(targets, s.Name)
	}
	commands := string(readFile(t, dockerfile))
	for _, image := range images(t) {
		name, tag, _ := strings.Cut(image, ":")
		if !strings.HasPrefix(name, "memguard-") || !slices.Contains(targets, tag) {
			t.Errorf("%s: want memguard-<example>:<one of %v>", image, targets)
		}
		if !strings.Contains(commands, "-t "+image+" ") {
			t.Errorf("%s: the Dockerfile does not say how it is built", image)
		}
		if exampleOf(image) == collector && !haveCollector(t) {
			continue // It comes with the example.
		}
		if _, err := os.Stat(filepath.Join(root, exampleOf(image), "main.go")); err != nil {
			t.Errorf("%s: %v", image, err)
		}
	}
	documented := regexp.MustCompile(`(?m)^#   docker build .* -t (\S+)(.*)$`).FindAllStringSubmatch(commands, -1)
	if len(documented) == 0 {
		t.Error("the Dockerfile does not say how it is used")
	}
	for _, m := range documented {
		// What is not said is the last stage, and the argument's default.
		_, tag, _ := strings.Cut(m[1], ":")
		saysTarget := strings.Contains(m[2], "--target "+tag) || tag == targets[len(targets)-1]
		saysExample := strings.Contains(m[2], "EXAMPLE="+exampleOf(m[1])) || defaultExample(t) == exampleOf(m[1]) && !strings.Contains(m[2], "EXAMPLE=")
		if !saysTarget || !saysExample {
			t.Errorf("%s is not what this makes: %s", m[1], m[0])
		}
	}
}

func defaultExample(t *testing.T) string {
	t.Helper()
	for _, c := range stagesOf(t)[0].Commands {
		if arg, ok := c.(*instructions.ArgCommand); ok && arg.Args[0].Key == "EXAMPLE" {
			return *arg.Args[0].Value
		}
	}
	t.Fatal("no build argument EXAMPLE")
	return ""
}

// buildLines are the commands of the Dockerfile that build a program.
func buildLines(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, c := range stagesOf(t)[0].Commands {
		if run, ok := c.(*instructions.RunCommand); ok && strings.Contains(strings.Join(run.CmdLine, " "), "go build") {
			lines = append(lines, strings.Join(run.CmdLine, " "))
		}
	}
	if len(lines) == 0 {
		t.Fatal("the Dockerfile builds nothing")
	}
	return lines
}

// buildExample runs a line as it stands, but for the folders.
func buildExample(t *testing.T, line, example string) string {
	t.Helper()
	source, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	script := strings.NewReplacer("/src/", source+"/", "/out/", out+"/").Replace(line)
	if script == line {
		t.Fatalf("neither /src/ nor /out/ in %s", line)
	}
	cmd := exec.Command("sh", "-ec", script)
	cmd.Env = append(os.Environ(), "EXAMPLE="+example, "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, text)
	}
	return filepath.Join(out, "app")
}

// Every line is run for every example that the manifests want; the program
// then has to start.
func TestBuildLinesBuild(t *testing.T) {
	examples := []string{"examples/page"} // Of the root module.
	for _, image := range images(t) {
		if e := exampleOf(image); !slices.Contains(examples, e) && (e != collector || haveCollector(t)) {
			examples = append(examples, e)
		}
	}
	for _, line := range buildLines(t) {
		for _, example := range examples {
			t.Run(strings.TrimPrefix(example, "examples/"), func(t *testing.T) {
				help, _ := exec.Command(buildExample(t, line, example), "-help").CombinedOutput() // Its exit code is the program's business.
				if !bytes.Contains(help, []byte("Usage")) {
					t.Errorf("the program does not start: %q", help)
				}
			})
		}
	}
}
