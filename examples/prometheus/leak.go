package main

import (
	"context"
	"time"
)

const mebi = 1 << 20

// forgotten is what a careless service keeps: it is never emptied.
var forgotten [][]byte

// leak keeps perSecond bytes more in each second until it holds most.
func leak(ctx context.Context, perSecond, most int64) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	begin := time.Now()
	for held := int64(0); most == 0 || held < most; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		due := int64(time.Since(begin).Seconds() * float64(perSecond))
		if most > 0 {
			due = min(due, most)
		}
		for held < due {
			held += forget()
		}
	}
}

// forget is the line that a heap dump names.
//
//go:noinline
func forget() int64 {
	request := make([]byte, 4<<10)
	for i := range request {
		request[i] = byte(i)
	}
	forgotten = append(forgotten, request)
	return int64(len(request))
}
