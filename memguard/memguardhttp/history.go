package memguardhttp

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/memguard"
)

// windows are how far back one can look.
var windows = []struct {
	name, words string
	d           time.Duration
}{
	{"1m", "1 minute", time.Minute},
	{"15m", "15 minutes", 15 * time.Minute},
	{"6h", "6 hours", 6 * time.Hour},
	{"2d", "2 days", 48 * time.Hour},
	{"8d", "8 days", 192 * time.Hour},
}

const acceptedWindows = "1m, 15m, 6h, 2d and 8d"

func window(parameter, text string) (time.Duration, error) {
	for _, w := range windows {
		if w.name == text {
			return w.d, nil
		}
	}
	return 0, fmt.Errorf("%s %.50q: accepted are %s", parameter, text, acceptedWindows)
}

func (h *handler) serveHistory(w http.ResponseWriter, r *http.Request, q url.Values) {
	back, err := window("history", q.Get("history"))
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	format := "json"
	if q.Has("format") {
		format = q.Get("format")
	} else if a := acceptOf(r); a.names("text/csv") && a.preference("text/csv").before(a.preference("application/json")) {
		format = "csv"
	}
	w.Header().Add("Vary", "Accept")
	switch format {
	case "json":
		h.json(w, r, func(body *bytes.Buffer) error {
			moments := h.guard.History(back)
			if moments == nil {
				moments = []memguard.Moment{}
			}
			return json.NewEncoder(body).Encode(struct {
				Schema  int               `json:"schema"`
				Moments []memguard.Moment `json:"moments"`
			}{Schema, moments})
		})
	case "csv":
		h.tagged(w, r, "text/csv; charset=utf-8", func(body *bytes.Buffer) error { return writeCSV(body, h.guard.History(back)) })
	default:
		fail(w, http.StatusBadRequest, fmt.Sprintf("format %.50q: accepted are json and csv", format))
	}
}

// columns are those of the CSV, named as in JSON; what is absent is empty.
var columns = []struct {
	name string
	of   func(*memguard.Moment) string
}{
	{"time", func(m *memguard.Moment) string { return m.Time.UTC().Format(time.RFC3339Nano) }},
	{"usage_bytes", func(m *memguard.Moment) string { return digits(m.Usage) }},
	{"working_set_bytes", func(m *memguard.Moment) string { return digits(m.WorkingSet) }},
	{"unreclaimable_bytes", func(m *memguard.Moment) string { return digits(m.Unreclaimable) }},
	{"highest_unreclaimable_bytes", func(m *memguard.Moment) string { return digits(m.Highest) }},
	{"limit_bytes", func(m *memguard.Moment) string { return digits(m.Limit) }},
	{"rss_bytes", func(m *memguard.Moment) string { return digits(m.RSS) }},
	{"heap_in_use_bytes", func(m *memguard.Moment) string { return digits(m.HeapInUse) }},
	{"live_heap_bytes", func(m *memguard.Moment) string { return digits(m.LiveHeap) }},
	{"gomemlimit_bytes", func(m *memguard.Moment) string { return digits(m.GoMemLimit) }},
	{"goroutines", func(m *memguard.Moment) string { return count(m.Goroutines) }},
	{"threads", func(m *memguard.Moment) string { return digits(m.Threads) }},
	{"gc_cycles", func(m *memguard.Moment) string { return count(m.GCCycles) }},
	{"oom_kill", func(m *memguard.Moment) string { return count(m.OOMKills) }},
	{"spikes", func(m *memguard.Moment) string { return count(m.Spikes) }},
}

func digits(v cgroupstat.Value) string {
	n, ok := v.Get()
	if !ok {
		return ""
	}
	return count(n)
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

func writeCSV(body *bytes.Buffer, moments []memguard.Moment) error {
	out := csv.NewWriter(body)
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.name
	}
	if err := out.Write(row); err != nil {
		return err
	}
	for m := range moments {
		for i, c := range columns {
			row[i] = c.of(&moments[m])
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
