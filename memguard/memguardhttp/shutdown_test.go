package memguardhttp

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// stream asks a server for events and reads the first.
func stream(t *testing.T, server *httptest.Server) *http.Response {
	t.Helper()
	response, err := server.Client().Get(server.URL + "/?events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	in := bufio.NewReader(response.Body)
	for _, want := range []string{"retry: 2000\n", "event: snapshot\n", "data: {"} {
		line, err := in.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, want) {
			t.Fatalf("%q, %v, want %q", line, err, want)
		}
	}
	return response
}

// TestShutdownEndsStreams: on each server that the handler is on.
func TestShutdownEndsStreams(t *testing.T) {
	h := newHandler(start(t))
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(h)
		if server.EnableHTTP2 = http2; http2 {
			server.StartTLS()
		} else {
			server.Start()
		}
		defer server.Close()
		var open []*http.Response
		for range 2 {
			response := stream(t, server)
			if (response.ProtoMajor == 2) != http2 {
				t.Error(response.Proto)
			}
			open = append(open, response)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patiently)
		defer cancel()
		if err := server.Config.Shutdown(ctx); err != nil {
			t.Errorf("a stream is open: %v", err)
		}
		for _, response := range open {
			if _, err := io.Copy(io.Discard, response.Body); err != nil {
				t.Errorf("the stream does not end well: %v", err)
			}
		}
	}
	if n := len(h.servers.known); n != 2 {
		t.Errorf("%d servers, want 2", n)
	}
}

func TestStreamsDoNotLastForEver(t *testing.T) {
	h := newHandler(start(t))
	h.stream = 50 * time.Millisecond
	server := httptest.NewServer(h)
	defer server.Close()
	if _, err := io.Copy(io.Discard, stream(t, server).Body); err != nil {
		t.Error(err)
	}
}
