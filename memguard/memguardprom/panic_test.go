package memguardprom

import (
	"iter"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/memguard-dev/go-memguard/memguard"
)

// A mistake of ours fails the scrape, not the program.
func TestPanicIsAnError(t *testing.T) {
	c := New(nil)
	c.measurements = func() iter.Seq[memguard.Measurement] {
		return func(func(memguard.Measurement) bool) { panic("a mistake") }
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	if _, err := registry.Gather(); err == nil || !strings.Contains(err.Error(), "a mistake") {
		t.Errorf("error %v, want one that names the mistake", err)
	}
}
