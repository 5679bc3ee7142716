package kubetest

import (
	"io"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

const bucketName = "dumps"

// bucket is an S3 server in this process, on the loopback.
type bucket struct {
	t       testing.TB
	backend *s3mem.Backend
	url     string
}

func newBucket(t testing.TB) *bucket {
	t.Helper()
	b := &bucket{t: t, backend: s3mem.New()}
	if err := b.backend.CreateBucket(bucketName); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(b.backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(server.Close)
	b.url = "s3://" + bucketName + "?" + url.Values{
		"endpoint": {server.URL}, "region": {"us-east-1"}, "use_path_style": {"true"},
		"hostname_immutable": {"true"}, "disable_https": {"true"},
	}.Encode()
	return b
}

// env is what a collector needs for it.
func (b *bucket) env() []string {
	return []string{"MEMGUARD_COLLECT_BUCKET=" + b.url, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true"}
}

// objects are the keys below a prefix that end in a suffix.
func (b *bucket) objects(prefix, suffix string) []string {
	b.t.Helper()
	list, err := b.backend.ListBucket(bucketName, nil, gofakes3.ListBucketPage{})
	if err != nil {
		b.t.Fatal(err)
	}
	var keys []string
	for _, o := range list.Contents {
		if strings.HasPrefix(o.Key, prefix) && strings.HasSuffix(path.Base(o.Key), suffix) {
			keys = append(keys, o.Key)
		}
	}
	return keys
}

func (b *bucket) read(key string) []byte {
	b.t.Helper()
	o, err := b.backend.GetObject(bucketName, key, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	defer o.Contents.Close()
	text, err := io.ReadAll(o.Contents)
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}
