// Command plain is the service without memguard.
package main

import "github.com/memguard-dev/go-memguard/internal/size/service"

func main() {
	service.Run("localhost:8080")
}
