// Package podinfo reads a Kubernetes downward API volume.
//
// The kubelet replaces such a volume's files all at once, by renaming the
// symbolic link ..data; so every read goes by path, and nothing is kept open.
package podinfo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ThresholdAnnotation may carry the threshold in the file annotations, for
// pods that mount the whole map.
const ThresholdAnnotation = "memguard.dev/threshold"

// Info is what the volume says; empty is not said.
type Info struct {
	// MemoryLimit is the file memory_limit (resourceFieldRef limits.memory).
	MemoryLimit string
	// Threshold is the file threshold, or else the annotation
	// memguard.dev/threshold in the file annotations.
	Threshold string
}

// maxFile bounds what is read of a file: Kubernetes allows 256 KiB of annotations.
const maxFile = 512 << 10

// Read reads the volume. A missing file is not an error, an unreadable one
// is; Info then holds what could be read.
func Read(dir string) (Info, error) {
	limit, errLimit := readFile(dir, "memory_limit")
	threshold, errThreshold := readFile(dir, "threshold")
	info := Info{MemoryLimit: strings.TrimSpace(limit), Threshold: strings.TrimSpace(threshold)}
	annotations, errAnnotations := readFile(dir, "annotations")
	if info.Threshold == "" && errAnnotations == nil {
		info.Threshold, errAnnotations = annotation(annotations, ThresholdAnnotation)
	}
	return info, errors.Join(errLimit, errThreshold, errAnnotations)
}

func readFile(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxFile {
		return "", fmt.Errorf("%s: longer than %d bytes", path, maxFile)
	}
	return string(text), nil
}

// annotation finds a key in lines of the form key="value", the value quoted as by Go's %q.
func annotation(text, key string) (string, error) {
	for line := range strings.Lines(text) {
		quoted, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), key+"=")
		if !ok {
			continue
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return "", fmt.Errorf("annotation %s: %.64s: not a quoted string", key, quoted)
		}
		return strings.TrimSpace(value), nil
	}
	return "", nil
}
