package memguard

import (
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/identity"
)

func TestSucceeds(t *testing.T) {
	for _, c := range []struct {
		now, before blackbox.Header
		want        bool
	}{
		{blackbox.Header{Program: "api"}, blackbox.Header{Program: "api"}, true},
		{blackbox.Header{Program: "api"}, blackbox.Header{Program: "sidecar"}, false},
		{blackbox.Header{Program: "api", Identity: identity.Identity{Container: "a"}}, blackbox.Header{Program: "api", Identity: identity.Identity{Container: "b"}}, false},
		{blackbox.Header{Program: "api", Identity: identity.Identity{Container: "a"}}, blackbox.Header{Program: "api", Identity: identity.Identity{Container: "a"}}, true},
		{blackbox.Header{Program: "api", Identity: identity.Identity{Container: "a"}}, blackbox.Header{Program: "api"}, true},
	} {
		if got := succeeds(&c.now, &c.before); got != c.want {
			t.Errorf("%+v after %+v: %v", c.now, c.before, got)
		}
	}
}

func TestIdentity(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=api-0,k8s.container.name=api")
	h, _ := identify(time.Now())
	if h.Pod != "api-0" || h.Container != "api" || h.Program == "" || h.PID == 0 || h.Run == "" {
		t.Errorf("%+v", h)
	}
}
