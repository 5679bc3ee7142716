package flame

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// luminance is the relative luminance of WCAG 2.
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	rgb, err := strconv.ParseUint(strings.TrimPrefix(color, "#"), 16, 32)
	if err != nil || len(color) != 7 {
		t.Fatalf("color %q", color)
	}
	linear := func(v uint64) float64 {
		c := float64(v&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(rgb>>16) + 0.7152*linear(rgb>>8) + 0.0722*linear(rgb)
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func TestContrast(t *testing.T) {
	light, dark, found := strings.Cut(CSS, "@media (prefers-color-scheme:dark)")
	if !found {
		t.Fatal("no dark colors")
	}
	property := regexp.MustCompile(`(--mg-[a-z0-9-]+):([^;}]+)`)
	for theme, text := range map[string]string{"light": light, "dark": dark} {
		colors := map[string]string{}
		for _, m := range property.FindAllStringSubmatch(text, -1) {
			colors[m[1]] = m[2]
		}
		frames := 0
		for name, color := range colors {
			if strings.HasPrefix(name, "--mg-flame-") {
				continue
			}
			frames++
			if c := contrast(t, colors["--mg-flame-text"], color); c < 4.5 {
				t.Errorf("%s: text on %s has a contrast of %.2f", theme, name, c)
			}
			for _, edge := range []string{"--mg-flame-edge", "--mg-flame-focus"} {
				if c := contrast(t, colors[edge], color); c < 3 {
					t.Errorf("%s: %s on %s has a contrast of %.2f", theme, edge, name, c)
				}
			}
			if !strings.Contains(CSS, strings.Replace(name, "--", ".", 1)+"{fill:var("+name+")}") {
				t.Errorf("no class uses %s", name)
			}
		}
		const others = 5
		if frames != 8+others {
			t.Errorf("%s: %d colors", theme, frames)
		}
	}
}
