package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// runCell runs one cell and prints every run.
func runCell(ctx context.Context, args []string) error {
	c := cell{}
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	f.StringVar(&c.Watcher, "watcher", "memguard", "who watches")
	c.Ramp.flags(f)
	f.IntVar(&c.Procs, "procs", 2, "GOMAXPROCS of the victim")
	f.Uint64Var(&c.Limit, "limit", 256<<20, "limit of the group in bytes")
	f.DurationVar(&c.Deadline, "deadline", time.Minute, "time for one run")
	f.StringVar(&c.Volume, "volume", os.TempDir(), "where dump directories are made")
	f.BoolVar(&c.Keep, "keep", false, "keep the directories")
	env := f.String("env", "", "more environment of the victim, comma-separated")
	runs := f.Int("runs", 5, "how many runs")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *env != "" {
		c.Env = strings.Split(*env, ",")
	}
	named, caught := 0, 0
	for range *runs {
		r, err := c.run(ctx)
		if err != nil {
			return err
		}
		if r.Named {
			named++
		}
		if r.Files > 0 {
			caught++
		}
		fmt.Printf("cost %.1f MiB  naming %.1f ms  killed %v  %4.0f MB/s  leaked %3d MiB  files %d torn %d first %6.1f ms  share %3.0f%% after %6.1f ms (%3d MiB) %s  peak %d\n",
			float64(r.Cost)/(1<<20), ms(r.Naming), r.Killed, r.Rate, r.Leaked>>20, r.Files, r.Torn, ms(r.First), r.Share*100, ms(r.Since), r.At>>20, r.Best, r.Peak>>20)
	}
	fmt.Printf("caught %d, named %d of %d\n", caught, named, *runs)
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
