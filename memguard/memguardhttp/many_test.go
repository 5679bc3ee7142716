package memguardhttp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"
)

// TestManyClients: each gets an answer, few at a time, and all of them take
// little memory.
func TestManyClients(t *testing.T) {
	h, _, real := planted(t)
	server := httptest.NewServer(h)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	defer client.CloseIdleConnections()
	most := highest(t)
	queries := []string{"?format=html", "?format=json", "?format=text", "?history=15m", "?dumps", "?dump=" + real, "?flame=" + real, "?flame=" + real + "&base=" + real}
	var mu sync.Mutex
	codes := map[int]int{}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			for j := range 5 {
				response, err := client.Get(server.URL + "/" + queries[(i+j)%len(queries)])
				if err != nil {
					t.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, response.Body)
				if err != nil {
					t.Error(err)
				}
				_ = response.Body.Close() // All was read.
				mu.Lock()
				codes[response.StatusCode]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	grew := most()
	t.Logf("%v, at most %d MiB more in the heap", codes, grew>>20)
	if grew > 96<<20 {
		t.Errorf("the heap grew by %d MiB", grew>>20)
	}
	if codes[200] == 0 || codes[200]+codes[503] != 1000 {
		t.Errorf("answers %v, want 200 and 503 only", codes)
	}
}

// highest watches the heap, the clients' part of it included, until it is asked
// how far it grew.
func highest(t *testing.T) func() int64 {
	t.Helper()
	read := func() int64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return int64(s[0].Value.Uint64())
	}
	runtime.GC()
	before, most := read(), int64(0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			most = max(most, read()-before)
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-done
		return most
	}
}
