package check

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

var scrapeFor = flag.Duration("scrape", 10*time.Second, "how long to scrape 50 times a second")

const (
	scrapeEvery = 20 * time.Millisecond
	tries       = 3
	// littleGarbage keeps what scrapes allocate from raising the usage, and
	// with it the samples.
	littleGarbage = "GOGC=10"
)

// sampling is what a program says of its sampler.
type sampling struct {
	at                        time.Time
	samples, duration, errors float64
	usage                     float64
}

func (s sampling) since(before sampling) sampling {
	return sampling{
		samples: s.samples - before.samples, duration: s.duration - before.duration,
		errors: s.errors - before.errors, usage: s.usage,
	}
}

// scrapeSampling reads the metrics as a scrape does.
func scrapeSampling(address string) (s sampling, err error) {
	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return s, err
	}
	defer response.Body.Close()
	s.at = time.Now()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return s, fmt.Errorf("%s: %w", response.Status, err)
	}
	for line := range strings.Lines(string(text)) {
		series, number, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		name, _, _ := strings.Cut(series, "{")
		sums := map[string]*float64{
			"memguard_sampler_samples_total": &s.samples, "memguard_sampler_duration_seconds_total": &s.duration,
			"memguard_sampler_errors_total": &s.errors, "memguard_usage_bytes": &s.usage,
		}
		if sum := sums[name]; sum != nil {
			n, err := strconv.ParseFloat(number, 64)
			if err != nil {
				return s, err
			}
			*sum += n
		}
	}
	return s, nil
}

// Two programs fill their groups alike, side by side; one of them is scraped.
func TestScrapesDoNotDisturbSampling(t *testing.T) {
	for try := 1; ; try++ {
		with, without := sampleSideBySide(t)
		ratio := with.samples / without.samples
		if ratio >= 0.9 {
			return
		}
		t.Logf("try %d: %.2f of the samples", try, ratio)
		if try == tries {
			t.Errorf("scraped, it takes %.2f of the samples in %d tries, want 0.9 at least", ratio, tries)
			return
		}
	}
}

func sampleSideBySide(t *testing.T) (with, without sampling) {
	t.Helper()
	// Slow enough that neither reaches a threshold.
	rate := max(1, int(70/(scrapeFor.Seconds()+2)))
	start := func() *process {
		return startLeak(t, kerneltest.NewGroup(t, limit), t.TempDir(), rate, 0, littleGarbage)
	}
	scraped, left := start(), start()
	read := func(p *process) sampling {
		s, err := scrapeSampling(p.address())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	scrapedFirst, leftFirst := read(scraped), read(left)
	scrapes, scrapedLast := 0, scrapedFirst
	tick := time.NewTicker(scrapeEvery)
	defer tick.Stop()
	for scrapedLast.at.Sub(scrapedFirst.at) < *scrapeFor {
		<-tick.C
		scrapedLast = read(scraped)
		scrapes++
	}
	leftLast := read(left)
	scraped.terminate()
	left.terminate()

	with, without = scrapedLast.since(scrapedFirst), leftLast.since(leftFirst)
	took := scrapedLast.at.Sub(scrapedFirst.at).Seconds()
	for _, of := range []struct {
		name    string
		scrapes int
		sampling
	}{{"scraped", scrapes, with}, {"left alone", 2, without}} {
		t.Logf("%-10s  %5.1f scrapes/s  %6.1f samples/s  %5.1f µs a sample  %.0f errors  to %.1f MiB", of.name,
			float64(of.scrapes)/took, of.samples/took, 1e6*of.duration/of.samples, of.errors, of.usage/mebi)
		if of.errors > 0 {
			t.Errorf("%s: %.0f errors of the sampler, want none", of.name, of.errors)
		}
	}
	if float64(scrapes) < 0.8*took/scrapeEvery.Seconds() {
		t.Logf("%d scrapes only: the machine is busy", scrapes)
	}
	return with, without
}
