package memguardhttp

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/memguard"
)

// handler answers everything; see the package documentation.
type handler struct {
	guard *memguard.Guard
	who   string
	options
	origin   *http.CrossOriginProtection
	requests gate // all of them
	renders  gate // those that make a page or a document
	flames   gate // those that read whole profiles
	graphs   gate // those whose flame graph, which is large, is made or sent
	streams  gate // server-sent events and downloads, which take their time
	forms    gate // those whose body is being read
	times
	servers servers
	// left is headroom, now the clock and dump the guard's, for tests to replace.
	left func() (uint64, bool)
	now  func() time.Time
	dump func(ctx context.Context, reason string) (heapdump.Dump, error)

	dumping  sync.Mutex
	lastDump time.Time              // under dumping
	note     atomic.Pointer[string] // what the last dump asked for lacks
	list     dumpList
	nameless nameless
}

// times are what clients may take.
type times struct {
	// write is for an answer, or a part of a download; form for a body; stream
	// for all events; turn is how long they may have to wait for their turn.
	write, form, stream, turn time.Duration
}

const (
	// maxQuery bounds what is parsed of a request.
	maxQuery = 4 << 10
	maxForm  = 4 << 10

	maxRequests = 64
	maxRenders  = 4
	maxFlames   = 1
	maxGraphs   = 4
	maxStreams  = 16
	maxForms    = 8

	turnTime  = 5 * time.Second
	writeTime = 30 * time.Second
	formTime  = 10 * time.Second
)

// Handler makes the handler of a guard, which may be nil, off or stopped: the
// page then says so.
func Handler(guard *memguard.Guard, opts ...Option) http.Handler { return newHandler(guard, opts...) }

func newHandler(guard *memguard.Guard, opts ...Option) *handler {
	h := &handler{
		guard: guard, who: who(), options: options{cooldown: defaultCooldown}, origin: http.NewCrossOriginProtection(),
		requests: newGate(maxRequests), renders: newGate(maxRenders), flames: newGate(maxFlames), graphs: newGate(maxGraphs),
		streams: newGate(maxStreams),
		forms:   newGate(maxForms), times: times{write: writeTime, form: formTime, stream: streamTime, turn: turnTime},
	}
	h.left, h.now, h.dump = h.headroom, time.Now, guard.Dump
	for _, o := range opts {
		if o != nil {
			o(&h.options)
		}
	}
	return h
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	h.hurry(w, r)
	if h.authorize != nil {
		if err := h.authorize(r); err != nil {
			fail(w, http.StatusForbidden, err.Error())
			return
		}
	}
	if !h.requests.try() {
		busy(w, "too many requests at the same time")
		return
	}
	defer h.requests.leave()
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.get(w, r)
	case http.MethodPost:
		h.post(w, r)
	default:
		w.Header().Set("Allow", h.allowed())
		fail(w, http.StatusMethodNotAllowed, fmt.Sprintf("method %.20q: accepted are %s", r.Method, h.allowed()))
	}
}

// hurry keeps slow clients from staying for ever where the host has no timeouts
// of its own. A body that nobody reads ends its connection: net/http would wait
// for it with the answer.
func (h *handler) hurry(w http.ResponseWriter, r *http.Request) {
	controller := http.NewResponseController(w)
	_ = controller.SetWriteDeadline(time.Now().Add(h.write)) // Not every writer can.
	if r.ContentLength == 0 {
		return
	}
	_ = controller.SetReadDeadline(time.Now().Add(h.form)) // Not every writer can.
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}

func (h *handler) allowed() string {
	if h.readOnly {
		return "GET, HEAD"
	}
	return "GET, HEAD, POST"
}

func (h *handler) get(w http.ResponseWriter, r *http.Request) {
	q, err := query(r)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	switch {
	case q.Has("dump"):
		h.download(w, r, q.Get("dump"))
	case q.Has("flame"):
		h.flame(w, r, q)
	case q.Has("dumps"):
		h.serveDumps(w, r)
	case q.Has("history"):
		h.serveHistory(w, r, q)
	case q.Has("events"):
		h.serveEvents(w, r)
	default:
		h.overview(w, r, q)
	}
}

// query reads the query; each parameter may be there once.
func query(r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > maxQuery {
		return nil, fmt.Errorf("query of %d bytes: accepted are up to %d", len(r.URL.RawQuery), maxQuery)
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	for name, values := range q {
		if len(values) > 1 {
			return nil, fmt.Errorf("parameter %.50q is there %d times: accepted is once", name, len(values))
		}
	}
	return q, nil
}

// secure sets what every answer has.
func secure(header http.Header) {
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Cache-Control", "no-store")
}

// fail answers with an error in plain text.
func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "%s: %.500s\n", http.StatusText(status), text) // The reader is gone.
}

func busy(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", "1")
	fail(w, http.StatusServiceUnavailable, text)
}

// render makes an answer while few others are made, and sends it when its
// turn is over: a slow reader keeps nobody waiting.
func (h *handler) render(w http.ResponseWriter, r *http.Request, turn gate, contentType string, make func(*bytes.Buffer) error) {
	var body bytes.Buffer
	if !h.inTurn(w, r, turn, func() error { return make(&body) }) {
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	_, _ = w.Write(body.Bytes()) // The reader is gone.
}

// inTurn does something while few others do, and tells what went wrong.
func (h *handler) inTurn(w http.ResponseWriter, r *http.Request, turn gate, do func() error) bool {
	if !turn.enter(r.Context(), h.times.turn) {
		busy(w, "others are being answered")
		return false
	}
	err := func() (err error) {
		defer turn.leave()
		// A mistake of ours is one answer's, whatever the host does with panics.
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		return do()
	}()
	if err != nil {
		fail(w, statusOf(err), told(err))
	}
	return err == nil
}
