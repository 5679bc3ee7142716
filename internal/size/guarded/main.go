// Command guarded is the same service under a guard.
package main

import (
	"log/slog"

	"github.com/memguard-dev/go-memguard/internal/size/service"
	"github.com/memguard-dev/go-memguard/memguard"
)

func main() {
	guard, err := memguard.Start()
	if err != nil {
		slog.Warn("memguard", "err", err)
	}
	defer guard.Stop()
	service.Run("localhost:8080")
}
