package heapdump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/memguard-dev/go-memguard/internal/gomem"
	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

// Kind is what a directory lies on. Empty is not known.
type Kind string

const (
	// Tmpfs keeps files in memory that is charged to the container and that
	// the kernel cannot take back (tmpfs, ramfs; an emptyDir with medium: Memory).
	Tmpfs Kind = "tmpfs"
	// Disk is any other file system.
	Disk Kind = "disk"
)

// Store is a directory that takes dumps. Its methods are safe for concurrent use.
type Store struct {
	dir  directory // changes under busy and opening
	path string    // absolute
	kind Kind
	opt  Options
	run  string // Options.Run as manifests quote it
	// maxBytes is Options.MaxBytes, or half of a volume that is too small for
	// it: on a volume full of old dumps every new one would fail.
	maxBytes int64
	edge     edges
	mem      *gomem.Reader
	held     atomic.Uint64 // records that it is armed for
	aside    atomic.Uint64 // bytes of the volume that are set aside for captures

	// described is what List keeps.
	described atomic.Pointer[descriptions]

	// opening lets those look at dir who do not wait for their turn.
	opening sync.Mutex

	unfinished sync.WaitGroup // whoever makes files last; none begins once closed

	lasting chan struct{} // holds one token: of captures that make last what they write
	busy    chan struct{} // holds one token: a single capture at a time
	// The rest is under busy.
	closed  bool
	recent  recentSets
	current capture // the one that runs, here so that it costs no allocation
	armed   *armed
	waiting []waiting
	last    setName // the one written last
	// settling are the newest sets of those that are being made to last.
	settling []setName
	// baseline is of this process, and in that file.
	baseline     *heapprofile.Baseline
	baselineFile string
}

// edges are what a store takes from outside, for tests to replace.
type edges struct {
	now          func() time.Time
	pid          int
	temp         func() string
	gc           func()
	heap         func(io.Writer) error // in place of the encoder's
	goroutines   func(io.Writer) error
	symbolize    func(context.Context, *directory, string) (written, error)
	afterProfile func() // between the profile and its manifest
	settle       func(*directory, []written) error
}

func realEdges() edges {
	return edges{
		now: time.Now, pid: os.Getpid(), temp: tempName,
		gc: runtime.GC, goroutines: encodeGoroutines,
		symbolize: func(ctx context.Context, d *directory, name string) (written, error) { return d.symbolize(ctx, name) },
		settle:    (*directory).settle,
	}
}

// tempName cannot be guessed, so nothing can be planted there in advance.
func tempName() string { return fmt.Sprintf("%s%016x", tempPrefix, rand.Uint64()) }

// Open makes a store of an existing directory. It tries whether files can be
// written there, and removes temporary files that killed processes left
// behind more than ten minutes ago.
//
// The path may be a symbolic link if the link belongs to this user or to
// root. Errors name the directory and wrap the system's: fs.ErrNotExist,
// fs.ErrPermission, syscall.ENOTDIR, ENOSPC, EROFS and others.
func Open(dir string, opt Options) (*Store, error) { return open(dir, opt, realEdges()) }

func open(dir string, opt Options, edge edges) (*Store, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	run, err := quoteRun(opt.Run)
	if err != nil {
		return nil, fmt.Errorf("heapdump: Run %q: %w", opt.Run, err)
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("heapdump: directory %s: %w", dir, err)
	}
	if opt.GC != nil {
		edge.gc = opt.GC
	}
	s := &Store{path: path, opt: opt, run: run, edge: edge, mem: gomem.NewReader(), lasting: make(chan struct{}, 1), busy: make(chan struct{}, 1)}
	if err := s.openDirectory(); err != nil {
		return nil, fmt.Errorf("heapdump: directory %s: %w", dir, err)
	}
	s.kind, _ = volume(s.dir.self)
	// What cannot be removed now is tried again, and reported, by Capture.
	_ = s.clearStale()
	return s, nil
}

func (s *Store) openDirectory() error {
	if err := checkDirectory(s.path); err != nil {
		return err
	}
	root, err := os.OpenRoot(s.path)
	if err != nil {
		return err
	}
	self, err := root.Open(".")
	if err != nil {
		return errors.Join(err, root.Close())
	}
	dir := directory{root: root, self: self, temp: s.edge.temp}
	err = control(self, func(fd uintptr) error { dir.fd = fd; return nil })
	if err == nil {
		err = dir.probe()
	}
	if err != nil {
		return errors.Join(err, dir.close())
	}
	s.opening.Lock()
	s.dir = dir
	s.opening.Unlock()
	s.maxBytes = s.opt.MaxBytes
	if _, size := volume(self); size > 0 {
		s.maxBytes = min(s.maxBytes, size/2)
	}
	return nil
}

// opened is the directory for those who do not wait for their turn.
func (s *Store) opened() directory {
	s.opening.Lock()
	defer s.opening.Unlock()
	return s.dir
}

// follow opens the directory again when another one has taken its place, as
// when a volume was cleaned by removing and making it anew.
func (s *Store) follow() error {
	now, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	opened, err := s.dir.self.Stat()
	if err != nil {
		return err
	}
	if os.SameFile(now, opened) {
		return nil
	}
	before := s.dir
	if err := s.openDirectory(); err != nil {
		return err
	}
	// Nobody finds what may still be made to last there; what closing it says
	// helps nobody.
	if s.armed != nil {
		_ = s.armed.release()
	}
	_ = before.close()
	return nil
}

// checkDirectory refuses a path that another user may point elsewhere.
func checkDirectory(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode().Type() == fs.ModeSymlink {
		if !isTrusted(info) {
			return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("symbolic link of another user: %w", fs.ErrPermission)}
		}
		if info, err = os.Stat(path); err != nil {
			return err
		}
	}
	if !info.IsDir() {
		return &fs.PathError{Op: "open", Path: path, Err: syscall.ENOTDIR}
	}
	return nil
}

// Close waits for running captures, finishes what urgent ones have left, but
// for symbols, which take memory, and releases the directory. Later captures
// fail with ErrClosed; a second Close does nothing.
func (s *Store) Close() error {
	s.busy <- struct{}{}
	if s.closed {
		s.release()
		s.unfinished.Wait()
		return nil
	}
	s.closed = true
	left := s.begin(s.waiting)
	s.waiting = nil
	s.release()
	err := s.makeLast(context.Background(), left, false)
	s.unfinished.Wait()
	s.busy <- struct{}{}
	defer s.release()
	if s.last != (setName{}) {
		err = errors.Join(err, s.prune()) // Until now some were being made to last.
	}
	err = errors.Join(err, s.disarm(), s.dir.close())
	if err != nil {
		return fmt.Errorf("heapdump: close %s: %w", s.path, err)
	}
	return nil
}

// acquire waits for a turn to begin something.
func (s *Store) acquire(ctx context.Context) error {
	if err := take(ctx, s.busy); err != nil {
		return err
	}
	if s.closed {
		s.release()
		return ErrClosed
	}
	return nil
}

// take waits for a token or the end of ctx.
func take(ctx context.Context, token chan<- struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) release() { <-s.busy }

// Dir is the absolute path of the directory.
func (s *Store) Dir() string { return s.path }

// FS tells what the directory lies on, as found when it was opened
// (statfs(2)). It is known on Linux only.
func (s *Store) FS() Kind { return s.kind }
