package kerneltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/memguard-dev/go-memguard/internal/kerneltest/vmwire"
)

// vmBinDir is where programs are in the virtual machine.
const vmBinDir = "/bin"

// makeDisk makes the root file system of the machine out of a staging directory.
func makeDisk(mkfs, disk, staging string, spec VMSpec) error {
	for _, name := range []string{"bin", "data/tmp", "dev", "etc", "proc", "run", "sys", "tmp"} {
		if err := os.MkdirAll(filepath.Join(staging, name), 0o755); err != nil {
			return err
		}
	}
	const users = "root:x:0:0:root:/data:/bin/false\nnonroot:x:65532:65532:nonroot:/data:/bin/false\n"
	if err := os.WriteFile(filepath.Join(staging, "etc/passwd"), []byte(users), 0o644); err != nil {
		return err
	}
	for name, path := range spec.Binaries {
		if err := copyFile(filepath.Join(staging, vmBinDir, name), path); err != nil {
			return err
		}
	}
	for target, source := range spec.Dirs {
		if err := os.CopyFS(filepath.Join(staging, target), os.DirFS(source)); err != nil {
			return err
		}
	}
	if err := stageRunc(staging); err != nil {
		return err
	}
	cmd := exec.Command(mkfs, "-q", "-F", "-E", "root_owner=0:0", "-d", staging, disk, fmt.Sprintf("%dM", spec.DiskMiB))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return os.RemoveAll(staging)
}

// stageRunc brings this machine's runc along, if it has one.
func stageRunc(staging string) error {
	runc, err := exec.LookPath("runc")
	if err != nil {
		return nil //nolint:nilerr // Tests that need it will say so.
	}
	files, err := dynamicFiles(runc)
	if err != nil {
		return err
	}
	for _, path := range files {
		target := filepath.Join(staging, path)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := copyFile(target, path); err != nil {
			return err
		}
	}
	return nil
}

// makeInitrd packs what the machine needs until it has its disk.
func makeInitrd(initrd, init string, k kernel, spec VMSpec) error {
	modules, err := k.loadOrder(diskModules...)
	if err != nil {
		return err
	}
	plan := vmwire.Plan{Disk: "/dev/vda", V1: spec.V1, Timeout: spec.Timeout}
	for _, path := range modules {
		plan.Modules = append(plan.Modules, "/modules/"+filepath.Base(path))
	}
	for _, c := range spec.Commands {
		plan.Commands = append(plan.Commands, vmwire.Command{
			Argv: c.Argv, Dir: c.Dir, Env: append([]string{vmBinEnv + "=" + vmBinDir}, c.Env...),
		})
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	w := cpioWriter{w: &archive}
	w.add("modules", cpioDir, nil)
	w.add(strings.TrimPrefix(vmwire.PlanPath, "/"), cpioFile, text)
	for i, path := range append([]string{init}, modules...) {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := "init"
		if i > 0 {
			name = "modules/" + filepath.Base(path)
		}
		w.add(name, cpioFile, content)
	}
	return errors.Join(w.close(), os.WriteFile(initrd, archive.Bytes(), 0o600))
}
