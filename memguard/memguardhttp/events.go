package memguardhttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// eventEvery is the time between two server-sent events.
const eventEvery = time.Second

// serveEvents sends the document each second until the reader leaves or is
// too slow.
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
	ticker := time.NewTicker(eventEvery)
	defer ticker.Stop()
	for {
		data, err := json.Marshal(documentOf(h.guard))
		if err != nil {
			return
		}
		_ = controller.SetWriteDeadline(time.Now().Add(h.write)) // Not every writer can.
		if _, err := fmt.Fprintf(w, "event: snapshot\ndata: %s\n\n", data); err != nil {
			return
		}
		if controller.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-ticker.C:
		}
		if !h.guard.Snapshot().Running {
			return
		}
	}
}
