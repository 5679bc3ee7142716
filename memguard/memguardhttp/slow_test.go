package memguardhttp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// dial opens a connection to a server.
func dial(t testing.TB, server *httptest.Server) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// patiently bounds what a test waits for.
const patiently = 20 * time.Second

func TestBodiesThatDoNotCome(t *testing.T) {
	h := newHandler(start(t))
	h.form = time.Second
	server := httptest.NewServer(h)
	defer server.Close()
	for _, c := range []struct {
		head string
		want map[int]bool
	}{
		{"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n", map[int]bool{408: true, 503: true}},
		{"POST /?action=dump HTTP/1.1\r\nContent-Type: text/plain\r\n", map[int]bool{408: true, 503: true}},
		{"POST / HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\n", map[int]bool{403: true}},
		{"GET /?format=html HTTP/1.1\r\n", map[int]bool{200: true, 503: true}},
	} {
		var stalled []net.Conn
		for range maxRequests + maxForms {
			conn := dial(t, server)
			if _, err := fmt.Fprintf(conn, "%sHost: x\r\nContent-Length: 100\r\n\r\na", c.head); err != nil {
				t.Fatal(err)
			}
			stalled = append(stalled, conn)
		}
		for deadline := time.Now().Add(patiently); ; time.Sleep(10 * time.Millisecond) {
			response, err := http.Get(server.URL + "/?format=json")
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close() // Not read.
			if response.StatusCode == http.StatusOK {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("beside %q: %d", c.head, response.StatusCode)
			}
		}
		for _, conn := range stalled {
			if err := conn.SetReadDeadline(time.Now().Add(patiently)); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(conn)
			response, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("%q: %v", c.head, err)
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil || !c.want[response.StatusCode] {
				t.Errorf("%q: %d, %v", c.head, response.StatusCode, err)
			}
			_ = response.Body.Close() // All was read.
			// A reset as well ends it: the byte of the body was not read.
			if n, err := io.Copy(io.Discard, in); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%q: %d bytes more, %v: the connection stays", c.head, n, err)
			}
		}
	}
}

// TestConnectionAfterAForm: a form that came does not end its connection.
func TestConnectionAfterAForm(t *testing.T) {
	h := newHandler(start(t))
	h.form = 300 * time.Millisecond
	server := httptest.NewServer(h)
	defer server.Close()
	conn := dial(t, server)
	in := bufio.NewReader(conn)
	for _, c := range []struct {
		request string
		want    int
	}{
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 6\r\n\r\naction", 400},
		{"GET /?format=json HTTP/1.1\r\nHost: x\r\n\r\n", 200},
	} {
		if _, err := io.WriteString(conn, c.request); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, response.Body)
		if err != nil || response.StatusCode != c.want || response.Close {
			t.Errorf("%.20q: %d, %v, closes %v", c.request, response.StatusCode, err, response.Close)
		}
		_ = response.Body.Close() // All was read.
	}
}

// stuck is a reader that takes nothing until it is let go.
type stuck struct {
	*httptest.ResponseRecorder
	writing chan struct{} // one for each that has come to its body
	letGo   chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	s.writing <- struct{}{}
	<-s.letGo
	return s.ResponseRecorder.Write(b)
}

// TestSlowReadersOfFlameGraphs: few bodies are in memory at a time.
func TestSlowReadersOfFlameGraphs(t *testing.T) {
	g := start(t)
	h := newHandler(g)
	query := "?flame=" + base(dump(t, g).Path)
	writing, letGo := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for range maxGraphs {
		wg.Go(func() {
			w := &stuck{httptest.NewRecorder(), writing, letGo}
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+query, nil))
			if w.Code != http.StatusOK {
				t.Error(w.Code)
			}
		})
	}
	for range maxGraphs {
		<-writing
	}
	h.times.turn = 10 * time.Millisecond
	if w := ask(h, http.MethodGet, query); w.Code != http.StatusServiceUnavailable {
		t.Errorf("one more: %d", w.Code)
	}
	if w := ask(h, http.MethodGet, "?format=html"); w.Code != http.StatusOK {
		t.Errorf("the page beside them: %d", w.Code)
	}
	close(letGo)
	wg.Wait()
	if w := ask(h, http.MethodGet, query); w.Code != http.StatusOK {
		t.Errorf("afterwards: %d", w.Code)
	}
}

// pipes is a listener without buffers: what nobody reads blocks at once.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { return nil }

func (p pipes) Addr() net.Addr { return &net.IPAddr{} }

func (p pipes) dial(t *testing.T, query string) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _ = ours.Close() })
	p <- theirs
	if _, err := fmt.Fprintf(ours, "GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", query); err != nil {
		t.Fatal(err)
	}
	return ours
}

// TestSlowReaders: those who take nothing keep a place, not a turn, and not
// for ever.
func TestSlowReaders(t *testing.T) {
	const readers = 40
	h := newHandler(start(t))
	ended := make(chan struct{}, 10*readers)
	listener := make(pipes)
	server := &http.Server{ReadHeaderTimeout: patiently, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		ended <- struct{}{}
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // It ends with the listener.
	}()
	defer func() {
		close(listener)
		<-served
	}()
	wait := func() {
		t.Helper()
		timer := time.NewTimer(patiently)
		defer timer.Stop()
		for range readers {
			select {
			case <-ended:
			case <-timer.C:
				t.Fatal("slow readers keep their places")
			}
		}
	}
	for _, query := range []string{"?format=html", "?format=json", "?format=text"} {
		h.write = time.Hour
		var conns []net.Conn
		for range readers {
			conns = append(conns, listener.dial(t, query))
		}
		response, err := http.ReadResponse(bufio.NewReader(listener.dial(t, "?format=html")), nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close() // All was read.
		if err != nil || response.StatusCode != http.StatusOK || !strings.HasSuffix(string(text), "</html>\n") {
			t.Errorf("beside slow readers: %d, %d bytes, %v", response.StatusCode, len(text), err)
		}
		<-ended
		if query == "?format=html" && len(ended) > 0 { // Others fit into net/http's buffer.
			t.Errorf("%d readers are no slow ones", len(ended))
		}
		for _, conn := range conns {
			_ = conn.Close() // The readers leave.
		}
		wait()
	}
	h.write = 200 * time.Millisecond
	var conns []net.Conn
	for range readers {
		conns = append(conns, listener.dial(t, "?format=html"))
	}
	wait()
	for _, conn := range conns {
		if text, err := io.ReadAll(conn); err != nil || strings.HasSuffix(string(text), "</html>\n") {
			t.Errorf("%d bytes, %v: the answer was not cut off", len(text), err)
		}
	}
}
