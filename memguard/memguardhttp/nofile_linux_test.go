package memguardhttp

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// TestDocumentOpensNoFile: it is there where no file can be opened.
func TestDocumentOpensNoFile(t *testing.T) {
	h := newHandler(start(t))
	for deadline := time.Now().Add(patiently); len(h.guard.Snapshot().Findings) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no diagnosis")
		}
	}
	kerneltest.NoFiles(t)
	var d Document
	w := ask(h, http.MethodGet, "?format=json")
	if err := json.Unmarshal(w.Body.Bytes(), &d); w.Code != http.StatusOK || err != nil || d.Snapshot.Usage.IsZero() || len(d.Snapshot.Findings) == 0 {
		t.Errorf("%d, %v, %s", w.Code, err, w.Body)
	}
	if w := ask(h, http.MethodGet, "?format=text"); w.Code != http.StatusOK {
		t.Errorf("%d, %s", w.Code, w.Body)
	}
}
