package memguardhttp

import (
	"net/http"
	"sync"
	"weak"
)

// servers are those that the handler has streams on. http.Server.Shutdown waits
// for every answer, so that one without an end has to be told.
type servers struct {
	mu    sync.Mutex
	known map[weak.Pointer[http.Server]]chan struct{}
}

// shutdown is closed when the request's server shuts down; nil where no server
// of net/http has it.
func (s *servers) shutdown(r *http.Request) <-chan struct{} {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok || server == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := weak.Make(server) // The handler may live longer.
	if done, ok := s.known[key]; ok {
		return done
	}
	for k := range s.known {
		if k.Value() == nil {
			delete(s.known, k)
		}
	}
	if s.known == nil {
		s.known = map[weak.Pointer[http.Server]]chan struct{}{}
	}
	done := make(chan struct{})
	s.known[key] = done
	var once sync.Once // Shutdown may be called twice.
	server.RegisterOnShutdown(func() { once.Do(func() { close(done) }) })
	return done
}
