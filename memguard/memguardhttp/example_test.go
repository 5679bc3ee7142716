package memguardhttp_test

import (
	"errors"
	"log"
	"net/http"

	"github.com/memguard-dev/go-memguard/memguard"
	"github.com/memguard-dev/go-memguard/memguard/memguardhttp"
)

func Example() {
	guard, err := memguard.Start()
	if err != nil {
		log.Print(err) // The guard watches nevertheless.
	}
	defer guard.Stop()
	inner := http.NewServeMux() // Not the one that serves the outside.
	inner.Handle("/debug/memguard/", memguardhttp.Handler(guard))
	go func() { log.Print(http.ListenAndServe("127.0.0.1:6060", inner)) }()
}

func ExampleAuthorize() {
	guard, err := memguard.Start()
	if err != nil {
		log.Print(err)
	}
	handler := memguardhttp.Handler(guard, memguardhttp.ReadOnly(), memguardhttp.Authorize(func(r *http.Request) error {
		if _, password, ok := r.BasicAuth(); !ok || password != "of your own" {
			return errors.New("operators only")
		}
		return nil
	}))
	http.Handle("/debug/memguard/", handler)
}
