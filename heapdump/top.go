package heapdump

import (
	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

// maxTop bounds Request.Top.
const maxTop = 100

// top names the sites of the profile that the encoder wrote last.
func (c *capture) top() []Site {
	n := min(c.req.Top, maxTop)
	if n <= 0 || c.encoder == nil {
		return nil
	}
	var sites []Site
	if c.baseline == nil {
		for _, s := range c.encoder.Top(n) {
			sites = append(sites, site(s))
		}
		return sites
	}
	for _, g := range c.encoder.Grown(n, c.baseline) {
		s := site(g.Site)
		s.Grown = &g.Grown
		sites = append(sites, s)
	}
	return sites
}

func site(s heapprofile.Site) Site {
	return Site{Function: s.Function, File: s.File, Line: s.Line, Bytes: s.Bytes, Objects: s.Objects}
}

// remember keeps what later captures are held against.
func (c *capture) remember() {
	if c.req.Stage != Baseline || c.encoder == nil {
		return
	}
	if b := c.encoder.Baseline(); b != nil {
		c.baseline, c.baselineFile = b, c.set.file(Baseline, heapProfile)
	}
}
