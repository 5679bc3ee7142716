package kerneltest_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// recorder is a test that fails or skips without the real one doing so.
type recorder struct {
	testing.TB
	failed, skipped string
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Skip(args ...any) {
	r.skipped = fmt.Sprint(args...)
	runtime.Goexit()
}

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// do runs f until it returns or ends the recorder.
func (r *recorder) do(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func TestMissing(t *testing.T) {
	for _, test := range []struct{ env, failed, skipped string }{
		{env: "", skipped: "rig missing: no qemu"},
		{env: "optional", skipped: "rig missing: no qemu"},
		{env: "require", failed: "rig missing: no qemu"},
	} {
		t.Run(test.env, func(t *testing.T) {
			t.Setenv("MEMGUARD_RIGS", test.env)
			r := &recorder{TB: t}
			r.do(func() { kerneltest.Missing(r, "no %s", "qemu") })
			if r.failed != test.failed || r.skipped != test.skipped {
				t.Errorf("failed %q, skipped %q", r.failed, r.skipped)
			}
		})
	}
}

func TestKernelIsMissing(t *testing.T) {
	t.Setenv("MEMGUARD_KERNEL_DIR", t.TempDir())
	t.Setenv("MEMGUARD_RIGS", "")
	r := &recorder{TB: t}
	r.do(func() { kerneltest.RunVM(r, kerneltest.VMSpec{}) })
	if r.skipped == "" || r.failed != "" {
		t.Errorf("failed %q, skipped %q, want a skip", r.failed, r.skipped)
	}
}
