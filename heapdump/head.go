package heapdump

import (
	"bytes"
	"strconv"
	"strings"
)

// maxHead holds a run of maxRun bytes, six bytes for each at worst, and the rest.
const maxHead = 2 << 10

// head is the first fields of a manifest, all that retention goes by. It is
// read without a decoder, whose code every service would carry for it: the
// lines must be exactly those that writeTo makes.
type head struct {
	run  string // quoted, as it stands there
	heap uint64
}

func parseHead(text string) (head, error) {
	text, ok := strings.CutPrefix(text, "{\n  \"version\": 1,\n  \"run\": ")
	if !ok {
		return head{}, ErrManifest
	}
	// A string in JSON has no line break of its own.
	run, text, _ := strings.Cut(text, ",\n")
	digits, ok := strings.CutPrefix(text, "  \"heap_objects_bytes\": ")
	if !ok || len(run) <= len(`""`) || run[0] != '"' || run[len(run)-1] != '"' {
		return head{}, ErrManifest
	}
	digits, _, ok = strings.Cut(digits, ",\n")
	heap, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil {
		return head{}, ErrManifest
	}
	return head{run, heap}, nil
}

// quoteRun is how a manifest has the run.
func quoteRun(run string) (string, error) {
	var b bytes.Buffer
	if err := (&Manifest{Version: ManifestVersion, Run: run}).writeTo(&b); err != nil {
		return "", err
	}
	h, err := parseHead(b.String())
	return h.run, err
}
