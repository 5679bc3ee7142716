package kerneltest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// AtomicWrite replaces the files of a volume as the kubelet does: they go into a
// directory beside, named version, each file's name is a link through ..data,
// and ..data is renamed to point to that directory. Removing the one before, as the
// kubelet then does, is left to the caller.
func AtomicWrite(dir, version string, files map[string]string) error {
	if err := os.Mkdir(filepath.Join(dir, version), 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, version, name), []byte(text), 0o644); err != nil {
			return err
		}
		link := filepath.Join(dir, name)
		if err := os.Symlink(filepath.Join("..data", name), link); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	data := filepath.Join(dir, "..data")
	if err := os.Symlink(version, data+"_tmp"); err != nil {
		return err
	}
	return os.Rename(data+"_tmp", data)
}
