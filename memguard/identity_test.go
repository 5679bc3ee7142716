package memguard

import (
	"maps"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/blackbox"
)

func TestResourceAttributes(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"":                        {},
		"k8s.pod.name=api-0":      {"k8s.pod.name": "api-0"},
		" a = 1 ,b=x%2Cy, c, d=e": {"a": "1", "b": "x,y", "d": "e"},
		"broken=%zz":              {"broken": "%zz"},
	} {
		if got := resourceAttributes(text); !maps.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestSucceeds(t *testing.T) {
	for _, c := range []struct {
		now, before blackbox.Header
		want        bool
	}{
		{blackbox.Header{Program: "api"}, blackbox.Header{Program: "api"}, true},
		{blackbox.Header{Program: "api"}, blackbox.Header{Program: "sidecar"}, false},
		{blackbox.Header{Program: "api", Container: "a"}, blackbox.Header{Program: "api", Container: "b"}, false},
		{blackbox.Header{Program: "api", Container: "a"}, blackbox.Header{Program: "api", Container: "a"}, true},
		{blackbox.Header{Program: "api", Container: "a"}, blackbox.Header{Program: "api"}, true},
	} {
		if got := succeeds(&c.now, &c.before); got != c.want {
			t.Errorf("%+v after %+v: %v", c.now, c.before, got)
		}
	}
}

func TestIdentity(t *testing.T) {
	t.Setenv(envResource, "k8s.pod.name=api-0,k8s.container.name=api")
	h, _ := identify(time.Now())
	if h.Pod != "api-0" || h.Container != "api" || h.Program == "" || h.PID == 0 || h.Run == "" {
		t.Errorf("%+v", h)
	}
}
