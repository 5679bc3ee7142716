package chart

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const mebi = 1 << 20

// appendName writes at most so many characters of a name, escaped for an
// attribute or for text. What cannot be seen, a change of direction among it,
// is replaced: a name is one line and nothing but itself.
func appendName(dst []byte, name string, most int) []byte {
	for count := 0; name != ""; count++ {
		if count == most {
			return append(dst, "…"...)
		}
		r, size := utf8.DecodeRuneInString(name)
		name = name[size:]
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '"':
			dst = append(dst, "&#34;"...)
		case r == '\'':
			dst = append(dst, "&#39;"...)
		case unicode.IsPrint(r):
			dst = utf8.AppendRune(dst, r)
		case unicode.IsSpace(r):
			dst = append(dst, ' ')
		default:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
	}
	return dst
}

// validClass tells whether text can stand in a class attribute as it is.
func validClass(text string) bool {
	const most = 64
	return text != "" && len(text) <= most && strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != ' '
	}) < 0
}

// appendClass writes a class, or the other one where it is none.
func appendClass(dst []byte, class, other string) []byte {
	if validClass(class) {
		return append(dst, class...)
	}
	return append(dst, other...)
}

// appendSeriesClass writes a class, or that of a place in the list.
func appendSeriesClass(dst []byte, class string, i int) []byte {
	if validClass(class) {
		return append(dst, class...)
	}
	return strconv.AppendInt(append(dst, "mg-c"...), int64(i%Colors), 10)
}

// appendFixed writes a number with at most so many decimals.
func appendFixed(dst []byte, v float64, decimals int) []byte {
	start := len(dst)
	dst = strconv.AppendFloat(dst, v, 'f', decimals, 64)
	if decimals == 0 {
		return dst
	}
	end := len(dst)
	for dst[end-1] == '0' {
		end--
	}
	if dst[end-1] == '.' {
		end--
	}
	if string(dst[start:end]) == "-0" {
		return append(dst[:start], '0')
	}
	return dst[:end]
}

// appendMiB writes bytes in MiB, always with one decimal.
func appendMiB(dst []byte, bytes float64) []byte {
	return append(strconv.AppendFloat(dst, bytes/mebi, 'f', 1, 64), " MiB"...)
}

// readsSame tells whether two values read the same in MiB.
func readsSame(a, b float64) bool {
	return math.Round(a/mebi*10) == math.Round(b/mebi*10)
}

// appendSize writes bytes in the largest unit of which they are at least one.
func appendSize(dst []byte, bytes float64) []byte {
	units := [...]string{" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"}
	if bytes == 0 {
		return append(dst, '0')
	}
	i := 0
	for ; bytes >= 1024 && i < len(units)-1; i++ {
		bytes /= 1024
	}
	return append(appendFixed(dst, bytes, 2), units[i]...)
}

// appendShare writes a part of a whole in percent.
func appendShare(dst []byte, part, whole float64) []byte {
	if !(whole > 0) {
		part, whole = 0, 1
	}
	return append(strconv.AppendFloat(dst, 100*part/whole, 'f', 1, 64), " %"...)
}

func appendTime(dst []byte, at time.Time) []byte {
	return at.UTC().AppendFormat(dst, "2006-01-02 15:04:05 UTC")
}

func appendClock(dst []byte, at time.Time) []byte {
	return at.UTC().AppendFormat(dst, "15:04:05")
}
