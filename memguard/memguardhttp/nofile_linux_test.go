package memguardhttp

import (
	"encoding/json"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestDocumentOpensNoFile: it is there where no file can be opened.
func TestDocumentOpensNoFile(t *testing.T) {
	h := newHandler(start(t))
	for deadline := time.Now().Add(patiently); len(h.guard.Snapshot().Findings) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no diagnosis")
		}
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	none := before
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	}()
	if f, err := os.Open(os.DevNull); err == nil {
		_ = f.Close() // Only opened.
		t.Fatal("files can be opened")
	}
	var d Document
	w := ask(h, http.MethodGet, "?format=json")
	if err := json.Unmarshal(w.Body.Bytes(), &d); w.Code != http.StatusOK || err != nil || d.Snapshot.Usage.IsZero() || len(d.Snapshot.Findings) == 0 {
		t.Errorf("%d, %v, %s", w.Code, err, w.Body)
	}
	if w := ask(h, http.MethodGet, "?format=text"); w.Code != http.StatusOK {
		t.Errorf("%d, %s", w.Code, w.Body)
	}
}
