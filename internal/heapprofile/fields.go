package heapprofile

// Field numbers of profile.proto.
const (
	profileSampleType   = 1
	profileSample       = 2
	profileMapping      = 3
	profileLocation     = 4
	profileFunction     = 5
	profileString       = 6
	profileDropFrames   = 7
	profileKeepFrames   = 8
	profileTimeNanos    = 9
	profilePeriodType   = 11
	profilePeriod       = 12
	profileComment      = 13
	valueTypeType       = 1
	valueTypeUnit       = 2
	sampleLocations     = 1
	sampleValues        = 2
	sampleLabel         = 3
	labelKey            = 1
	labelNum            = 3
	mappingID           = 1
	mappingStart        = 2
	mappingLimit        = 3
	mappingOffset       = 4
	mappingFile         = 5
	mappingBuildID      = 6
	mappingHasFunctions = 7
	mappingHasFiles     = 8
	mappingHasLines     = 9
	mappingHasInlines   = 10
	locationID          = 1
	locationMapping     = 2
	locationAddress     = 3
	locationLine        = 4
	lineFunction        = 1
	lineLine            = 2
	functionID          = 1
	functionName        = 2
	functionSystemName  = 3
	functionFile        = 4
)

// fixed is the head of every string table; a mapping's strings come next.
var fixed = [...]string{
	"", "alloc_objects", "count", "alloc_space", "bytes", "inuse_objects", "inuse_space", "space", "goroutine",
	dropFrames, keepFrames,
}

// Places in fixed.
const (
	textAllocObjects = iota + 1
	textCount
	textAllocSpace
	textBytes
	textInUseObjects
	textInUseSpace
	textSpace
	textGoroutine
	textDrop
	textKeep
	textMappings
)

// Frames that go tool pprof cuts off, with all that they called, once it has
// found their names: allocation is the work of the runtime on behalf of its
// caller. What it calls back is not: deferred functions of a panic, callbacks
// from C and reflected calls allocate for themselves.
const (
	dropFrames = `(runtime|internal/runtime/.*)\..*`
	keepFrames = `runtime\.(gopanic|goPanic.*|panic.*|sigpanic|Goexit|cgocall.*|asmcgocall.*|reflectcall|call[0-9]+)`
)
