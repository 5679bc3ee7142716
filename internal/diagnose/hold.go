package diagnose

import (
	"time"

	"github.com/memguard-dev/go-memguard/internal/history"
)

// told is a growth as it was last found.
type told struct {
	finding Finding
	growth  growth
	at      time.Duration
	level   float64 // of the series then
}

const (
	// longestHold is how long a growth is held at most without being found again.
	longestHold = time.Hour
	// enoughCollections is how many must have looked at what lives to say that
	// it rises no more; settled is how long other memory must have had.
	enoughCollections = 3
	settled           = 5 * time.Second
	// back is the share of a rise that has to be gone again, goesOn the share of
	// its rate that has to be left.
	back   = 0.25
	goesOn = 0.25
)

// hold keeps a growth among the findings until something speaks against it.
// What lives is seen at collections alone, and near the end there are moments
// with too few of them, or with a rate too uneven, to find it anew.
func (d *Doctor) hold(r *run) {
	if d.told == nil {
		d.told = map[Code]told{}
	}
	for _, f := range r.out.Findings {
		if g, ok := r.grew[f.Code]; ok {
			d.told[f.Code] = told{f, g, r.last.Since, r.level(g.series)}
		}
	}
	for code, was := range d.told {
		switch {
		case was.at == r.last.Since:
		case r.out.Has(code):
			delete(d.told, code) // It no longer grows: it is told of in another way.
		case r.contradicts(&was):
			delete(d.told, code)
		default:
			r.rising[was.growth.series] = was.growth
			r.out.Findings = append(r.out.Findings, was.finding)
		}
	}
}

// contradicts tells whether a growth found before is over, or too long ago.
func (r *run) contradicts(was *told) bool {
	g := &was.growth
	since := r.last.Since - was.at
	if since < 0 || since > min(g.window, longestHold) {
		return true
	}
	now := r.level(g.series)
	if now < was.level-back*(g.To-g.From) {
		return true
	}
	looked := since >= settled
	if g.series == history.LiveHeap {
		looked = r.recent(since).Collections >= enoughCollections
	}
	return looked && now < was.level+goesOn*g.Rate*since.Seconds()
}

// level is a series as it is now; 0 where nothing tells it.
func (r *run) level(s history.Series) float64 {
	n, _ := r.last.Get(s)
	return float64(n * unit(s))
}
