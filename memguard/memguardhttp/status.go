package memguardhttp

import (
	"errors"
	"io/fs"
	"net/http"
	"os"

	"github.com/memguard-dev/go-memguard/heapdump/sites"
	"github.com/memguard-dev/go-memguard/memguard"
)

// errTooBig is a profile that does not fit into the memory that is left.
var errTooBig = errors.New("reading this profile may take more memory than is left below the limit: download it")

// statusOf is the answer to an error.
func statusOf(err error) int {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout
	case errors.Is(err, errForm):
		return http.StatusBadRequest
	case errors.Is(err, fs.ErrNotExist):
		return http.StatusNotFound
	case errors.Is(err, memguard.ErrNoDumpDir), errors.Is(err, memguard.ErrStopped):
		return http.StatusConflict
	case errors.Is(err, memguard.ErrHeadroom), errors.Is(err, errTooBig):
		return http.StatusInsufficientStorage
	case errors.Is(err, sites.ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, sites.ErrNotHeapProfile), errors.Is(err, sites.ErrNoSymbols), errors.Is(err, errProfile):
		return http.StatusUnprocessableEntity
	default:
		return http.StatusInternalServerError
	}
}
