package memguardprom_test

import (
	"log"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/memguard-dev/go-memguard/memguard"
	"github.com/memguard-dev/go-memguard/memguard/memguardprom"
)

func Example() {
	guard, err := memguard.Start()
	if err != nil {
		log.Print(err) // The guard watches nevertheless.
	}
	prometheus.MustRegister(memguardprom.New(guard))
	http.Handle("/metrics", promhttp.Handler())
}
