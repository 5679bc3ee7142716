//go:build cgo

package main

/*
#include <stdlib.h>
#include <string.h>

static char *leak(size_t n) {
	char *p = malloc(n);
	if (p != NULL) {
		memset(p, 1, n);
	}
	return p;
}
*/
import "C"

import (
	"context"
	"errors"
)

func init() {
	leakInC = func(ctx context.Context, _ string) error {
		go func() { _ = serve(ctx, 4*mib) }()
		return steadily(ctx, 2*mib, 0, func(n int64) error {
			if C.leak(C.size_t(n)) == nil {
				return errors.New("malloc gave nothing")
			}
			return nil
		})
	}
}
