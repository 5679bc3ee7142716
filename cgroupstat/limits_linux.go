package cgroupstat

import "fmt"

// levelLimits are the files that may hold a limit at one level. Their slots
// are those of v2: on v1 swap is memory+swap, and high does not exist.
type levelLimits struct {
	max, high, swap file
}

func openLimits(v Version, dir string) (levelLimits, error) {
	o := opener{dir: dir}
	if v == V1 {
		return levelLimits{max: o.open("memory.limit_in_bytes"), high: noFile, swap: o.open("memory.memsw.limit_in_bytes")}, o.err
	}
	return levelLimits{max: o.open("memory.max"), high: o.open("memory.high"), swap: o.open("memory.swap.max")}, o.err
}

// Limits reads the limits of all levels again.
func (r *Reader) Limits(dst *Limits) error {
	if r.closed {
		return ErrClosed
	}
	*dst = Limits{}
	for level := range r.limits {
		if err := r.levelLimits(level, dst); err != nil {
			return err
		}
	}
	if r.location.Version == V1 {
		return r.hierarchicalLimit(dst)
	}
	return nil
}

func (r *Reader) levelLimits(level int, dst *Limits) error {
	files := &r.limits[level]
	parse := parseMax
	if r.location.Version == V1 {
		parse = parseLimitV1
	}
	limit, err := r.limit(&files.max, parse)
	if err != nil {
		return err
	}
	if n, ok := limit.Get(); ok {
		dst.Max.lower(n, level, files.max.path)
	}
	high, err := r.limit(&files.high, parse)
	if err != nil {
		return err
	}
	if n, ok := high.Get(); ok {
		dst.High.lower(n, level, files.high.path)
	}
	swap, err := r.limit(&files.swap, parse)
	if err != nil {
		return err
	}
	if r.location.Version == V1 {
		swap = swapV1(swap, limit)
	}
	if n, ok := swap.Get(); ok {
		dst.Swap.lower(n, level, files.swap.path)
	}
	return nil
}

func (r *Reader) limit(f *file, parse func([]byte) (Value, error)) (Value, error) {
	if !f.exists() {
		return Value{}, nil
	}
	text, err := f.read(r.buf[:64])
	if err != nil {
		return Value{}, err
	}
	v, err := parse(text)
	if err != nil {
		return Value{}, f.parseError(err)
	}
	return v, nil
}

const hierarchicalKey = "hierarchical_memory_limit"

// hierarchicalLimit adds what lies above the topmost level and is not visible:
// v1 gives the minimum of it and all its ancestors.
func (r *Reader) hierarchicalLimit(dst *Limits) error {
	text, err := r.above.read(r.buf)
	if err != nil {
		return err
	}
	v, err := lineValue(text, hierarchicalKey)
	if err != nil {
		return r.above.parseError(fmt.Errorf("%s: %w", hierarchicalKey, err))
	}
	n, ok := v.Get()
	if !ok || n > unlimitedV1 {
		return nil
	}
	if have, ok := dst.Max.Bytes.Get(); ok && have <= n {
		return nil
	}
	dst.Max = Limit{Bytes: v, Level: len(r.limits) - 1, File: r.above.path, Key: hierarchicalKey}
	return nil
}
