package podinfo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// maxValue bounds a file with one value, and a quoted annotation of ours.
	maxValue = 4 << 10
	// maxAnnotations bounds the file of all of them: Kubernetes allows 256 KiB,
	// of which each byte may be quoted as four.
	maxAnnotations = 2 << 20
)

// open opens a file that may be anything. One that is missing and always was
// is nil.
func (v *Volume) open(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if v.seen[name] {
			return nil, fmt.Errorf("%s was there before: %w", filepath.Join(v.dir, name), fs.ErrNotExist)
		}
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.dir, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", filepath.Join(v.dir, name), err), f.Close())
	}
	v.seen[name] = true
	return f, nil
}

// file reads a file with one value.
func (v *Volume) file(root *os.Root, name string) (string, error) {
	f, err := v.open(root, name)
	if f == nil {
		return "", err
	}
	defer f.Close() // Read only.
	text, err := io.ReadAll(io.LimitReader(f, maxValue+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", v.dir, err)
	}
	if len(text) > maxValue {
		return "", fmt.Errorf("%s: longer than %d bytes", filepath.Join(v.dir, name), maxValue)
	}
	return string(text), nil
}

// quoted is an annotation of ours, or why it is none.
type quoted struct {
	value string
	err   error
}

func (v *Volume) annotations(root *os.Root) (map[string]quoted, error) {
	f, err := v.open(root, fileAnnotations)
	if f == nil {
		return nil, err
	}
	defer f.Close() // Read only.
	found, err := parseAnnotations(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(v.dir, fileAnnotations), err)
	}
	return found, nil
}

const ours = "memguard.dev/"

// parseAnnotations finds ours in lines of the form key="value", the value
// quoted as by Go's %q. Of the others, which may be long, it keeps nothing.
func parseAnnotations(r io.Reader) (map[string]quoted, error) {
	limited := &io.LimitedReader{R: r, N: maxAnnotations + 1}
	lines := bufio.NewReaderSize(limited, maxValue)
	found := map[string]quoted{}
	begin := true
	for {
		part, more, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if begin && strings.HasPrefix(string(part), ours) {
			key, value, ok := strings.Cut(string(part), "=")
			if !ok {
				return nil, fmt.Errorf("line %.64q: want key=\"value\"", part)
			}
			found[key] = unquote(key, value, more)
		}
		begin = !more
	}
	if limited.N <= 0 {
		return nil, fmt.Errorf("longer than %d bytes", maxAnnotations)
	}
	return found, nil
}

func unquote(key, text string, cut bool) quoted {
	if cut {
		return quoted{err: fmt.Errorf("annotation %s: longer than %d bytes", key, maxValue)}
	}
	value, err := strconv.Unquote(text)
	if err != nil || !strings.HasPrefix(text, `"`) {
		return quoted{err: fmt.Errorf("annotation %s: %.64q is not a quoted string", key, text)}
	}
	return quoted{value: strings.TrimSpace(value)}
}
