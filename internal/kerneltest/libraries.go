package kerneltest

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// libraryDirs is where the loader of the common distributions looks.
var libraryDirs = []string{
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib",
}

// dynamicFiles is a program with its loader and all its shared libraries: what
// it takes to run it on another root.
func dynamicFiles(program string) ([]string, error) {
	files := []string{program}
	seen := make(map[string]bool)
	for i := 0; i < len(files); i++ {
		loader, libraries, err := imports(files[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", files[i], err)
		}
		if loader != "" && !seen[filepath.Base(loader)] {
			seen[filepath.Base(loader)] = true
			files = append(files, loader)
		}
		for _, name := range libraries {
			if seen[name] {
				continue
			}
			seen[name] = true
			path, err := findLibrary(name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", files[i], err)
			}
			files = append(files, path)
		}
	}
	return files, nil
}

func imports(path string) (loader string, libraries []string, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if section := f.Section(".interp"); section != nil {
		text, err := section.Data()
		if err != nil {
			return "", nil, err
		}
		if len(text) > 0 {
			loader = string(text[:len(text)-1])
		}
	}
	libraries, err = f.ImportedLibraries()
	return loader, libraries, err
}

func findLibrary(name string) (string, error) {
	for _, dir := range libraryDirs {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("library %s: %w", name, os.ErrNotExist)
}
