package cgroupstat

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// bufferSize holds the largest file, memory.stat, ten times over.
const bufferSize = 32 << 10

// Reader reads a cgroup through descriptors that stay open: no read allocates
// or walks a path. It is not safe for concurrent use.
type Reader struct {
	location Location
	limits   []levelLimits
	above    file // v1: memory.stat of the topmost level
	at       int  // selected level
	files    levelFiles
	parser   *statParser
	buf      []byte
	closed   bool
}

// levelFiles are the files of the selected level.
type levelFiles struct {
	usage, stat, peak, recentPeak, events, oomControl, pressure file
	swap, kmem, tcp, swapEvents                                 file
}

// Open opens the files of all levels of a location, and selects the process's
// own cgroup.
func Open(l Location) (*Reader, error) {
	if len(l.Levels) == 0 || (l.Version != V1 && l.Version != V2) {
		return nil, fmt.Errorf("%w: the location has no levels", ErrNoCgroup)
	}
	r := &Reader{location: l, above: noFile, parser: newStatParser(l.Version), buf: make([]byte, bufferSize)}
	for _, dir := range l.Levels {
		limits, err := openLimits(l.Version, dir)
		r.limits = append(r.limits, limits)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	files, err := openLevel(l.Version, l.Levels[0])
	r.files = files
	if err == nil && l.Version == V1 {
		o := opener{dir: l.Levels[len(l.Levels)-1]}
		r.above, err = o.open("memory.stat"), o.err
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// opener opens files of a directory and keeps the first error.
type opener struct {
	dir string
	err error
}

// open leaves out what the kernel lacks; a whole directory that is missing
// shows as a missing memory.stat.
func (o *opener) open(name string) file {
	if o.err != nil {
		return file{fd: -1}
	}
	f, err := openFile(filepath.Join(o.dir, name), name != "memory.stat")
	o.err = err
	return f
}

var noFile = file{fd: -1}

func openLevel(v Version, dir string) (levelFiles, error) {
	o := opener{dir: dir}
	if v == V1 {
		return levelFiles{
			usage: o.open("memory.usage_in_bytes"), stat: o.open("memory.stat"), peak: o.open("memory.max_usage_in_bytes"), recentPeak: noFile,
			events: o.open("memory.failcnt"), oomControl: o.open("memory.oom_control"), pressure: noFile,
			swap: noFile, kmem: o.open("memory.kmem.usage_in_bytes"), tcp: o.open("memory.kmem.tcp.usage_in_bytes"),
			swapEvents: o.open("memory.memsw.failcnt"),
		}, o.err
	}
	return levelFiles{
		usage: o.open("memory.current"), stat: o.open("memory.stat"), peak: o.open("memory.peak"), recentPeak: openRecentPeak(dir),
		events: o.open("memory.events"), oomControl: noFile, pressure: o.open("memory.pressure"),
		swap: o.open("memory.swap.current"), kmem: noFile, tcp: noFile, swapEvents: noFile,
	}, o.err
}

// Location is where the Reader reads.
func (r *Reader) Location() Location { return r.location }

// Level is the selected level.
func (r *Reader) Level() int { return r.at }

// Select makes a level of the location the one that Usage, Stat, Peak, Events
// and Pressure read: that whose limit binds is the one that counts. On error
// the level before stays selected.
func (r *Reader) Select(level int) error {
	if r.closed {
		return ErrClosed
	}
	if level < 0 || level >= len(r.location.Levels) {
		return fmt.Errorf("level %d of %d", level, len(r.location.Levels))
	}
	files, err := openLevel(r.location.Version, r.location.Levels[level])
	if err != nil {
		return errors.Join(err, files.close())
	}
	before := r.files
	r.files, r.at = files, level
	return before.close()
}

// Usage reads memory.current, on v1 memory.usage_in_bytes: bytes charged to
// the level and all below it. The kernel may be off by some pages per CPU.
// [ErrNoUsage] at the root of v2.
func (r *Reader) Usage() (uint64, error) {
	if r.closed {
		return 0, ErrClosed
	}
	if !r.files.usage.exists() {
		return 0, ErrNoUsage
	}
	return r.number(&r.files.usage)
}

// number reads a file with one number, which takes few bytes.
func (r *Reader) number(f *file) (uint64, error) {
	text, err := f.read(r.buf[:64])
	if err != nil {
		return 0, err
	}
	n, err := parseNumber(text)
	if err != nil {
		return 0, f.parseError(err)
	}
	return n, nil
}

// optional reads a file with one number that the kernel may lack.
func (r *Reader) optional(f *file) (Value, error) {
	if !f.exists() {
		return Value{}, nil
	}
	n, err := r.number(f)
	if err != nil {
		return Value{}, err
	}
	return Of(n), nil
}

// Stat reads memory.stat and the counters that have files of their own: swap
// on v2; kernel memory and, outside of v1's usage, TCP buffers on v1. The
// kernel may print it up to two seconds behind the usage. On error dst holds
// what was read before it.
func (r *Reader) Stat(dst *Stat) error {
	if r.closed {
		return ErrClosed
	}
	*dst = Stat{}
	text, err := r.files.stat.read(r.buf)
	if err != nil {
		return err
	}
	if err := r.parser.parse(text, dst); err != nil {
		return r.files.stat.parseError(err)
	}
	for _, extra := range [...]struct {
		file *file
		key  Key
	}{{&r.files.swap, Swap}, {&r.files.kmem, Kernel}, {&r.files.tcp, Sock}} {
		v, err := r.optional(extra.file)
		if err != nil {
			return err
		}
		if n, ok := v.Get(); ok {
			dst.Set(extra.key, n)
		}
	}
	return nil
}

// Peak reads the highest usage so far: memory.peak (Linux 5.19), on v1
// memory.max_usage_in_bytes.
func (r *Reader) Peak() (Value, error) {
	if r.closed {
		return Value{}, ErrClosed
	}
	return r.optional(&r.files.peak)
}

// Events reads memory.events, on v1 memory.failcnt, memory.memsw.failcnt and
// memory.oom_control.
func (r *Reader) Events(dst *Events) error {
	if r.closed {
		return ErrClosed
	}
	*dst = Events{}
	if r.location.Version == V1 {
		return r.eventsV1(dst)
	}
	if !r.files.events.exists() {
		return nil
	}
	text, err := r.files.events.read(r.buf)
	if err != nil {
		return err
	}
	if err := parseEvents(text, dst); err != nil {
		return r.files.events.parseError(err)
	}
	return nil
}

func (r *Reader) eventsV1(dst *Events) (err error) {
	if dst.Max, err = r.optional(&r.files.events); err != nil {
		return err
	}
	swap, err := r.optional(&r.files.swapEvents)
	if err != nil {
		return err
	}
	if n, ok := dst.Max.Get(); ok {
		// A charge fails at one of the two, and never counts at both.
		dst.Max = Of(n + swap.Or(0))
	}
	if !r.files.oomControl.exists() {
		return nil
	}
	text, err := r.files.oomControl.read(r.buf)
	if err != nil {
		return err
	}
	if dst.OOMKill, err = lineValue(text, "oom_kill"); err != nil {
		return r.files.oomControl.parseError(err)
	}
	return nil
}

// Pressure reads memory.pressure; ok is false where the kernel has none.
func (r *Reader) Pressure(dst *Pressure) (ok bool, err error) {
	if r.closed {
		return false, ErrClosed
	}
	*dst = Pressure{}
	if !r.files.pressure.exists() {
		return false, nil
	}
	text, err := r.files.pressure.read(r.buf)
	if errors.Is(err, unix.EOPNOTSUPP) {
		// PSI is switched off, until the next boot.
		return false, r.files.pressure.close()
	}
	if err != nil {
		return false, err
	}
	if err := parsePressure(text, dst); err != nil {
		return false, r.files.pressure.parseError(err)
	}
	return true, nil
}

// Close closes the descriptors. A second Close does nothing.
func (r *Reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	errs := []error{r.files.close(), r.above.close()}
	for i := range r.limits {
		l := &r.limits[i]
		errs = append(errs, closeAll(&l.max, &l.high, &l.swap))
	}
	return errors.Join(errs...)
}

func (f *levelFiles) close() error {
	return closeAll(&f.usage, &f.stat, &f.peak, &f.recentPeak, &f.events, &f.oomControl, &f.pressure, &f.swap, &f.kmem, &f.tcp, &f.swapEvents)
}

func closeAll(files ...*file) error {
	var errs []error
	for _, f := range files {
		if f.path != "" {
			errs = append(errs, f.close())
		}
	}
	return errors.Join(errs...)
}
