package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxSegment bounds a name in a key: five of them, the longest file name and
// the longest prefix stay below the 1024 bytes that S3 takes.
const maxSegment = 120

// missing stands for a name that nobody told.
const missing = "_"

// directory is where the files of an origin go, below the prefix.
func directory(prefix string, o origin) string {
	var b strings.Builder
	b.WriteString(prefix)
	for _, name := range [...]string{o.Namespace, o.Workload, o.build, o.Pod, o.Container} {
		b.WriteString(segment(name))
		b.WriteByte('/')
	}
	return b.String()
}

// segment makes any text one harmless part of a key: no separator, no step
// upwards, nothing hidden, no control character, bounded.
func segment(name string) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-._+", r):
			return r
		}
		return '_'
	}, name)
	if strings.HasPrefix(safe, ".") {
		safe = "_" + safe[1:]
	}
	if len(safe) > maxSegment {
		safe = safe[:maxSegment-len("-00000000")] + "-" + shortHash(name)
	}
	if safe == "" {
		return missing
	}
	return safe
}

// keys are the places for a file, in the order in which they are tried: its own
// name, one for its run where the name is another run's, and one for its
// content where nobody knows the run or the run has left something there that
// must stay.
func keys(dir string, n fileName, run, sha256Hex string) []string {
	places := []string{dir + n.text}
	if run != "" {
		places = append(places, dir+n.head+"-r"+shortHash(run)+n.tail)
	}
	return append(places, dir+n.head+"-c"+sha256Hex[:8]+n.tail)
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}
