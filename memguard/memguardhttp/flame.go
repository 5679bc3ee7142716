package memguardhttp

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/flame"
	"github.com/memguard-dev/go-memguard/internal/inuse"
)

// errProfile is a profile that cannot be read.
var errProfile = errors.New("this profile cannot be read")

const (
	// parseCost is how many times its size a profile takes while it is read.
	parseCost = 12
	// topRows is how many functions the table has, maxSearch how long what is
	// searched for may be.
	topRows   = 40
	maxSearch = 100
)

// flamePage is what the template shows.
type flamePage struct {
	head
	About, Headline          string
	Problem, Next            string // why it is not drawn
	File, Base, Zoom, Search string
	// Whole leads back from a frame to the whole picture.
	Whole string
	Bases []baseLink
	Notes []string
	Graph template.HTML
	Top   []topRow
}

type baseLink struct {
	File, Name string
	Current    bool
}

type topRow struct{ Flat, Share, Cum, Function, Place, Zoom string }

func (h *handler) flame(w http.ResponseWriter, r *http.Request, q url.Values) {
	// Also while it is sent: a slow reader keeps it in memory.
	if !h.graphs.enter(r.Context(), h.times.turn) {
		busy(w, "other flame graphs are being made or read")
		return
	}
	defer h.graphs.leave()
	page := &flamePage{
		head: newHead("memguard: heap"), File: base(q.Get("flame")), Base: base(q.Get("base")), Search: fmt.Sprintf("%.*s", maxSearch, q.Get("search")),
	}
	var body bytes.Buffer
	status := http.StatusOK
	if !h.inTurn(w, r, h.flames, func() error {
		tree, err := h.tree(q.Get("flame"), q.Get("base"))
		switch status = statusOf(err); {
		case err == nil:
			status = http.StatusOK
			page.draw(tree, q.Get("zoom"))
		case errors.Is(err, fs.ErrNotExist) || !acceptOf(r).names("text/html"):
			return err
		default:
			page.Problem, page.Next = err.Error(), nextStep(err)
		}
		page.about(h)
		return pages.ExecuteTemplate(&body, "flame", page)
	}) {
		return
	}
	header := w.Header()
	header.Set("Content-Security-Policy", page.policy())
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // The reader is gone.
}

// nextStep is what to do with a profile that is not drawn.
func nextStep(err error) string {
	switch {
	case errors.Is(err, flame.ErrNoSymbols):
		return "It was written near the limit, where names had no room. memguard adds them when there is room again, or at the next start of this build " +
			"(heapdump.Recover). Until then: download it, and run go tool pprof with the program's binary beside it."
	case errors.Is(err, errTooBig), errors.Is(err, flame.ErrTooLarge):
		return "Download it, and run go tool pprof elsewhere."
	default:
		return "Download it, and see what it is."
	}
}

// tree reads a profile, or what grew since another one.
func (h *handler) tree(name, base string) (_ *flame.Tree, err error) {
	names := []string{name}
	if base != "" {
		names = append(names, base)
	}
	var files []*os.File
	var cost uint64
	for _, name := range names {
		f, err := h.guard.OpenDump(name)
		if err != nil {
			return nil, err
		}
		defer f.Close() // Only read.
		n, err := unpacked(f)
		if err != nil {
			return nil, unreadable(err)
		}
		files, cost = append(files, f), cost+parseCost*uint64(n)
	}
	if left, ok := h.left(); ok && cost > left {
		return nil, fmt.Errorf("%w: %s are left", errTooBig, size(left))
	}
	var tree *flame.Tree
	if base == "" {
		tree, err = flame.Read(files[0])
		if info, failed := files[0].Stat(); failed == nil && errors.Is(err, flame.ErrNoSymbols) {
			h.nameless.add(info.Name(), info.Size())
		}
	} else {
		tree, err = flame.Diff(files[1], files[0])
	}
	return tree, unreadable(err)
}

// unreadable names an error that says nothing more of a profile.
func unreadable(err error) error {
	if err != nil && statusOf(err) == http.StatusInternalServerError {
		err = fmt.Errorf("%w: %w", errProfile, err)
	}
	return err
}

// unpacked is the size of a profile as it is read: that of one compressed says
// nothing, and what the file itself says of it need not be true.
func unpacked(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	n := info.Size()
	var magic [2]byte
	if _, err := f.ReadAt(magic[:], 0); err == nil && string(magic[:]) == "\x1f\x8b" {
		if n, err = inflated(f); err != nil {
			return 0, err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
	}
	if n > inuse.MaxSize {
		return 0, fmt.Errorf("%w: limit %d bytes uncompressed", inuse.ErrTooLarge, inuse.MaxSize)
	}
	return n, nil
}

// inflated counts up to a little more than can be read, and keeps nothing.
func inflated(f io.Reader) (int64, error) {
	z, err := gzip.NewReader(f)
	if err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, io.LimitReader(z, inuse.MaxSize+1))
}

// headroom is what is left below the limit; false where there is none.
func (h *handler) headroom() (uint64, bool) {
	s := h.guard.Snapshot()
	limit, ok1 := s.Limit.Bytes.Get()
	used, ok2 := s.Unreclaimable.Get()
	return limit - min(limit, used), ok1 && ok2
}

// draw makes the picture and the table.
func (p *flamePage) draw(t *flame.Tree, zoom string) {
	name := "Heap in use by caller"
	p.Headline = size(uint64(t.Bytes())) + " in use"
	if p.Base != "" {
		name, p.Headline = "Heap growth by caller", size(uint64(t.Bytes()))+" grew"
		if n := t.Shrunk(); n > 0 {
			p.Headline += ", " + size(uint64(n)) + " shrank elsewhere"
		}
	}
	drawn := t.Draw(flame.Options{Name: name, Zoom: zoom, Search: p.Search, Link: p.link})
	p.Graph, p.Zoom = template.HTML(drawn.SVG), drawn.Zoom //nolint:gosec // The picture escapes what is in it.
	note := func(format string, args ...any) { p.Notes = append(p.Notes, fmt.Sprintf(format, args...)) }
	if drawn.Unknown {
		note("There is no such frame in this profile: all is shown.")
	}
	if drawn.Function != "" {
		note("Only %s and what it calls: %s of %s.", drawn.Function, size(uint64(drawn.Bytes)), size(uint64(t.Bytes())))
		p.Whole = p.link("")
	}
	if p.Search != "" {
		note("%d frames match, with %s.", drawn.Found, size(uint64(drawn.FoundBytes)))
	}
	if drawn.LeftOut > 0 {
		note("%d frames with %s together are too narrow to be drawn.", drawn.LeftOut, size(uint64(drawn.LeftOutBytes)))
	}
	for _, row := range t.Top(topRows) {
		if row.Flat <= 0 {
			break
		}
		place := ""
		if row.File != "" {
			place = fmt.Sprintf("%s:%d", row.File, row.Line)
		}
		p.Top = append(p.Top, topRow{
			Flat: size(uint64(row.Flat)), Share: fmt.Sprintf("%.1f %%", 100*row.Share), Cum: size(uint64(max(row.Cumulative, 0))),
			Function: row.Function, Place: place, Zoom: p.link(row.Zoom),
		})
	}
}

// link is this page at another frame; empty is the whole.
func (p *flamePage) link(zoom string) string {
	q := url.Values{"flame": {p.File}}
	for name, text := range map[string]string{"base": p.Base, "zoom": zoom, "search": p.Search} {
		if text != "" {
			q.Set(name, text)
		}
	}
	return "?" + q.Encode()
}

// about says which dump it is, and which others it can be held against.
func (p *flamePage) about(h *handler) {
	dumps, _ := h.list.get(h.guard) // The overview says what is wrong.
	name := func(d *heapdump.Dump) string {
		return d.Time.UTC().Format("2006-01-02 15:04:05 UTC") + " " + string(d.Stage)
	}
	for i := len(dumps) - 1; i >= 0; i-- {
		d := &dumps[i]
		file := filepath.Base(d.Path)
		if file == p.File {
			p.About = strings.TrimSuffix(name(d)+": "+d.Reason, ": ")
			if d.StaleBytes > 0 {
				p.Notes = append(p.Notes, size(d.StaleBytes)+" of the heap is younger than the last collection before it, and not in it.")
			}
			continue
		}
		p.Bases = append(p.Bases, baseLink{file, name(d), file == p.Base})
	}
}
