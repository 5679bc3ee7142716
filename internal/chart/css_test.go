package chart

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// rgb is a color in linear light.
type rgb [3]float64

func parseColor(t *testing.T, text string) (c rgb) {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "#"), 16, 24)
	if err != nil || len(text) != 7 {
		t.Fatalf("color %q: %v", text, err)
	}
	for i := range c {
		v := float64(n>>(16-8*i)&255) / 255
		if v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c
}

func (c rgb) luminance() float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] }

// contrast is as WCAG defines it.
func contrast(a, b rgb) float64 {
	high, low := max(a.luminance(), b.luminance()), min(a.luminance(), b.luminance())
	return (high + 0.05) / (low + 0.05)
}

// themes gives the colors of both.
func themes(t *testing.T) (all map[string]map[string]rgb) {
	t.Helper()
	all = map[string]map[string]rgb{}
	blocks := regexp.MustCompile(`:root\{([^}]*)\}`).FindAllStringSubmatch(CSS, -1)
	if len(blocks) < 2 {
		t.Fatal("no themes")
	}
	for i, name := range []string{"light", "dark"} {
		all[name] = map[string]rgb{}
		for _, p := range regexp.MustCompile(`(--mg-[a-z0-9]+):(#[0-9a-f]+)`).FindAllStringSubmatch(blocks[i][1], -1) {
			all[name][p[1]] = parseColor(t, p[2])
		}
	}
	return all
}

func TestContrast(t *testing.T) {
	for theme, colors := range themes(t) {
		if len(colors) != 10+Colors {
			t.Errorf("%s: %d colors", theme, len(colors))
		}
		for name, c := range colors {
			least := 3.0
			switch name {
			case "--mg-bg", "--mg-grid", "--mg-free": // Grounds, and lines that may be missed.
				continue
			case "--mg-text", "--mg-muted":
				least = 4.5
			}
			for _, ground := range []string{"--mg-bg", "--mg-free"} {
				if ground == "--mg-free" && !strings.Contains("--mg-limit --mg-threshold --mg-gomemlimit --mg-text --mg-muted", name) {
					continue
				}
				if got := contrast(c, colors[ground]); got < least {
					t.Errorf("%s: %s stands out from %s by %.2f", theme, name, ground, got)
				}
			}
		}
	}
}

// seenAs is how somebody with no, red or green blindness sees colors (Machado,
// Oliveira and Fernandes, 2009).
var seenAs = map[string][3]rgb{
	"all":      {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"no red":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"no green": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.01182, 0.04294, 0.968881}},
	"no blue":  {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.3039}},
}

// lab is a color in a space where distance is how different two look.
func (c rgb) lab(seen [3]rgb) (lab [3]float64) {
	var s rgb
	for i := range s {
		s[i] = min(max(seen[i][0]*c[0]+seen[i][1]*c[1]+seen[i][2]*c[2], 0), 1)
	}
	f := func(v float64) float64 {
		if v > 0.008856 {
			return math.Cbrt(v)
		}
		return 7.787*v + 16.0/116
	}
	x, y, z := f((0.4124*s[0]+0.3576*s[1]+0.1805*s[2])/0.9505), f(s.luminance()), f((0.0193*s[0]+0.1192*s[1]+0.9505*s[2])/1.089)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

func TestColorsAreToldApart(t *testing.T) {
	const least = 12 // 2.3 is where a difference is just noticed.
	for theme, colors := range themes(t) {
		for sight, seen := range seenAs {
			for i := range Colors {
				for j := range i {
					a, b := colors["--mg-c"+strconv.Itoa(i)].lab(seen), colors["--mg-c"+strconv.Itoa(j)].lab(seen)
					if d := math.Hypot(math.Hypot(a[0]-b[0], a[1]-b[1]), a[2]-b[2]); d < least {
						t.Errorf("%s, %s: %d and %d differ by %.1f", theme, sight, i, j, d)
					}
				}
			}
		}
	}
}

// Every class that is drawn has a rule, and every line dashes of its own.
func TestClassesHaveRules(t *testing.T) {
	svg := usage().SVG() + minute(make([]Series, Colors)...).SVG()
	for _, m := range regexp.MustCompile(`class="([^"]*)"`).FindAllStringSubmatch(svg, -1) {
		for _, class := range strings.Fields(m[1]) {
			switch class {
			case "mine", "mg-level", "mg-strips":
				continue
			}
			if !strings.Contains(CSS, "."+class) {
				t.Errorf("no rule for %s", class)
			}
		}
	}
	dashes := map[string]bool{}
	for _, m := range regexp.MustCompile(`\.mg-line[^{}]*\{(stroke-dasharray:[^}]*)\}`).FindAllStringSubmatch(CSS, -1) {
		if dashes[m[1]] {
			t.Errorf("%s twice", m[1])
		}
		dashes[m[1]] = true
	}
	if len(dashes) != Colors-2+3 {
		t.Errorf("%d kinds of dashes", len(dashes))
	}
	if strings.Contains(CSS, "url(") || strings.Contains(CSS, "<") || strings.Contains(CSS, "@import") {
		t.Error("the CSS loads something")
	}
}
