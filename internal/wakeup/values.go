package wakeup

import (
	"math"
	"slices"
	"strconv"
)

// never is a threshold no usage reaches; one is always registered, because its
// eventfd is also signaled when the cgroup is removed.
const never = math.MaxInt64

// registrable gives what is worth registering of some thresholds: sorted, once
// each, at least one. The kernel rounds down to pages, which would announce a
// crossing that has not happened yet and then be silent about the real one.
func registrable(bytes []uint64, page uint64) []uint64 {
	values := []uint64{}
	for _, n := range bytes {
		if n > 0 && n <= never-page {
			values = append(values, (n+page-1)/page*page)
		}
	}
	if len(values) == 0 {
		return []uint64{never}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// control is the line that cgroup.event_control takes
// (mm/memcontrol-v1.c, memcg_write_event_control).
func control(event, file int, args string) []byte {
	line := strconv.AppendInt(nil, int64(event), 10)
	line = append(line, ' ')
	line = strconv.AppendInt(line, int64(file), 10)
	line = append(line, ' ')
	return append(line, args...)
}
