package memguardhttp

import (
	"net/http"
	"time"
)

// Option changes what the handler allows.
type Option func(*options)

type options struct {
	readOnly  bool
	authorize func(*http.Request) error
	cooldown  time.Duration
}

// defaultCooldown is the least time between two dumps that the page asks for.
const defaultCooldown = 10 * time.Second

// ReadOnly takes no dumps and deletes none.
func ReadOnly() Option { return func(o *options) { o.readOnly = true } }

// Authorize is asked before everything else, of every request. An error is
// the answer 403 with its text, so it should name no secret. It must be safe
// for concurrent use.
func Authorize(allow func(*http.Request) error) Option {
	return func(o *options) { o.authorize = allow }
}

// Cooldown sets the least time between two dumps asked for. Default: 10 s.
func Cooldown(d time.Duration) Option { return func(o *options) { o.cooldown = max(d, 0) } }
