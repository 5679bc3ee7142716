package memguardhttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	// eventEvery is the time between two server-sent events, eventRetry that
	// after which a reader comes again, streamTime how long a stream lasts.
	eventEvery = time.Second
	eventRetry = 2 * time.Second
	streamTime = 10 * time.Minute
)

// serveEvents sends the document each second until the reader leaves or is
// too slow, the server is shut down, or it was long enough: a reader comes again.
func (h *handler) serveEvents(w http.ResponseWriter, r *http.Request) {
	if !h.streams.try() {
		busy(w, "too many streams at the same time")
		return
	}
	defer h.streams.leave()
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return
	}
	controller := http.NewResponseController(w)
	shutdown := h.servers.shutdown(r)
	enough := time.NewTimer(h.stream)
	defer enough.Stop()
	ticker := time.NewTicker(eventEvery)
	defer ticker.Stop()
	for next := fmt.Sprintf("retry: %d\n", eventRetry.Milliseconds()); ; next = "" {
		data, err := json.Marshal(documentOf(h.guard))
		if err != nil {
			return
		}
		_ = controller.SetWriteDeadline(time.Now().Add(h.write)) // Not every writer can.
		if _, err := fmt.Fprintf(w, "%sevent: snapshot\ndata: %s\n\n", next, data); err != nil {
			return
		}
		if controller.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-shutdown:
			return
		case <-enough.C:
			return
		case <-ticker.C:
		}
		if !h.guard.Snapshot().Running {
			return
		}
	}
}
