package main

import (
	"flag"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/memguard-dev/go-memguard/internal/quantity"
)

// size is a flag in bytes, written 1048576, 1Mi or 1MiB.
type size int64

func (s *size) String() string { return strconv.FormatInt(int64(*s), 10) }

func (s *size) Set(text string) error {
	if text == "0" {
		*s = 0
		return nil
	}
	n, err := quantity.Parse(strings.TrimSuffix(text, "B"))
	if err != nil {
		return err
	}
	if n > math.MaxInt64 {
		return fmt.Errorf("%q is more than any machine has", text)
	}
	*s = size(n)
	return nil
}

func sizeFlag(flags *flag.FlagSet, name string, value int64, usage string) *size {
	s := size(value)
	flags.Var(&s, name, usage)
	return &s
}
