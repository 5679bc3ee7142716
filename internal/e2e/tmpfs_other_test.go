//go:build !linux

package e2e

import (
	"runtime"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

func mountTmpfs(t *testing.T, _ int) string {
	t.Helper()
	kerneltest.Missing(t, "no tmpfs on %s", runtime.GOOS)
	return ""
}
