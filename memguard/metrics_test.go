package memguard

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeListsEveryMetric keeps the README's table what the code exports.
func TestReadmeListsEveryMetric(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	for _, in := range instruments {
		row := "| `" + in.name + "` | `" + in.unit + "` | " + in.description + " |"
		if !strings.Contains(readme, row) {
			t.Errorf("the README lacks the row\n%s", row)
		}
	}
	if listed := strings.Count(readme, "| `memguard."); listed != len(instruments) {
		t.Errorf("the README lists %d metrics, the code exports %d", listed, len(instruments))
	}
}
