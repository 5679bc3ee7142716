package kerneltest

import (
	"fmt"
	"io"
)

// cpioWriter writes the "newc" archive that the kernel unpacks as initramfs
// (Documentation/driver-api/early-userspace/buffer-format.rst).
type cpioWriter struct {
	w     io.Writer
	inode int
	err   error // the first; nothing is written after it
}

const (
	cpioDir  = 0o040755
	cpioFile = 0o100755
)

// add appends a file, or a directory whose content is empty. Its directory has
// to be there already.
func (c *cpioWriter) add(name string, mode int, content []byte) {
	c.inode++
	// magic, inode, mode, uid, gid, links, mtime, size, device and special
	// device (major and minor), length of the name with its 0, checksum.
	c.printf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		c.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0)
	c.printf("%s\x00", name)
	c.pad(110 + len(name) + 1)
	c.write(content)
	c.pad(len(content))
}

// close ends the archive and returns the first error of all writes.
func (c *cpioWriter) close() error {
	c.add("TRAILER!!!", 0, nil)
	return c.err
}

// pad fills up to 4 bytes, as headers and contents are aligned.
func (c *cpioWriter) pad(n int) { c.write(make([]byte, -n&3)) }

func (c *cpioWriter) printf(format string, args ...any) { c.write(fmt.Appendf(nil, format, args...)) }

func (c *cpioWriter) write(p []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(p)
	}
}
