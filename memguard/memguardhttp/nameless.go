package memguardhttp

import (
	"sync"

	"github.com/memguard-dev/go-memguard/heapdump"
)

// nameless are profiles that were found to be addresses alone, which cannot be
// drawn. Names that are added later change the file's size.
type nameless struct {
	mu    sync.Mutex
	found map[string]int64
}

// maxNameless is how many are remembered; forgetting one costs another look.
const maxNameless = 256

func (n *nameless) add(file string, size int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.found == nil || len(n.found) >= maxNameless {
		n.found = map[string]int64{}
	}
	n.found[file] = size
}

// has tells whether a dump is one still.
func (n *nameless) has(d *heapdump.Dump) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	size, ok := n.found[base(d.Path)]
	return ok && size == d.Bytes
}
