// Package quantity reads amounts of memory as Kubernetes writes them.
package quantity

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Accepted says in a phrase what Parse takes, for error messages.
const Accepted = `a number of bytes or a Kubernetes quantity such as 410Mi, 1.5Gi, 500M or 1e9`

// scale is factor × 10^exponent.
type scale struct {
	factor   uint64
	exponent int
}

// suffixScale knows the suffixes of Kubernetes' resource.Quantity; "m"
// (thousandths) is legal there and what an autoscaler sometimes writes.
func suffixScale(suffix string) (scale, bool) {
	const decimal, binary = "kMGTPE", "KMGTPE"
	switch {
	case suffix == "":
		return scale{1, 0}, true
	case suffix == "m":
		return scale{1, -3}, true
	case len(suffix) == 1:
		i := strings.Index(decimal, suffix)
		return scale{1, 3 * (i + 1)}, i >= 0
	case len(suffix) == 2 && suffix[1] == 'i':
		i := strings.IndexByte(binary, suffix[0])
		return scale{1 << max(0, 10*(i+1)), 0}, i >= 0
	case suffix[0] == 'e' || suffix[0] == 'E':
		exponent, err := strconv.Atoi(suffix[1:])
		return scale{1, exponent}, err == nil && -maxExponent <= exponent && exponent <= maxExponent
	}
	return scale{}, false
}

const (
	maxExponent = 18
	// maxDigits keep a mantissa below 10^18, so that nothing overflows 128 bits.
	maxDigits = 18
)

var errNotAnAmount = errors.New("is not an amount of memory")

// Parse reads a positive amount of bytes, rounding parts of a byte up as
// Kubernetes does.
func Parse(text string) (uint64, error) {
	n, err := parse(text)
	if err != nil {
		return 0, errors.New(strconv.Quote(text[:min(len(text), 32)]) + " " + err.Error() + ": want " + Accepted)
	}
	return n, nil
}

func parse(text string) (uint64, error) {
	if strings.HasPrefix(text, "-") {
		return 0, errors.New("is not positive")
	}
	text = strings.TrimPrefix(text, "+")
	end := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(text)
	}
	mantissa, exponent, err := parseDecimal(text[:end])
	if err != nil {
		return 0, err
	}
	by, ok := suffixScale(text[end:])
	if !ok {
		return 0, errNotAnAmount
	}
	n, ok := multiply(mantissa, by.factor, exponent+by.exponent)
	if !ok || n > math.MaxInt64 {
		return 0, errors.New("is more than an int64 holds")
	}
	if n == 0 {
		return 0, errors.New("is not positive")
	}
	return n, nil
}

// parseDecimal reads "12.50" as 1250 × 10^-2.
func parseDecimal(text string) (mantissa uint64, exponent int, err error) {
	whole, fraction, _ := strings.Cut(text, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if whole+fraction == "" {
		return 0, 0, errNotAnAmount
	}
	if len(digits) > maxDigits+1 || len(fraction) > maxDigits {
		return 0, 0, errors.New("has too many digits")
	}
	if digits == "" {
		return 0, 0, nil
	}
	mantissa, err = strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0, 0, errNotAnAmount
	}
	return mantissa, -len(fraction), nil
}

// multiply gives a × b × 10^exponent rounded up; ok is false when that is
// more than 64 bits hold.
func multiply(a, b uint64, exponent int) (n uint64, ok bool) {
	high, low := bits.Mul64(a, b)
	for ; exponent > 0; exponent-- {
		if high != 0 {
			return 0, false
		}
		high, low = bits.Mul64(low, 10)
	}
	rest := false
	for ; exponent < 0; exponent++ {
		var remainder uint64
		high, remainder = high/10, high%10
		low, remainder = bits.Div64(remainder, low, 10)
		rest = rest || remainder > 0
	}
	if rest && low < math.MaxUint64 {
		low++
	}
	return low, high == 0
}
