package memguardhttp

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/memguard"
)

// size gives bytes in the unit that has digits before the point.
func size(n uint64) string { return sizeOf(float64(n)) }

func sizeOf(n float64) string {
	sign := ""
	if n < 0 {
		sign, n = "−", -n
	}
	for _, unit := range []struct {
		bytes float64
		name  string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n < unit.bytes {
			continue
		}
		digits := 1
		if n >= 100*unit.bytes {
			digits = 0
		}
		return sign + strconv.FormatFloat(n/unit.bytes, 'f', digits, 64) + " " + unit.name
	}
	return sign + strconv.FormatFloat(n, 'f', 0, 64) + " B"
}

const unknown = "not known"

func sizeOr(v cgroupstat.Value, absent string) string {
	n, ok := v.Get()
	if !ok {
		return absent
	}
	return size(n)
}

// percent is the share of a whole that may be absent; empty then.
func percent(n uint64, of cgroupstat.Value) string {
	whole, ok := of.Get()
	if !ok || whole == 0 {
		return ""
	}
	return strconv.FormatFloat(100*float64(n)/float64(whole), 'f', 0, 64) + " %"
}

// span is a duration in its largest unit, or two of them.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "−" + span(-d)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}

// evidence is a number with its unit in words.
func evidence(e memguard.Evidence) (name, value string) {
	name = strings.ReplaceAll(e.Name, "_", " ")
	switch {
	case e.Unit == "By":
		return name, sizeOf(e.Value)
	case e.Unit == "By/s":
		return name, sizeOf(e.Value) + "/s"
	case e.Unit == "s":
		return name, span(time.Duration(min(e.Value, 1e9) * float64(time.Second)))
	case e.Unit == "%":
		return name, number(e.Value) + " %"
	case strings.HasPrefix(e.Unit, "{"):
		return name, number(e.Value) + " " + strings.Trim(e.Unit, "{}") + plural(e.Value)
	default:
		return name, number(e.Value)
	}
}

func plural(n float64) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func number(n float64) string {
	if n == math.Trunc(n) || math.Abs(n) >= 100 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strconv.FormatFloat(n, 'f', 2, 64)
}

// words makes a name readable: live_heap is live heap.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// timeToLimit is the time left in words; empty: memory does not grow.
func timeToLimit(t *memguard.TimeToLimit) string {
	if t == nil {
		return ""
	}
	text := "full in " + span(t.Expected) + ", " + span(t.Earliest) + " at the earliest"
	if t.Latest > 0 {
		text += " and " + span(t.Latest) + " at the latest"
	}
	return text
}
