package heapprofile

import (
	"os"
	"reflect"
)

// readMappings tells where this program's code lies, the program itself first.
func readMappings() []mapping {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return anywhere()
	}
	defer f.Close()
	maps, err := parseMaps(f)
	if err != nil || !mainFirst(maps, reflect.ValueOf(readMappings).Pointer()) {
		// A profile without mappings still has its symbols.
		return anywhere()
	}
	maps[0].buildID = ownBuildID()
	return maps
}

// ownBuildID is empty when there is none to find.
func ownBuildID() string {
	// The link leads to the file that runs, even if another has its name now.
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return ""
	}
	defer f.Close()
	id, err := buildID(f)
	if err != nil {
		return ""
	}
	return id
}
