package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"
	"unicode"
)

// limits bound what is read of a tree.
type limits struct {
	depth, entries int
}

// A fleet of ten thousand containers has some hundred thousand files.
var theLimits = limits{depth: 12, entries: 1 << 20}

// gap is something that could not be read, how often, and the first of them.
type gap struct {
	What    string `json:"what"`
	Count   int    `json:"count"`
	Example string `json:"example,omitempty"`
}

// gaps are what a tree lacks.
type gaps []gap

func (g *gaps) add(what, name string, err error) {
	for i := range *g {
		if (*g)[i].What == what {
			(*g)[i].Count++
			return
		}
	}
	example := plain(name)
	if err != nil {
		example = plain(name + ": " + err.Error())
	}
	*g = append(*g, gap{What: what, Count: 1, Example: example})
}

// tree is a folder of which somebody else has written what is in it.
type tree struct {
	root *os.Root
	limits
	gaps gaps
	// profiles are all heap profiles, with those that are not used.
	profiles []string
}

func openTree(dir string, l limits) (*tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the tree: %w", err)
	}
	return &tree{root: root, limits: l}, nil
}

// walk gives the regular files of each folder. It follows no symbolic link.
func (t *tree) walk(dir string, depth int, visit func(dir string, files []string)) {
	entries, err := t.entriesOf(dir)
	if err != nil {
		t.gaps.add("folders that cannot be read", dir, err)
	}
	var files, folders []string
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch kind := e.Type(); {
		case !printable(e.Name()):
			t.gaps.add("names that cannot be printed", name, nil)
		case kind.IsRegular():
			files = append(files, e.Name())
		case kind.IsDir() && depth == t.depth:
			t.gaps.add("folders too deep", name, nil)
		case kind.IsDir():
			folders = append(folders, name)
		case kind&fs.ModeSymlink != 0:
			t.gaps.add("symbolic links, not followed", name, nil)
		default:
			t.gaps.add("neither file nor folder", name, nil)
		}
	}
	if len(files) > 0 {
		visit(dir, files)
	}
	for _, name := range folders {
		t.walk(name, depth+1, visit)
	}
}

// entriesOf reads a folder by parts: it may have more entries than are read.
func (t *tree) entriesOf(dir string) (entries []fs.DirEntry, err error) {
	f, err := t.open(dir, fs.ModeDir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for err == nil {
		var part []fs.DirEntry
		part, err = f.ReadDir(1024)
		if len(part) > t.entries {
			part = part[:t.entries]
			t.gaps.add("folders not read to their end: the tree has too many entries", dir, nil)
			err = io.EOF
		}
		t.entries -= len(part)
		entries = append(entries, part...)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int {
		if a.Name() < b.Name() {
			return -1
		}
		return 1
	})
	return entries, err
}

var errOther = errors.New("not what it was in its folder")

// open opens a file of this type, and nothing that has taken its place: a link,
// or a pipe on which it would wait.
func (t *tree) open(name string, kind fs.FileMode) (*os.File, error) {
	before, err := t.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if before.Mode().Type() != kind {
		return nil, fmt.Errorf("%s: %w", name, errOther)
	}
	f, err := t.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = fmt.Errorf("%s: %w", name, errOther)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// read has the file open only while it is looked at.
func (t *tree) read(name string, look func(io.Reader) error) (err error) {
	f, err := t.open(name, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return look(f)
}

func printable(name string) bool {
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
