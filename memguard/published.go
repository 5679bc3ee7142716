package memguard

import (
	"sync/atomic"
	"unsafe"

	"github.com/memguard-dev/go-memguard/internal/sample"
)

const sampleWords = unsafe.Sizeof(sample.Sample{}) / unsafe.Sizeof(uint32(0))

type sampleImage [sampleWords]uint32

// published hands the last sample from one writer to any number of readers
// without a lock or an allocation on the writer's side. It has two slots: the
// writer fills the one that is not current, so that a reader finds a complete
// one even while the writer is descheduled.
type published struct {
	current atomic.Uint32
	slots   [2]slot
}

// slot's version is odd while it is written.
type slot struct {
	version atomic.Uint32
	words   [sampleWords]atomic.Uint32
}

// store is for the one writer.
func (p *published) store(s *sample.Sample) {
	image := (*sampleImage)(unsafe.Pointer(s)) // fixed size, no pointers inside
	next := 1 - p.current.Load()
	slot := &p.slots[next]
	slot.version.Add(1)
	for i := range image {
		slot.words[i].Store(image[i])
	}
	slot.version.Add(1)
	p.current.Store(next)
}

// load copies the last sample; the zero Sample when none was stored.
func (p *published) load() sample.Sample {
	for {
		var s sample.Sample
		image := (*sampleImage)(unsafe.Pointer(&s))
		slot := &p.slots[p.current.Load()]
		before := slot.version.Load()
		for i := range image {
			image[i] = slot.words[i].Load()
		}
		if before%2 == 0 && slot.version.Load() == before {
			return s
		}
	}
}
