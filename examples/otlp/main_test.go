package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// names gives those that arrive to a channel.
type names struct {
	collector.UnimplementedMetricsServiceServer
	arrived chan []string
}

// Export is called over gRPC.
func (n *names) Export(_ context.Context, r *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
	var all []string
	for _, resource := range r.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				all = append(all, m.GetName())
			}
		}
	}
	n.arrived <- all
	return &collector.ExportMetricsServiceResponse{}, nil
}

// ServeHTTP is called over HTTP.
func (n *names) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	request := &collector.ExportMetricsServiceRequest{}
	if err := errors.Join(err, proto.Unmarshal(body, request)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = n.Export(r.Context(), request) // It has no error.
}

// The interval is a minute, so what arrives at the end is the last export.
func TestLastValuesArrive(t *testing.T) {
	for protocol, listen := range map[string]func(*testing.T, *names) string{
		"grpc": func(t *testing.T, n *names) string {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := grpc.NewServer()
			collector.RegisterMetricsServiceServer(server, n)
			go func() { _ = server.Serve(listener) }() // Stop ends it.
			t.Cleanup(server.Stop)
			return "http://" + listener.Addr().String()
		},
		"http/protobuf": func(t *testing.T, n *names) string {
			server := httptest.NewServer(n)
			t.Cleanup(server.Close)
			return server.URL
		},
	} {
		t.Run(protocol, func(t *testing.T) {
			n := &names{arrived: make(chan []string, 10)}
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", listen(t, n))
			t.Setenv(protocolVariable, protocol)
			t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
			t.Setenv("MEMGUARD_DUMP_DIR", t.TempDir())
			ended, end := context.WithCancel(t.Context())
			end()
			if err := run(ended, []string{"-listen", "127.0.0.1:0"}); err != nil {
				t.Fatalf("run: %v", err)
			}
			select {
			case all := <-n.arrived:
				if got := strings.Join(all, " ") + " "; !strings.Contains(got, "memguard.usage ") {
					t.Errorf("arrived %s, want memguard.usage in it", got)
				}
			default:
				t.Error("nothing arrived before the end")
			}
		})
	}
}

func TestServe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener) }()
	response, err := http.Get("http://" + listener.Addr().String() + "/work")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || len(body) != 65 {
		t.Errorf("/work: %s, %v, %q, want a checksum", response.Status, err, body)
	}
	_ = response.Body.Close() // It was read to its end.
	end()
	if err := <-ended; err != nil {
		t.Errorf("told to end: %v, want a graceful end", err)
	}
}

func TestRunRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		protocol string
		args     []string
		want     string
	}{
		"protocol": {"http/json", nil, `"http/json": accepted are grpc and http/protobuf`},
		"flag":     {"grpc", []string{"-port", "1"}, "not defined"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(protocolVariable, c.protocol)
			if err := run(t.Context(), c.args); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("run: %v, want %s", err, c.want)
			}
		})
	}
}

func TestErrorsAreLoggedOnceAMinute(t *testing.T) {
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(before)
	l := &errorLog{}
	for range 3 {
		l.Handle(io.ErrUnexpectedEOF)
	}
	l.last = l.last.Add(-quiet)
	l.Handle(io.ErrUnexpectedEOF)
	if got := out.String(); strings.Count(got, "unexpected EOF") != 2 || !strings.Contains(got, "dropped=2") {
		t.Errorf("logged:\n%s\nwant two errors, the second with dropped=2", got)
	}
}
