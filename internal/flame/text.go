package flame

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How many characters of a name are shown.
const (
	maxLabel = 120 // in a frame
	maxTitle = 400
)

// appendText writes text escaped for an attribute or for content. What cannot
// be seen, a change of direction among it, is replaced: text is one line and
// nothing but itself.
func appendText(dst []byte, text string) []byte {
	for _, r := range text {
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
		default:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
	}
	return dst
}

// appendName writes at most so many characters of a name.
func appendName(dst []byte, name string, most int) []byte {
	for i := range name {
		if most--; most < 0 {
			return append(appendText(dst, name[:i]), "…"...)
		}
	}
	return appendText(dst, name)
}

// packageOf is the import path of a function.
func packageOf(function string) string {
	begin := pathEnd(function)
	if dot := strings.IndexByte(function[begin:], '.'); dot >= 0 {
		return function[:begin+dot]
	}
	return function
}

// short is a function's name without the path to its package, but with the
// element before a version, which names nothing.
func short(function string) string {
	begin := pathEnd(function)
	name := function[begin:]
	version, _, _ := strings.Cut(name, ".")
	if begin == 0 || len(version) < 2 || version[0] != 'v' || strings.Trim(version[1:], "0123456789") != "" {
		return name
	}
	return function[strings.LastIndexByte(function[:begin-1], '/')+1:]
}

// pathEnd is where the last element of the import path begins. Receivers and
// type arguments, which may hold slashes, come after it.
func pathEnd(function string) int {
	if end := strings.IndexAny(function, "(["); end >= 0 {
		function = function[:end]
	}
	return strings.LastIndexByte(function, '/') + 1
}

// appendSize writes bytes in the largest unit of which they are at least one.
func appendSize(dst []byte, bytes int64) []byte {
	units := [...]string{" KiB", " MiB", " GiB", " TiB", " PiB", " EiB"}
	if bytes < 1<<10 {
		return append(strconv.AppendInt(dst, bytes, 10), " B"...)
	}
	value, i := float64(bytes)/1024, 0
	for ; value >= 1024; i++ {
		value /= 1024
	}
	return append(strconv.AppendFloat(dst, value, 'f', 1, 64), units[i]...)
}

// appendShare writes a part of a whole in percent.
func appendShare(dst []byte, part, all int64) []byte {
	share := 100 * float64(part) / float64(max(all, 1))
	return append(strconv.AppendFloat(dst, share, 'f', 1, 64), " %"...)
}

// appendPercent writes a width in thousandths of a percent as a length.
func appendPercent(dst []byte, width int) []byte {
	dst = strconv.AppendFloat(dst, float64(width)/1000, 'f', -1, 64)
	return append(dst, '%')
}
