package memguardhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
)

func (h *handler) serveDumps(w http.ResponseWriter, r *http.Request) {
	h.json(w, r, func(body *bytes.Buffer) error {
		dumps, err := h.list.get(h.guard)
		if err != nil && len(dumps) == 0 {
			return err
		}
		list := struct {
			Dumps []heapdump.Dump `json:"dumps"`
			Error string          `json:"error,omitempty"`
		}{dumps, ""}
		if err != nil {
			list.Error = err.Error()
		}
		if list.Dumps == nil {
			list.Dumps = []heapdump.Dump{}
		}
		return json.NewEncoder(body).Encode(list)
	})
}

// download sends a file of a dump, also in parts.
func (h *handler) download(w http.ResponseWriter, r *http.Request, name string) {
	if !h.streams.try() {
		busy(w, "too many downloads at the same time")
		return
	}
	defer h.streams.leave()
	f, err := h.guard.OpenDump(name)
	if err != nil {
		fail(w, statusOf(err), told(err))
		return
	}
	defer f.Close() // Only read.
	info, err := f.Stat()
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	base := filepath.Base(name)
	header := w.Header()
	header.Set("Content-Type", "application/octet-stream")
	if strings.HasSuffix(base, ".json") {
		header.Set("Content-Type", "application/json")
	}
	header.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", base))
	header.Set("ETag", fmt.Sprintf(`"%x-%x"`, info.Size(), info.ModTime().UnixNano()))
	header.Set("Cache-Control", "private, no-cache")
	// As long as the reader takes something now and then it may go on.
	http.ServeContent(&patient{w, http.NewResponseController(w), h.write}, r, base, info.ModTime(), f)
}

// patient gives the reader time for each part.
type patient struct {
	http.ResponseWriter
	controller *http.ResponseController
	each       time.Duration
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.controller.SetWriteDeadline(time.Now().Add(p.each)) // Not every writer can.
	return p.ResponseWriter.Write(b)
}

// told leaves a name that is none of ours out of the answer.
func told(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no such dump"
	}
	return err.Error()
}

// post changes something, for a page of our own origin or a tool.
func (h *handler) post(w http.ResponseWriter, r *http.Request) {
	if h.readOnly {
		w.Header().Set("Allow", h.allowed())
		fail(w, http.StatusMethodNotAllowed, "read-only")
		return
	}
	if err := h.origin.Check(r); err != nil {
		fail(w, http.StatusForbidden, err.Error())
		return
	}
	if len(r.URL.RawQuery) > maxQuery {
		fail(w, http.StatusBadRequest, "query is too long")
		return
	}
	if !h.forms.try() {
		busy(w, "too many forms are being read")
		return
	}
	err := readForm(w, r)
	h.forms.leave()
	if err != nil {
		fail(w, statusOf(err), err.Error())
		return
	}
	switch action := r.Form.Get("action"); action {
	case "dump":
		h.takeDump(w, r)
	case "delete":
		err := h.guard.DeleteDump(r.Form.Get("dump"))
		h.list.forget()
		if err != nil {
			fail(w, statusOf(err), told(err))
			return
		}
		done(w, r, map[string]string{"deleted": filepath.Base(r.Form.Get("dump"))})
	default:
		fail(w, http.StatusBadRequest, fmt.Sprintf("action %.50q: accepted are dump and delete", action))
	}
}

// errForm is a body that cannot be read, or does not come.
var errForm = errors.New("read the form")

// readForm reads the body to its end, whatever it is, within the time that
// hurry has set: what is left of it then is the connection's end.
func readForm(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return fmt.Errorf("%w: %w", errForm, err)
	}
	w.Header().Del("Connection")
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // Its end would look like the client's.
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := r.ParseForm(); err != nil {
		return fmt.Errorf("%w: %w", errForm, err)
	}
	return nil
}

// taken is a dump and what it lacks.
type taken struct {
	heapdump.Dump
	// Error says why a stage, or something of the dump, is missing.
	Error string `json:"error,omitempty"`
}

func (h *handler) takeDump(w http.ResponseWriter, r *http.Request) {
	if !h.dumping.TryLock() {
		busy(w, "a dump is being taken")
		return
	}
	defer h.dumping.Unlock()
	if left := h.cooldown - h.now().Sub(h.lastDump); left > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(math.Ceil(left.Seconds()))))
		fail(w, http.StatusTooManyRequests, fmt.Sprintf("the last dump was taken a moment ago: again in %.0f s", left.Seconds()))
		return
	}
	reason := "asked for over HTTP"
	if more := strings.ToValidUTF8(r.Form.Get("reason"), "�"); more != "" {
		reason += fmt.Sprintf(": %.200s", more)
	}
	// It may take longer than an answer.
	controller := http.NewResponseController(w)
	_ = controller.SetWriteDeadline(time.Time{}) // Not every writer can.
	dump, err := h.dump(r.Context(), reason)
	_ = controller.SetWriteDeadline(time.Now().Add(h.write)) // Not every writer can.
	h.list.forget()
	if status := statusOf(err); dump.Path != "" || status != http.StatusInsufficientStorage && status != http.StatusConflict {
		h.lastDump = h.now() // One that was refused cost nothing.
	}
	if dump.Path == "" {
		fail(w, statusOf(err), err.Error())
		return
	}
	answer := taken{Dump: dump}
	h.note.Store(nil)
	if err != nil {
		answer.Error = err.Error()
		note := fmt.Sprintf("The dump of %s is not all that was asked for: %.500s", dump.Time.UTC().Format("15:04:05"), err)
		h.note.Store(&note)
	}
	done(w, r, answer)
}

// done sends a person back to the page, and tells a tool what was done.
func done(w http.ResponseWriter, r *http.Request, what any) {
	if acceptOf(r).names("text/html") {
		w.Header().Set("Location", "?#dumps")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(what) // The reader is gone.
}
