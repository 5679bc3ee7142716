package webcheck

import (
	"bytes"
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "write the pictures of docs/img")

// TestPictures takes those of the README, of a leak that has met its threshold.
func TestPictures(t *testing.T) {
	browser := startBrowser(t)
	address := startExample(t, 6, 148)
	b := open(t, browser, address+"?window=1m", wide)
	until(t, "the leak is told, and there is a dump", func() bool {
		return strings.Contains(b.text("#verdict"), "heap leak") && strings.Contains(b.text("#dumps table"), "fresh")
	})
	growth := value[string](b, `document.querySelector("#dumps a.strong").getAttribute("href")`)
	for _, p := range []struct {
		name, query string
		screen
	}{
		{"page-light", "?window=1m", screen{width: 1000, height: 1120}},
		{"page-dark", "?window=1m", screen{width: 1000, height: 1120, dark: true}},
		{"page-phone", "?window=1m", screen{width: 390, height: 1120}},
		{"growth", growth, screen{width: 1000, height: 640}},
	} {
		b := open(t, browser, address+p.query, p.screen)
		shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(bytes.NewReader(shot))
		if err != nil {
			t.Fatal(err)
		}
		colors := map[[3]uint32]bool{}
		for y := range picture.Bounds().Dy() {
			for x := range picture.Bounds().Dx() {
				r, g, b, _ := picture.At(x, y).RGBA()
				colors[[3]uint32{r, g, b}] = true
			}
		}
		if len(colors) < 50 {
			t.Errorf("%s has %d colors only", p.name, len(colors))
		}
		b.clean()
		if *update {
			if err := os.WriteFile(filepath.Join("..", "..", "docs", "img", p.name+".png"), shot, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
