package memguard

import (
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// Near the limit a dump does without the mappings, and says so.
func TestMappingsNeedRoom(t *testing.T) {
	at := func(usage uint64) dumpContext {
		return dumpContext{Sample: sample.Sample{Scope: sample.Runtime, Usage: cgroupstat.Of(usage << 20), Limit: cgroupstat.Of(100 << 20)}}
	}
	if c := at(95).withMappings(heapdump.Fresh); len(c.Mappings) != 0 || !strings.Contains(c.Faults["mappings"], "5.0MiB are left") {
		t.Errorf("near: %d, %q", len(c.Mappings), c.Faults)
	}
	if c := at(50).withMappings(heapdump.Fresh); c.Faults["mappings"] != "" {
		t.Errorf("far: %q", c.Faults)
	}
	if c := at(95).withMappings(heapdump.Immediate); len(c.Faults) != 0 {
		t.Errorf("at once: %q", c.Faults)
	}
}
