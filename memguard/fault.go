package memguard

import "sync/atomic"

// part names what can fail while running; it is a label of a metric.
type part uint8

const (
	partLimit part = iota
	partUsage
	partStat
	partEvents
	partPressure
	partProcess
	partPodInfo
	partGoMemLimit
	partDump
	partFinish
	partArm
	partWakeup
	partBlackBox
	partRetention
	partPeak
	partSurvey
	partDiagnosis
	parts
)

func (p part) String() string {
	return [parts]string{"limit", "usage", "stat", "events", "pressure", "process", "podinfo", "gomemlimit", "dump", "finish", "arm", "wakeup", "blackbox", "retention", "peak", "survey", "diagnosis"}[p]
}

// faults counts every error and tells each kind once: when it begins and
// when it is over.
type faults struct {
	counts [parts]atomic.Uint64
	last   [parts]atomic.Pointer[error] // the error in force; nil: none
	tell   func(p part, err error)
}

// set takes the outcome of one attempt.
func (f *faults) set(p part, err error) {
	var now *error
	if err != nil {
		f.counts[p].Add(1)
		kept := err // a copy, so that a success allocates nothing
		now = &kept
	}
	if before := f.last[p].Swap(now); (before == nil) != (now == nil) {
		f.tell(p, err)
	}
}

// renew is set for what was given anew: another error than before is told, too.
func (f *faults) renew(p part, err error) {
	if before := f.last[p].Load(); err != nil && before != nil && (*before).Error() != err.Error() {
		f.tell(p, err)
	}
	f.set(p, err)
}

// count is the number of errors of a part since Start.
func (f *faults) count(p part) uint64 { return f.counts[p].Load() }

// active gives the errors in force by part.
func (f *faults) active() map[string]string {
	var out map[string]string
	for p := range parts {
		if err := f.last[p].Load(); err != nil {
			if out == nil {
				out = make(map[string]string, parts)
			}
			out[p.String()] = (*err).Error()
		}
	}
	return out
}
