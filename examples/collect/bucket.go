package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob:
	_ "gocloud.dev/blob/fileblob"  // file:
	_ "gocloud.dev/blob/gcsblob"   // gs:
	_ "gocloud.dev/blob/memblob"   // mem:
	_ "gocloud.dev/blob/s3blob"    // s3:
	"gocloud.dev/gcerrors"
)

const (
	// partBytes is the least that S3 takes for a part; with one upload at a
	// time it bounds the memory.
	partBytes = 5 << 20
	// An operation may take askTime, and the transfer of a file so much more
	// that slowestRate suffices: a server that hangs holds up nobody for ever.
	askTime     = 30 * time.Second
	slowestRate = 64 << 10 // bytes per second
)

// Names of metadata. Not every store takes other signs than letters.
const (
	metaRun    = "run"
	metaSHA256 = "sha256"
	metaNode   = "node"
)

var (
	errTaken    = errors.New("somebody else has made the object meanwhile")
	errUnproven = errors.New("the object is not what was sent")
)

// content is what was read of a file.
type content struct {
	size   int64
	md5    []byte
	sha256 string // hexadecimal
}

func contentOf(r io.Reader) (content, error) {
	quick, strong := md5.New(), sha256.New()
	n, err := io.Copy(io.MultiWriter(quick, strong), r)
	return content{n, quick.Sum(nil), hex.EncodeToString(strong.Sum(nil))}, err
}

// store is a bucket.
type store struct {
	*blob.Bucket
	// proves: it has calculated the MD5 that it tells from what it has got.
	// Others hand back what the client said; then the object is read.
	proves bool
}

func openStore(ctx context.Context, address string) (*store, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	b, err := blob.OpenBucket(ctx, address)
	if err != nil {
		return nil, err
	}
	return &store{b, u.Scheme == "s3" || u.Scheme == "gs"}, nil
}

// look tells what is under a key, and verifies whether it is the content.
func (s *store) look(ctx context.Context, key string, c content) (object, error) {
	ctx, cancel := context.WithTimeout(ctx, transferTime(c.size))
	defer cancel()
	attributes, err := s.Attributes(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return object{}, nil
	}
	if err != nil {
		return object{}, err
	}
	o := object{there: true, run: attributes.Metadata[metaRun], size: attributes.Size}
	said := attributes.Metadata[metaSHA256]
	switch {
	case o.size != c.size || said != "" && said != c.sha256:
	case s.proves && bytes.Equal(attributes.MD5, c.md5):
		o.same = true
	default:
		// An MD5 that differs proves nothing: with encryption, or after an
		// upload in parts, it is not the content's.
		o.same, err = s.holds(ctx, key, c)
	}
	return o, err
}

// holds reads the object.
func (s *store) holds(ctx context.Context, key string, c content) (_ bool, err error) {
	r, err := s.NewReader(ctx, key, nil)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	stored, err := contentOf(r)
	return stored.sha256 == c.sha256, err
}

// put writes the object, all of it or nothing. onlyNew leaves one that is
// there alone; sure is asked before the object becomes one.
func (s *store) put(ctx context.Context, key string, src io.Reader, c content, meta map[string]string, onlyNew bool, sure func() error) error {
	ctx, cancel := context.WithTimeout(ctx, transferTime(c.size))
	defer cancel()
	w, err := s.NewWriter(ctx, key, &blob.WriterOptions{
		BufferSize: partBytes, MaxConcurrency: 1, ContentType: "application/octet-stream",
		ContentMD5: c.md5, Metadata: meta, IfNotExist: onlyNew,
	})
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(src, c.size+1))
	if err == nil && (n != c.size || hex.EncodeToString(sum.Sum(nil)) != c.sha256) {
		err = errChanged
	}
	if err == nil {
		err = sure()
	}
	if err != nil {
		cancel() // Close would make an object of what was written.
		_ = w.Close()
		return err
	}
	err = w.Close()
	if onlyNew && gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return fmt.Errorf("%w: %w", errTaken, err)
	}
	return err
}

func transferTime(size int64) time.Duration {
	return askTime + time.Duration(size/slowestRate)*time.Second
}
