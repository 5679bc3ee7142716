package cgroupstat

import (
	"bytes"
	"errors"
	"math"
)

var errMalformed = errors.New("malformed")

// parseLeading reads digits up to a newline or the end, and tells how many
// bytes they and the newline take.
func parseLeading(text []byte) (n uint64, used int, err error) {
	for i, c := range text {
		if c == '\n' && i > 0 {
			return n, i + 1, nil
		}
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, 0, errMalformed
		}
		n = n*10 + d
	}
	if len(text) == 0 {
		return 0, 0, errMalformed
	}
	return n, len(text), nil
}

// parseNumber reads a file that holds one number.
func parseNumber(text []byte) (uint64, error) {
	n, used, err := parseLeading(text)
	if err == nil && used != len(text) {
		err = errMalformed
	}
	return n, err
}

// parseMax reads a v2 limit: a number, or "max" for none.
func parseMax(text []byte) (Value, error) {
	if string(bytes.TrimSuffix(text, []byte("\n"))) == "max" {
		return Value{}, nil
	}
	n, err := parseNumber(text)
	if err != nil {
		return Value{}, err
	}
	return Of(n), nil
}

// parseLimitV1 reads a v1 limit.
func parseLimitV1(text []byte) (Value, error) {
	n, err := parseNumber(text)
	if err != nil || n > unlimitedV1 {
		return Value{}, err
	}
	return Of(n), nil
}

// lineValue finds "name <number>" among the lines of text.
func lineValue(text []byte, name string) (Value, error) {
	for len(text) > 0 {
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		if len(line) > len(name) && line[len(name)] == ' ' && string(line[:len(name)]) == name {
			n, err := parseNumber(line[len(name)+1:])
			if err != nil {
				return Value{}, err
			}
			return Of(n), nil
		}
	}
	return Value{}, nil
}

// parseFixed reads the kernel's "12.34" (kernel/sched/psi.c).
func parseFixed(text []byte) (float64, error) {
	whole, fraction, ok := bytes.Cut(text, []byte("."))
	if !ok || len(fraction) == 0 || len(fraction) > 6 {
		return 0, errMalformed
	}
	w, err := parseNumber(whole)
	if err != nil {
		return 0, err
	}
	f, err := parseNumber(fraction)
	if err != nil {
		return 0, err
	}
	return float64(w) + float64(f)/pow10[len(fraction)], nil
}

var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6}
