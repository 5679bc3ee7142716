package blackbox

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Files are those of one run; empty: there is no such file.
type Files struct {
	Run              string
	Box, Crash, Exit string
}

// List finds the files of all runs in a directory, oldest run first, without
// a look into them. It works on a copy of a volume, on any system.
func List(dir string) ([]Files, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return ByRun(dir, names), nil
}

// ByRun is List for one who has read the directory: names are its regular files.
func ByRun(dir string, names []string) []Files {
	byRun := map[string]*Files{}
	for _, name := range names {
		run, ok := runOf(name)
		if !ok {
			continue
		}
		f := byRun[run]
		if f == nil {
			f = &Files{Run: run}
			byRun[run] = f
		}
		path := filepath.Join(dir, name)
		switch {
		case strings.HasPrefix(name, boxPrefix):
			f.Box = path
		case strings.HasPrefix(name, crashPrefix):
			f.Crash = path
		default:
			f.Exit = path
		}
	}
	runs := make([]Files, 0, len(byRun))
	for _, f := range byRun {
		runs = append(runs, *f)
	}
	sort.Slice(runs, func(i, j int) bool { return runs[i].Run < runs[j].Run })
	return runs
}
