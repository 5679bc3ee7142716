package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gocloud.dev/blob"
)

// options are the settings, read and checked.
type options struct {
	bucket, dir, prefix, metricsAddr    string
	interval, settle, lastSettle, grace time.Duration
	keepFor                             time.Duration
	once, remove                        bool
}

// setting is a flag that is an environment variable as well.
type setting struct {
	flag, env, value, usage string
	accepts                 string
	isBool                  bool
	parse                   func(string) error
	// from is what gave the value, for complaints.
	from string
}

// String is for package flag, which also asks a zero setting.
func (s *setting) String() string { return s.value }

// Set is for package flag.
func (s *setting) Set(value string) error {
	s.value, s.from = value, "-"+s.flag
	return nil
}

// IsBoolFlag is for package flag: -once needs no value.
func (s *setting) IsBoolFlag() bool { return s.isBool }

// maxPrefix leaves room for the rest of a key.
const maxPrefix = 200

var errNotAccepted = errors.New("not accepted")

func text(to *string, fits func(string) bool) func(string) error {
	return func(value string) error {
		*to = value
		if !fits(value) {
			return errNotAccepted
		}
		return nil
	}
}

func span(to *time.Duration, least time.Duration) func(string) error {
	return func(value string) (err error) {
		if *to, err = time.ParseDuration(value); err == nil && *to < least {
			err = errNotAccepted
		}
		return err
	}
}

func truth(to *bool) func(string) error {
	return func(value string) (err error) {
		*to, err = strconv.ParseBool(value)
		return err
	}
}

func (o *options) settings() []*setting {
	const spans = "a duration such as 30s or 2m"
	return []*setting{
		{
			flag: "bucket", env: "MEMGUARD_COLLECT_BUCKET", usage: "`URL` of the bucket",
			accepts: "an s3:, gs:, azblob:, file: or mem: URL", parse: text(&o.bucket, isBucket),
		},
		{
			flag: "dir", env: "MEMGUARD_DUMP_DIR", value: filepath.Join(os.TempDir(), "memguard"), usage: "dump `directory`",
			accepts: "a path", parse: text(&o.dir, func(s string) bool { return s != "" }),
		},
		{
			flag: "prefix", env: "MEMGUARD_COLLECT_PREFIX", usage: "begin of every object's name, such as `dumps/`",
			accepts: fmt.Sprintf("up to %d printable ASCII characters without a slash at the begin and without an empty, . or .. part", maxPrefix),
			parse:   text(&o.prefix, isPrefix),
		},
		{
			flag: "once", env: "MEMGUARD_COLLECT_ONCE", value: "false", usage: "ship what is there and end: 0 when everything has arrived",
			accepts: "true or false", isBool: true, parse: truth(&o.once),
		},
		{
			flag: "interval", env: "MEMGUARD_COLLECT_INTERVAL", value: "10s", usage: "`time` between passes",
			accepts: spans + ", at least 100ms", parse: span(&o.interval, 100*time.Millisecond),
		},
		{
			flag: "settle", env: "MEMGUARD_COLLECT_SETTLE", value: "30s", usage: "`age` at which a set of files is shipped",
			accepts: spans, parse: span(&o.settle, 0),
		},
		{
			flag: "last-settle", env: "MEMGUARD_COLLECT_LAST_SETTLE", value: "1s", usage: "the same `age` after SIGTERM, when the volume may be about to go",
			accepts: spans, parse: span(&o.lastSettle, 0),
		},
		{
			flag: "grace", env: "MEMGUARD_COLLECT_GRACE", value: "20s", usage: "`time` for the last pass, after SIGTERM",
			accepts: spans, parse: span(&o.grace, 0),
		},
		{
			flag: "delete", env: "MEMGUARD_COLLECT_DELETE", value: "false", usage: "remove the files of runs whose end is told, once they have arrived",
			accepts: "true or false", isBool: true, parse: truth(&o.remove),
		},
		{
			flag: "keep-for", env: "MEMGUARD_COLLECT_KEEP_FOR", value: "1h", usage: "`age` before which nothing is removed",
			accepts: spans, parse: span(&o.keepFor, 0),
		},
		{
			flag: "metrics-addr", env: "MEMGUARD_COLLECT_METRICS_ADDR", usage: "`address` for Prometheus, such as :9090; empty: none",
			accepts: "host:port or nothing", parse: text(&o.metricsAddr, isAddress),
		},
	}
}

// configure reads flags, and the environment for what they leave out.
func configure(args []string, getenv func(string) string, usage io.Writer) (options, error) {
	var o options
	settings := o.settings()
	flags := flag.NewFlagSet("collect", flag.ContinueOnError)
	flags.SetOutput(usage)
	for _, s := range settings {
		flags.Var(s, s.flag, s.usage+" (environment "+s.env+")")
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("arguments %q: accepted are flags only", flags.Args())
	}
	for _, s := range settings {
		if value := getenv(s.env); s.from == "" && value != "" {
			s.value, s.from = value, s.env
		}
		if s.from == "" {
			s.from = "-" + s.flag
		}
		if err := s.parse(s.value); err != nil {
			return o, fmt.Errorf("%s %q: accepted is %s", s.from, s.value, s.accepts)
		}
	}
	return o, nil
}

func isBucket(address string) bool {
	u, err := url.Parse(address)
	return err == nil && blob.DefaultURLMux().ValidBucketScheme(u.Scheme)
}

func isPrefix(prefix string) bool {
	if len(prefix) > maxPrefix || strings.HasPrefix(prefix, "/") ||
		strings.IndexFunc(prefix, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' }) >= 0 {
		return false
	}
	parts := strings.Split(prefix, "/")
	for i, part := range parts {
		if part == "." || part == ".." || part == "" && i < len(parts)-1 {
			return false
		}
	}
	return true
}

func isAddress(address string) bool {
	if address == "" {
		return true
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
