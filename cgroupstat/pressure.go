package cgroupstat

import (
	"bytes"
	"fmt"
	"math"
	"time"
)

// Pressure is memory.pressure: the time that tasks of the cgroup waited for
// memory. v2, since Linux 4.20, where PSI is switched on.
type Pressure struct {
	// Some is time in which at least one task waited, Full in which all did.
	Some PressureLine `json:"some"`
	Full PressureLine `json:"full"`
}

// PressureLine holds shares in percent over the last 10, 60 and 300 seconds,
// and the time in all.
type PressureLine struct {
	Avg10  float64       `json:"avg10"`
	Avg60  float64       `json:"avg60"`
	Avg300 float64       `json:"avg300"`
	Total  time.Duration `json:"total_ns"`
}

// parsePressure reads memory.pressure (kernel/sched/psi.c psi_show). Lines and
// fields it does not know are left out.
func parsePressure(text []byte, p *Pressure) error {
	for len(text) > 0 {
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		name, rest, ok := bytes.Cut(line, []byte(" "))
		if !ok {
			return fmt.Errorf("line %.64q: %w", line, errMalformed)
		}
		var dst *PressureLine
		switch string(name) {
		case "some":
			dst = &p.Some
		case "full":
			dst = &p.Full
		default:
			continue
		}
		if err := parsePressureLine(rest, dst); err != nil {
			return fmt.Errorf("line %.64q: %w", line, err)
		}
	}
	return nil
}

func parsePressureLine(text []byte, dst *PressureLine) error {
	for len(text) > 0 {
		var pair []byte
		pair, text, _ = bytes.Cut(text, []byte(" "))
		name, value, ok := bytes.Cut(pair, []byte("="))
		if !ok {
			return errMalformed
		}
		var err error
		switch string(name) {
		case "avg10":
			dst.Avg10, err = parseFixed(value)
		case "avg60":
			dst.Avg60, err = parseFixed(value)
		case "avg300":
			dst.Avg300, err = parseFixed(value)
		case "total":
			var microseconds uint64
			microseconds, err = parseNumber(value)
			if microseconds > math.MaxInt64/uint64(time.Microsecond) {
				return errMalformed
			}
			dst.Total = time.Duration(microseconds) * time.Microsecond
		}
		if err != nil {
			return err
		}
	}
	return nil
}
