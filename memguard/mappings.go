package memguard

import (
	"fmt"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/procmem"
)

// mappingsRoom is how much has to be left for the mappings to be read: they take
// some memory of the kernel and of this process.
const mappingsRoom = 8 << 20

// withMappings adds the mappings of now to a fresh dump's. The dump is worth more
// than they are; it says why they are missing.
func (c dumpContext) withMappings(stage heapdump.Stage) dumpContext {
	if stage != heapdump.Fresh {
		return c
	}
	fault := func(why string) dumpContext {
		if c.Faults == nil {
			c.Faults = map[string]string{}
		}
		c.Faults["mappings"] = why
		return c
	}
	limit, limited := c.Sample.Limit.Get()
	held, known := c.Sample.Unreclaimable().Get()
	if left := limit - min(limit, held); limited && known && left < mappingsRoom {
		return fault(fmt.Sprintf("not read: %s are left below the limit", mebibytes(left)))
	}
	groups, whole, err := procmem.Mappings()
	c.Mappings = groups
	switch {
	case err != nil:
		return fault(err.Error())
	case !whole:
		return fault("too many to read all: the first only")
	}
	return c
}
