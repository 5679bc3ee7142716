package diagnose

import (
	"fmt"
	"strings"
	"time"
)

func mib(bytes float64) string {
	switch {
	case bytes >= 10<<30:
		return fmt.Sprintf("%.1f GiB", bytes/(1<<30))
	case bytes >= 100<<20:
		return fmt.Sprintf("%.0f MiB", bytes/(1<<20))
	default:
		return fmt.Sprintf("%.1f MiB", bytes/(1<<20))
	}
}

// rate is in the unit in which it has digits before the point.
func rate(perSecond float64) string {
	switch {
	case perSecond >= 0.5*(1<<20):
		return mib(perSecond) + " a second"
	case perSecond*3600 >= 100<<20:
		return mib(perSecond*60) + " a minute"
	default:
		return mib(perSecond*3600) + " an hour"
	}
}

// span is a duration with two digits or so.
func span(seconds float64) string {
	d := time.Duration(min(seconds, 1e9) * float64(time.Second))
	switch {
	case d >= 72*time.Hour:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.0f hours", d.Hours())
	case d >= 2*time.Minute:
		return fmt.Sprintf("%.0f minutes", d.Minutes())
	default:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
}

func snake(text string) string {
	return strings.ReplaceAll(strings.ToLower(text), " ", "_")
}
