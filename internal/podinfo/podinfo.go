// Package podinfo follows a Kubernetes downward API volume.
//
// The kubelet writes a volume's files into a new directory and then renames the
// symbolic link ..data to it. So what ..data points to never changes, and files
// read from it belong together.
package podinfo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files that the volume may have.
const (
	fileMemoryLimit = "memory_limit" // resourceFieldRef limits.memory
	fileThreshold   = "threshold"    // fieldRef metadata.annotations['memguard.dev/threshold']
	fileSizeLimit   = "dump_size_limit"
	fileAnnotations = "annotations" // fieldRef metadata.annotations, the whole map
)

// Annotations that are looked for in the file annotations.
const (
	ThresholdAnnotation = "memguard.dev/threshold"
	BasisAnnotation     = "memguard.dev/basis"
	// DumpAnnotation asks for a dump, once for each value.
	DumpAnnotation      = "memguard.dev/dump"
	SizeLimitAnnotation = "memguard.dev/dump-size-limit"
)

// Item is one thing that the volume may say.
type Item struct {
	// Text is empty where nothing says it.
	Text string
	// File is the one that says it.
	File string
	// Err is why it cannot be read; what it said before should stay in force.
	Err error
}

// Info is what the volume says.
type Info struct {
	MemoryLimit, Threshold, Basis, Dump, SizeLimit Item
}

// items are all of them.
func (i *Info) items() []*Item {
	return []*Item{&i.MemoryLimit, &i.Threshold, &i.Basis, &i.Dump, &i.SizeLimit}
}

// Err joins the errors of all items, each once.
func (i *Info) Err() error {
	var errs []error
	for _, item := range i.items() {
		if item.Err != nil && !slices.Contains(errs, item.Err) {
			errs = append(errs, item.Err)
		}
	}
	return errors.Join(errs...)
}

// equal takes errors with the same text for the same.
func (i *Info) equal(other *Info) bool {
	return slices.EqualFunc(i.items(), other.items(), func(a, b *Item) bool {
		return a.Text == b.Text && a.File == b.File && fmt.Sprint(a.Err) == fmt.Sprint(b.Err)
	})
}

// Volume is a volume that is read again and again. It belongs to one goroutine
// and keeps nothing open.
type Volume struct {
	dir string
	// generation is the directory that ..data pointed to when it was last read
	// without an error: it need not be read again.
	generation string
	kubelet    bool            // there was a ..data
	seen       map[string]bool // files that were there once
	last       Info
	read       bool  // last is of a reading
	waiting    *Info // read once from files that are written in place
}

// Open takes the directory of a volume.
func Open(dir string) *Volume { return &Volume{dir: dir, seen: map[string]bool{}} }

// errSwapped reports that the kubelet replaced the files while they were read.
var errSwapped = errors.New("replaced while being read")

// swaps bounds how often a volume that is replaced meanwhile is read again.
const swaps = 3

// Read gives what the volume says; changed is false when that is what the
// reading before gave. Files that are not replaced as the kubelet does it
// count once two readings agree: one of them may be half-written.
func (v *Volume) Read() (info Info, changed bool) {
	target, atomic := v.target()
	if atomic && target == v.generation {
		return v.last, false
	}
	v.generation = ""
	var err error
	for range swaps {
		if info, err = v.readAll(target, atomic); err == nil {
			break
		}
		target, atomic = v.target()
	}
	if err != nil {
		for _, item := range info.items() {
			item.Err = fmt.Errorf("%s: %w", v.dir, err)
		}
	}
	if !atomic && v.read {
		waited, again := v.waiting, info
		v.waiting = &again
		if waited == nil || !waited.equal(&info) {
			return v.last, false
		}
	}
	if atomic && info.Err() == nil {
		v.generation = target
	}
	changed = !v.read || !v.last.equal(&info)
	v.last, v.read = info, true
	return info, changed
}

// target is where ..data points to, a directory beside it. A volume that had
// one once is the kubelet's for good.
func (v *Volume) target() (name string, ok bool) {
	name, err := os.Readlink(filepath.Join(v.dir, "..data"))
	if err != nil || name == "." || name == ".." || filepath.Base(name) != name {
		return "..data", v.kubelet
	}
	v.kubelet = true
	return name, true
}

func (v *Volume) readAll(target string, atomic bool) (Info, error) {
	if !atomic {
		target = "."
	}
	root, err := openWithin(v.dir, target)
	if errors.Is(err, fs.ErrNotExist) && len(v.seen) == 0 && !atomic {
		return Info{}, nil // There is none yet.
	}
	if err != nil {
		return Info{}, err
	}
	info := v.readFiles(root)
	// Read only: an error of Close has nothing to say.
	_ = root.Close()
	if now, _ := v.target(); atomic && now != target {
		return Info{}, errSwapped
	}
	return info, nil
}

// openWithin opens a directory in a directory, wherever links lead.
func openWithin(dir, name string) (*os.Root, error) {
	volume, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	inner, err := volume.OpenRoot(name)
	return inner, errors.Join(err, volume.Close())
}

// readFiles makes an item of each file, and of an annotation where the file
// says nothing.
func (v *Volume) readFiles(root *os.Root) Info {
	annotations, err := v.annotations(root)
	annotation := func(key string) Item {
		a := annotations[key]
		if a.err == nil {
			a.err = err
		}
		return Item{a.value, filepath.Join(v.dir, fileAnnotations), a.err}
	}
	file := func(name, key string) Item {
		text, err := v.file(root, name)
		if text = strings.TrimSpace(text); err == nil && text == "" && key != "" {
			return annotation(key)
		}
		return Item{text, filepath.Join(v.dir, name), err}
	}
	return Info{
		MemoryLimit: file(fileMemoryLimit, ""),
		Threshold:   file(fileThreshold, ThresholdAnnotation),
		Basis:       annotation(BasisAnnotation),
		Dump:        annotation(DumpAnnotation),
		SizeLimit:   file(fileSizeLimit, SizeLimitAnnotation),
	}
}
