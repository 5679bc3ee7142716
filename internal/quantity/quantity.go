// Package quantity reads amounts of memory as Kubernetes writes them.
package quantity

import (
	"fmt"
	"math"
	"math/big"
	"strings"
)

// Accepted says in a phrase what Parse takes, for error messages.
const Accepted = `a number of bytes or a Kubernetes quantity such as 410Mi, 1.5Gi, 500M or 1e9`

// suffixes are those of Kubernetes' resource.Quantity; "m" (thousandths) is
// legal there and what an autoscaler sometimes writes.
var suffixes = map[string]*big.Rat{
	"":   big.NewRat(1, 1),
	"m":  big.NewRat(1, 1000),
	"k":  power(1000, 1),
	"M":  power(1000, 2),
	"G":  power(1000, 3),
	"T":  power(1000, 4),
	"P":  power(1000, 5),
	"E":  power(1000, 6),
	"Ki": power(1024, 1),
	"Mi": power(1024, 2),
	"Gi": power(1024, 3),
	"Ti": power(1024, 4),
	"Pi": power(1024, 5),
	"Ei": power(1024, 6),
}

func power(base, exponent int64) *big.Rat {
	n := new(big.Int).Exp(big.NewInt(base), big.NewInt(exponent), nil)
	return new(big.Rat).SetInt(n)
}

// maxLength bounds the work on hostile input.
const maxLength = 64

// Parse reads a positive amount of bytes, rounding parts of a byte up as
// Kubernetes does.
func Parse(text string) (uint64, error) {
	if len(text) > maxLength {
		return 0, fmt.Errorf("%.16q… is too long: want %s", text, Accepted)
	}
	number, suffix := split(text)
	scale, ok := suffixes[suffix]
	exponent := 0
	if !ok && isExponent(suffix) {
		if _, err := fmt.Sscanf(suffix[1:], "%d", &exponent); err != nil || exponent > 18 || exponent < -18 {
			return 0, fmt.Errorf("%q is out of range: want %s", text, Accepted)
		}
		scale, ok = big.NewRat(1, 1), true
	}
	value, isNumber := new(big.Rat).SetString(number)
	if !ok || !isNumber || number == "" {
		return 0, fmt.Errorf("%q is not an amount of memory: want %s", text, Accepted)
	}
	value.Mul(value, scale)
	if exponent >= 0 {
		value.Mul(value, power(10, int64(exponent)))
	} else {
		value.Quo(value, power(10, int64(-exponent)))
	}
	if value.Sign() <= 0 {
		return 0, fmt.Errorf("%q is not positive: want %s", text, Accepted)
	}
	return roundUp(text, value)
}

func roundUp(text string, value *big.Rat) (uint64, error) {
	whole, rest := new(big.Int).QuoRem(value.Num(), value.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	if !whole.IsUint64() || whole.Uint64() > math.MaxInt64 {
		return 0, fmt.Errorf("%q is more than an int64 holds: want %s", text, Accepted)
	}
	return whole.Uint64(), nil
}

// split cuts "1.5Gi" into "1.5" and "Gi".
func split(text string) (number, suffix string) {
	end := strings.IndexFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && r != '.' && r != '+' && r != '-'
	})
	if end < 0 {
		return text, ""
	}
	return text[:end], text[end:]
}

// isExponent tells e3 and E-3 from the suffix E (exa).
func isExponent(suffix string) bool {
	if len(suffix) < 2 || (suffix[0] != 'e' && suffix[0] != 'E') {
		return false
	}
	digits := strings.TrimPrefix(strings.TrimPrefix(suffix[1:], "-"), "+")
	return digits != "" && len(digits) <= 3 && strings.Trim(digits, "0123456789") == ""
}
