package kerneltest

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	// kernelEnv names the directory with the kernel of the virtual machine.
	kernelEnv = "MEMGUARD_KERNEL_DIR"
	// fetchCommand gets one, from the root of the module.
	fetchCommand = "internal/kerneltest/fetch-kernel.sh"
)

// diskModules are what the machine needs to reach its disk, as far as they are
// not built into the kernel.
var diskModules = []string{"virtio_pci", "virtio_blk", "ext4"}

// kernel is an unpacked kernel package: boot/vmlinuz-VERSION and
// lib/modules/VERSION.
type kernel struct {
	image   string
	modules string
}

// findKernel looks in dir, $MEMGUARD_KERNEL_DIR or the user's cache.
func findKernel(t testing.TB, dir string) kernel {
	t.Helper()
	if dir == "" {
		dir = os.Getenv(kernelEnv)
	}
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			Missing(t, "no kernel for the virtual machine, %s is not set: %v", kernelEnv, err)
		}
		dir = filepath.Join(cache, "memguard-kernel")
	}
	k, err := kernelIn(dir)
	if err != nil {
		Missing(t, "no kernel for the virtual machine (get one with %s): %v", fetchCommand, err)
	}
	return k
}

func kernelIn(dir string) (kernel, error) {
	images, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil {
		return kernel{}, err
	}
	slices.Sort(images)
	for _, image := range slices.Backward(images) {
		version := strings.TrimPrefix(filepath.Base(image), "vmlinuz-")
		for _, lib := range []string{"lib", "usr/lib"} {
			modules := filepath.Join(dir, lib, "modules", version)
			if _, err := os.Stat(modules); err == nil {
				return kernel{image: image, modules: modules}, nil
			}
		}
	}
	return kernel{}, fmt.Errorf("%s has no boot/vmlinuz-VERSION with lib/modules/VERSION: %w", dir, fs.ErrNotExist)
}

// loadOrder is the files of these modules and of all they depend on, what is
// needed before what needs it. A module that is not there is taken as built in.
func (k kernel) loadOrder(wanted ...string) ([]string, error) {
	files := make(map[string]string)
	err := filepath.WalkDir(k.modules, func(path string, e fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(path), ".ko"); ok && err == nil && !e.IsDir() {
			files[moduleName(name)] = path
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var order []string
	seen := make(map[string]bool)
	var visit func(string) error
	visit = func(name string) error {
		path, ok := files[name]
		if !ok || seen[name] {
			return nil
		}
		seen[name] = true
		depends, err := moduleDepends(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, d := range depends {
			if err := visit(d); err != nil {
				return err
			}
		}
		order = append(order, path)
		return nil
	}
	for _, name := range wanted {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// moduleName: the kernel takes - and _ in names for the same.
func moduleName(name string) string { return strings.ReplaceAll(name, "-", "_") }

// moduleDepends reads "depends=a,b" from the section .modinfo of a module.
func moduleDepends(path string) (names []string, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, errors.New("not a kernel module")
	}
	data, err := section.Data()
	if err != nil {
		return nil, err
	}
	for entry := range bytes.SplitSeq(data, []byte{0}) {
		if list, ok := bytes.CutPrefix(entry, []byte("depends=")); ok {
			for name := range strings.SplitSeq(string(list), ",") {
				if name != "" {
					names = append(names, moduleName(name))
				}
			}
		}
	}
	return names, nil
}
