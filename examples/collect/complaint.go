package main

import "log/slog"

// complaints say an error when its kind was not there in the pass before, and
// when it is gone: a bucket that fails for an hour is two records.
type complaints struct {
	log         *slog.Logger
	before, now map[string]bool
}

func (c *complaints) hear(kind string, err error) {
	if c.now == nil {
		c.now = map[string]bool{}
	}
	if !c.now[kind] && !c.before[kind] {
		c.log.Warn("collect: will be tried again", "kind", kind, "err", err)
	}
	c.now[kind] = true
}

func (c *complaints) endPass() {
	for _, kind := range faultKinds {
		if c.before[kind] && !c.now[kind] {
			c.log.Info("collect: well again", "kind", kind)
		}
	}
	c.before, c.now = c.now, nil
}
