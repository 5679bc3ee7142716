package memguardhttp

import (
	"net/http"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/identity"
)

func TestWho(t *testing.T) {
	for want, id := range map[string]identity.Identity{
		"shop":                  {},
		"shop · host":           {Pod: "host"},
		"shop · ns · shop-7c-x": {Namespace: "ns", Pod: "shop-7c-x", Workload: "shop"},
		"shop · ns · shop-0 · main · on node-3": {Namespace: "ns", Pod: "shop-0", Container: "main", Node: "node-3"},
	} {
		if got := whoOf("shop", id); got != want {
			t.Errorf("%+v: %q, want %q", id, got, want)
		}
	}
}

// TestWhoIsAsTheDumpsSay: what only OTEL_RESOURCE_ATTRIBUTES names is named.
func TestWhoIsAsTheDumpsSay(t *testing.T) {
	t.Setenv("POD_NAME", "")
	t.Setenv("POD_NAMESPACE", "")
	t.Setenv("NODE_NAME", "")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.namespace.name=payments,k8s.pod.name=shop-0,k8s.container.name=main,k8s.node.name=node-3")
	page := ask(Handler(start(t)), http.MethodGet, "?format=html").Body.String()
	if want := "payments · shop-0 · main · on node-3"; !strings.Contains(page, want) {
		t.Errorf("%s is not on the page", want)
	}
}
