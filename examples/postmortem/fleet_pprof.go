package main

import (
	"path"
	"strings"
)

// pprofCommand merges the profiles in go tool pprof. A pattern stands for
// them where it means exactly them; with any other profile of the tree that it
// matched, a run would count twice.
func pprofCommand(root string, profiles, tree []string) string {
	if len(profiles) == 0 {
		return ""
	}
	args, mark := profiles, ""
	if pattern := patternOf(profiles); pattern != "" && matches(pattern, tree) == len(profiles) {
		args, mark = []string{pattern}, "*"
	}
	root = strings.TrimSuffix(root, "/") + "/"
	if strings.HasPrefix(root, "-") {
		root = "./" + root
	}
	text := "go tool pprof -http=localhost:"
	for _, name := range args {
		text += " " + quoted(root, "") + quoted(name, mark)
	}
	return text
}

// patternOf has a star for each part of the paths in which they differ; empty:
// there is nothing to save, or no pattern.
func patternOf(paths []string) string {
	if len(paths) < 2 {
		return ""
	}
	parts := strings.Split(paths[0], "/")
	for _, p := range paths[1:] {
		other := strings.Split(p, "/")
		if len(other) != len(parts) {
			return ""
		}
		for i := range parts {
			switch {
			case parts[i] == other[i]:
			case strings.HasPrefix(parts[i], ".") || strings.HasPrefix(other[i], "."):
				return "" // A shell's star leaves hidden names out.
			case i == len(parts)-1:
				parts[i] = commonEnds(parts[i], other[i])
			default:
				parts[i] = "*"
			}
		}
	}
	return strings.Join(parts, "/")
}

// commonEnds is what two names, or a pattern and a name, begin and end with,
// and a star between: that is heap-*-fresh.pb.
func commonEnds(a, b string) string {
	const prefix = "heap-"
	stage := func(name string) string { return name[strings.LastIndexByte(name, '-')+1:] }
	if stage(a) != stage(b) {
		return prefix + "*.pb*"
	}
	return prefix + "*-" + stage(a)
}

// matches counts the paths of a tree that the pattern stands for.
func matches(pattern string, tree []string) int {
	n := 0
	for _, p := range tree {
		if ok, err := path.Match(pattern, p); ok && err == nil {
			n++
		}
	}
	return n
}

// harmless are the letters that a shell takes as they are.
const harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%="

// quoted writes a path for a shell, with the marks of a pattern outside the quotes.
func quoted(name, mark string) string {
	if mark != "" {
		parts := strings.Split(name, mark)
		for i := range parts {
			parts[i] = quoted(parts[i], "")
		}
		return strings.Join(parts, mark)
	}
	if strings.Trim(name, harmless) == "" {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
