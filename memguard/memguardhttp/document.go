package memguardhttp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/memguard-dev/go-memguard/memguard"
)

// Schema is the version of the documents. What is in them stays; more may be
// added.
const Schema = 1

// Document is format=json, and the data of each server-sent event.
type Document struct {
	Schema int `json:"schema"`
	// Snapshot is the last sample and what is known beside it.
	Snapshot memguard.Snapshot `json:"snapshot"`
	// PreviousExit is how the process before this one ended; nil: unknown.
	PreviousExit *memguard.PreviousExit `json:"previous_exit,omitempty"`
	// Settings are those in force.
	Settings []memguard.Setting `json:"settings"`
}

func documentOf(g *memguard.Guard) Document {
	d := Document{Schema: Schema, Snapshot: g.Snapshot(), Settings: g.Settings()}
	if exit, ok := g.PreviousExit(); ok {
		d.PreviousExit = &exit
	}
	return d
}

// overview is the page, or the same as JSON or text.
func (h *handler) overview(w http.ResponseWriter, r *http.Request, q url.Values) {
	format, err := format(r, q)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	w.Header().Add("Vary", "Accept")
	switch format {
	case "json":
		h.json(w, r, func(body *bytes.Buffer) error { return json.NewEncoder(body).Encode(documentOf(h.guard)) })
	case "text":
		h.tagged(w, r, "text/plain; charset=utf-8", func(body *bytes.Buffer) error {
			writeText(body, documentOf(h.guard))
			return nil
		})
	default:
		h.page(w, r, q)
	}
}

func (h *handler) json(w http.ResponseWriter, r *http.Request, make func(*bytes.Buffer) error) {
	h.tagged(w, r, "application/json", make)
}

// tagged renders what clients may keep, if they ask each time whether it is
// still the same.
func (h *handler) tagged(w http.ResponseWriter, r *http.Request, contentType string, make func(*bytes.Buffer) error) {
	var body bytes.Buffer
	if !h.inTurn(w, r, h.renders, func() error { return make(&body) }) {
		return
	}
	sum := sha256.Sum256(body.Bytes())
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	header := w.Header()
	header.Set("ETag", tag)
	header.Set("Cache-Control", "private, no-cache")
	if matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	_, _ = w.Write(body.Bytes()) // The reader is gone.
}

// matches compares weakly, as If-None-Match wants.
func matches(header, tag string) bool {
	for _, candidate := range strings.Split(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == tag {
			return true
		}
	}
	return false
}
