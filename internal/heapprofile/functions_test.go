package heapprofile

import (
	"runtime"
	"testing"
)

// Large programs allocate in thousands of functions. Those here are 4,096
// instances of one: arrays of different sizes have code of their own.

//go:noinline
func instance[A, B any](path uint32, depth int) {
	var a A
	var b B
	runtime.KeepAlive(&a)
	runtime.KeepAlive(&b)
	wander(path, depth)
	runtime.KeepAlive(&a)
}

// wander takes another instance at each step, by a path of its own.
func wander(path uint32, depth int) {
	if depth == 0 {
		kept = append(kept, make([]byte, 48))
		return
	}
	// A linear congruential generator, so that paths differ early and late.
	path = path*1664525 + 1013904223
	first(path>>20&63, path>>26, path, depth-1)
}

// manyFunctions makes the heap have at least n records whose stacks go through
// many functions.
func manyFunctions(tb testing.TB, n int) {
	tb.Helper()
	for path := range uint32(n) {
		wander(path, 6)
	}
	runtime.GC()
	runtime.GC()
	if got := Records(); got < n {
		tb.Fatalf("%d records, want %d", got, n)
	}
}

func first(i, j, path uint32, depth int) {
	switch i {
	case 0:
		second[[1]byte](j, path, depth)
	case 1:
		second[[2]byte](j, path, depth)
	case 2:
		second[[3]byte](j, path, depth)
	case 3:
		second[[4]byte](j, path, depth)
	case 4:
		second[[5]byte](j, path, depth)
	case 5:
		second[[6]byte](j, path, depth)
	case 6:
		second[[7]byte](j, path, depth)
	case 7:
		second[[8]byte](j, path, depth)
	case 8:
		second[[9]byte](j, path, depth)
	case 9:
		second[[10]byte](j, path, depth)
	case 10:
		second[[11]byte](j, path, depth)
	case 11:
		second[[12]byte](j, path, depth)
	case 12:
		second[[13]byte](j, path, depth)
	case 13:
		second[[14]byte](j, path, depth)
	case 14:
		second[[15]byte](j, path, depth)
	case 15:
		second[[16]byte](j, path, depth)
	case 16:
		second[[17]byte](j, path, depth)
	case 17:
		second[[18]byte](j, path, depth)
	case 18:
		second[[19]byte](j, path, depth)
	case 19:
		second[[20]byte](j, path, depth)
	case 20:
		second[[21]byte](j, path, depth)
	case 21:
		second[[22]byte](j, path, depth)
	case 22:
		second[[23]byte](j, path, depth)
	case 23:
		second[[24]byte](j, path, depth)
	case 24:
		second[[25]byte](j, path, depth)
	case 25:
		second[[26]byte](j, path, depth)
	case 26:
		second[[27]byte](j, path, depth)
	case 27:
		second[[28]byte](j, path, depth)
	case 28:
		second[[29]byte](j, path, depth)
	case 29:
		second[[30]byte](j, path, depth)
	case 30:
		second[[31]byte](j, path, depth)
	case 31:
		second[[32]byte](j, path, depth)
	case 32:
		second[[33]byte](j, path, depth)
	case 33:
		second[[34]byte](j, path, depth)
	case 34:
		second[[35]byte](j, path, depth)
	case 35:
		second[[36]byte](j, path, depth)
	case 36:
		second[[37]byte](j, path, depth)
	case 37:
		second[[38]byte](j, path, depth)
	case 38:
		second[[39]byte](j, path, depth)
	case 39:
		second[[40]byte](j, path, depth)
	case 40:
		second[[41]byte](j, path, depth)
	case 41:
		second[[42]byte](j, path, depth)
	case 42:
		second[[43]byte](j, path, depth)
	case 43:
		second[[44]byte](j, path, depth)
	case 44:
		second[[45]byte](j, path, depth)
	case 45:
		second[[46]byte](j, path, depth)
	case 46:
		second[[47]byte](j, path, depth)
	case 47:
		second[[48]byte](j, path, depth)
	case 48:
		second[[49]byte](j, path, depth)
	case 49:
		second[[50]byte](j, path, depth)
	case 50:
		second[[51]byte](j, path, depth)
	case 51:
		second[[52]byte](j, path, depth)
	case 52:
		second[[53]byte](j, path, depth)
	case 53:
		second[[54]byte](j, path, depth)
	case 54:
		second[[55]byte](j, path, depth)
	case 55:
		second[[56]byte](j, path, depth)
	case 56:
		second[[57]byte](j, path, depth)
	case 57:
		second[[58]byte](j, path, depth)
	case 58:
		second[[59]byte](j, path, depth)
	case 59:
		second[[60]byte](j, path, depth)
	case 60:
		second[[61]byte](j, path, depth)
	case 61:
		second[[62]byte](j, path, depth)
	case 62:
		second[[63]byte](j, path, depth)
	case 63:
		second[[64]byte](j, path, depth)
	}
}

//go:noinline
func second[A any](j, path uint32, depth int) {
	switch j {
	case 0:
		instance[A, [1]byte](path, depth)
	case 1:
		instance[A, [2]byte](path, depth)
	case 2:
		instance[A, [3]byte](path, depth)
	case 3:
		instance[A, [4]byte](path, depth)
	case 4:
		instance[A, [5]byte](path, depth)
	case 5:
		instance[A, [6]byte](path, depth)
	case 6:
		instance[A, [7]byte](path, depth)
	case 7:
		instance[A, [8]byte](path, depth)
	case 8:
		instance[A, [9]byte](path, depth)
	case 9:
		instance[A, [10]byte](path, depth)
	case 10:
		instance[A, [11]byte](path, depth)
	case 11:
		instance[A, [12]byte](path, depth)
	case 12:
		instance[A, [13]byte](path, depth)
	case 13:
		instance[A, [14]byte](path, depth)
	case 14:
		instance[A, [15]byte](path, depth)
	case 15:
		instance[A, [16]byte](path, depth)
	case 16:
		instance[A, [17]byte](path, depth)
	case 17:
		instance[A, [18]byte](path, depth)
	case 18:
		instance[A, [19]byte](path, depth)
	case 19:
		instance[A, [20]byte](path, depth)
	case 20:
		instance[A, [21]byte](path, depth)
	case 21:
		instance[A, [22]byte](path, depth)
	case 22:
		instance[A, [23]byte](path, depth)
	case 23:
		instance[A, [24]byte](path, depth)
	case 24:
		instance[A, [25]byte](path, depth)
	case 25:
		instance[A, [26]byte](path, depth)
	case 26:
		instance[A, [27]byte](path, depth)
	case 27:
		instance[A, [28]byte](path, depth)
	case 28:
		instance[A, [29]byte](path, depth)
	case 29:
		instance[A, [30]byte](path, depth)
	case 30:
		instance[A, [31]byte](path, depth)
	case 31:
		instance[A, [32]byte](path, depth)
	case 32:
		instance[A, [33]byte](path, depth)
	case 33:
		instance[A, [34]byte](path, depth)
	case 34:
		instance[A, [35]byte](path, depth)
	case 35:
		instance[A, [36]byte](path, depth)
	case 36:
		instance[A, [37]byte](path, depth)
	case 37:
		instance[A, [38]byte](path, depth)
	case 38:
		instance[A, [39]byte](path, depth)
	case 39:
		instance[A, [40]byte](path, depth)
	case 40:
		instance[A, [41]byte](path, depth)
	case 41:
		instance[A, [42]byte](path, depth)
	case 42:
		instance[A, [43]byte](path, depth)
	case 43:
		instance[A, [44]byte](path, depth)
	case 44:
		instance[A, [45]byte](path, depth)
	case 45:
		instance[A, [46]byte](path, depth)
	case 46:
		instance[A, [47]byte](path, depth)
	case 47:
		instance[A, [48]byte](path, depth)
	case 48:
		instance[A, [49]byte](path, depth)
	case 49:
		instance[A, [50]byte](path, depth)
	case 50:
		instance[A, [51]byte](path, depth)
	case 51:
		instance[A, [52]byte](path, depth)
	case 52:
		instance[A, [53]byte](path, depth)
	case 53:
		instance[A, [54]byte](path, depth)
	case 54:
		instance[A, [55]byte](path, depth)
	case 55:
		instance[A, [56]byte](path, depth)
	case 56:
		instance[A, [57]byte](path, depth)
	case 57:
		instance[A, [58]byte](path, depth)
	case 58:
		instance[A, [59]byte](path, depth)
	case 59:
		instance[A, [60]byte](path, depth)
	case 60:
		instance[A, [61]byte](path, depth)
	case 61:
		instance[A, [62]byte](path, depth)
	case 62:
		instance[A, [63]byte](path, depth)
	case 63:
		instance[A, [64]byte](path, depth)
	}
}
