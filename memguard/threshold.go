package memguard

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/quantity"
)

// Threshold is where memguard acts: a share of the limit or an amount of
// memory. Make one with [Percent], [Bytes] or [ParseThreshold].
type Threshold struct {
	percent float64
	bytes   uint64
}

// Percent is a threshold at p percent of the limit, 0 < p ≤ 100. It follows
// the limit when that changes.
func Percent(p float64) Threshold { return Threshold{percent: p} }

// Bytes is a threshold at an amount of memory, at least 1 MiB, whatever the limit.
func Bytes(n uint64) Threshold { return Threshold{bytes: n} }

// maxThresholds bounds the list; minThresholdBytes tells an amount from a
// mistyped percentage.
const (
	maxThresholds     = 8
	minThresholdBytes = 1 << 20
	acceptedThreshold = "80%, 0.8, 80, or a Kubernetes quantity of at least 1Mi such as 410Mi"
)

// ParseThreshold reads "80%", "0.8" or "80" as a share of the limit and
// "410Mi" as an amount.
func ParseThreshold(text string) (Threshold, error) {
	t, err := parseThreshold(strings.TrimSpace(text))
	if err != nil {
		return Threshold{}, fmt.Errorf("threshold %.32q: %w: accepted are %s", text, err, acceptedThreshold)
	}
	return t, nil
}

func parseThreshold(text string) (Threshold, error) {
	if text == "" {
		return Threshold{}, errEmpty
	}
	if number, ok := strings.CutSuffix(text, "%"); ok {
		p, err := parseDecimal(number)
		if err != nil {
			return Threshold{}, err
		}
		return Percent(p).checked()
	}
	if n, err := parseDecimal(text); err == nil {
		switch {
		case n == 1:
			return Threshold{}, fmt.Errorf("may be 1%% or 100%%")
		case n < 1:
			// Rounded, so that 0.29 is 29 % and not 28.999999999999996 %.
			return Percent(math.Round(n*1e9) / 1e7).checked()
		case n <= 100:
			return Percent(n).checked()
		}
	}
	n, err := quantity.Parse(text)
	if err != nil {
		return Threshold{}, errNotAThreshold
	}
	return Bytes(n).checked()
}

// parseDecimal takes plain decimals only: no NaN, Inf, hex or underscore.
func parseDecimal(text string) (float64, error) {
	if text == "" || strings.Trim(text, "+-.0123456789") != "" {
		return 0, errNotAThreshold
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, errNotAThreshold
	}
	return f, nil
}

func (t Threshold) checked() (Threshold, error) {
	switch {
	case t.bytes != 0 && t.bytes < minThresholdBytes:
		return Threshold{}, fmt.Errorf("%d bytes is less than 1Mi", t.bytes)
	case t.bytes != 0 && t.percent == 0:
		return t, nil
	case !(t.percent > 0 && t.percent <= 100): // also NaN
		return Threshold{}, fmt.Errorf("%v%% is not between 0%% and 100%%", t.percent)
	default:
		return t, nil
	}
}

// parseThresholds reads a comma-separated list.
func parseThresholds(text string) ([]Threshold, error) {
	items := strings.Split(text, ",")
	if len(items) > maxThresholds {
		return nil, fmt.Errorf("%d thresholds: at most %d are accepted", len(items), maxThresholds)
	}
	list := make([]Threshold, 0, len(items))
	for _, item := range items {
		t, err := ParseThreshold(item)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return checkThresholds(list)
}

// checkThresholds drops doubles and refuses what cannot be a threshold.
func checkThresholds(list []Threshold) ([]Threshold, error) {
	if len(list) == 0 || len(list) > maxThresholds {
		return nil, fmt.Errorf("%d thresholds: 1 to %d are accepted", len(list), maxThresholds)
	}
	var out []Threshold
	for _, t := range list {
		t, err := t.checked()
		if err != nil {
			return nil, fmt.Errorf("threshold %v: %w: accepted are %s", t, err, acceptedThreshold)
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out, nil
}

// At is the threshold in bytes under the given limit; it is absent when the
// threshold is a share and there is no limit.
func (t Threshold) At(limit cgroupstat.Value) cgroupstat.Value {
	if t.bytes != 0 {
		return cgroupstat.Of(t.bytes)
	}
	n, ok := limit.Get()
	if !ok || t.percent == 0 {
		return cgroupstat.Value{}
	}
	return cgroupstat.Of(uint64(float64(n) * t.percent / 100))
}

// String gives "80%" or "410Mi".
func (t Threshold) String() string {
	if t.bytes != 0 {
		if t.bytes%(1<<20) == 0 {
			return strconv.FormatUint(t.bytes>>20, 10) + "Mi"
		}
		return strconv.FormatUint(t.bytes, 10)
	}
	return strconv.FormatFloat(t.percent, 'f', -1, 64) + "%"
}

// MarshalText gives what String gives.
func (t Threshold) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what ParseThreshold reads.
func (t *Threshold) UnmarshalText(text []byte) error {
	parsed, err := ParseThreshold(string(text))
	if err == nil {
		*t = parsed
	}
	return err
}
