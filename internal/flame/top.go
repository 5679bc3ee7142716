package flame

import (
	"cmp"
	"slices"

	"github.com/memguard-dev/go-memguard/internal/inuse"
)

// Row is a function of a tree, on all paths together.
type Row struct {
	// Function is its name with the import path and without type arguments.
	Function string
	// File and Line are where it allocated most; none if it only called.
	File string
	Line int64
	// Flat is the bytes it allocated, Cumulative those of its callees as well;
	// in a difference those that grew.
	Flat, Cumulative int64
	// From and To are the bytes behind Flat in the base profile and in the other
	// one: Flat is To less From.
	From, To int64
	// Share is Flat as a part of all bytes of the tree, 0 to 1.
	Share float64
	// Zoom is for [Options]: the path of the function with most bytes.
	Zoom string
}

// Top lists n functions, most Flat first; all of them if n is 0 or less.
func (t *Tree) Top(n int) []Row {
	c := counter{rows: map[*function]*tally{}}
	for _, child := range t.root.children {
		c.count(child)
	}
	all := max(t.Bytes(), 1)
	rows := make([]Row, 0, len(c.rows))
	for f, sum := range c.rows {
		row := Row{
			Function: f.name, Zoom: sum.widest.ID(),
			Flat: sum.own.grown, From: sum.own.from, To: sum.own.to, Cumulative: sum.total.grown,
			Share: float64(sum.own.grown) / float64(all),
		}
		row.File, row.Line = sum.place()
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Flat, a.Flat), cmp.Compare(b.Cumulative, a.Cumulative), cmp.Compare(a.Function, b.Function))
	})
	if n > 0 && n < len(rows) {
		rows = slices.Clip(rows[:n])
	}
	return rows
}

// counter adds up nodes by function.
type counter struct {
	rows map[*function]*tally
}

type tally struct {
	own, total change
	widest     *node
	places     map[line]int64 // bytes
	depth      int            // calls of it above the node that is counted
}

type line struct {
	file   string
	number int64
}

func (c *counter) count(n *node) {
	sum := c.rows[n.function]
	if sum == nil {
		sum = &tally{widest: n, places: map[line]int64{}}
		c.rows[n.function] = sum
	}
	sum.own.add(n.own)
	// A recursive function has its callees' bytes once.
	if sum.depth == 0 {
		sum.total.add(n.total)
	}
	if n.total.grown > sum.widest.total.grown {
		sum.widest = n
	}
	for _, p := range n.places {
		if grown := p.bytes.grown; grown > 0 {
			key := line{p.file, p.line}
			sum.places[key] = inuse.AddCapped(sum.places[key], grown)
		}
	}
	sum.depth++
	for _, child := range n.children {
		c.count(child)
	}
	sum.depth--
}

// place is the line with most bytes.
func (t *tally) place() (string, int64) {
	var at line
	most := int64(0)
	for l, bytes := range t.places {
		if bytes > most || bytes == most && (l.file < at.file || l.file == at.file && l.number < at.number) {
			at, most = l, bytes
		}
	}
	return at.file, at.number
}
