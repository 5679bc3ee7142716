package memguardhttp

import (
	"bytes"
	"encoding"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/memguard"
)

var update = flag.Bool("update", false, "write the tables of docs/page.md")

const (
	schemaPath = "../../docs/page.md"
	tableMark  = "<!-- What follows is written by go test ./memguard/memguardhttp -run Schema -update -->\n"
)

// field is a line of the schema: a path in the document and what is there.
type field struct{ path, kind string }

var (
	value         = reflect.TypeFor[cgroupstat.Value]()
	goMemory      = reflect.TypeFor[memguard.GoMemory]() // leaves fields out
	moment        = reflect.TypeFor[time.Time]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	marshaler     = reflect.TypeFor[interface{ MarshalJSON() ([]byte, error) }]()
)

// fields lists what encoding/json makes of a type.
func fields(t reflect.Type, path string, depth int) []field {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == value:
		return []field{{path, "integer"}}
	case t == moment:
		return []field{{path, "RFC 3339 time"}}
	case t.Implements(marshaler) && t != goMemory:
		return []field{{path, "object"}}
	case t.Implements(textMarshaler), t.Kind() == reflect.String:
		return []field{{path, "string"}}
	case t.Kind() == reflect.Bool:
		return []field{{path, "boolean"}}
	case t.Kind() == reflect.Float64:
		return []field{{path, "number"}}
	case t.Kind() == reflect.Slice:
		return fields(t.Elem(), path+"[]", depth)
	case t.Kind() == reflect.Map:
		return fields(t.Elem(), path+".*", depth)
	case t.Kind() != reflect.Struct:
		return []field{{path, "integer"}}
	case depth > 8 || strings.Count(path, "children") > 1:
		return []field{{path, "object, as above"}}
	}
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		inner := path
		if name != "" {
			inner = strings.TrimPrefix(path+"."+name, ".")
		}
		out = append(out, fields(f.Type, inner, depth+1)...)
	}
	return out
}

func schemaTables() string {
	var b strings.Builder
	b.WriteString(tableMark)
	for _, t := range []struct {
		title string
		of    reflect.Type
	}{
		{"The document", reflect.TypeFor[Document]()},
		{"A moment of the history", reflect.TypeFor[memguard.Moment]()},
	} {
		fmt.Fprintf(&b, "\n### %s\n\n| field | type |\n|---|---|\n", t.title)
		for _, f := range fields(t.of, "", 0) {
			fmt.Fprintf(&b, "| `%s` | %s |\n", f.path, f.kind)
		}
	}
	return b.String()
}

func TestSchemaIsDocumented(t *testing.T) {
	text, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := bytes.Cut(text, []byte(tableMark))
	if !ok {
		t.Fatalf("%s has no mark", schemaPath)
	}
	want := append(bytes.Clone(head), schemaTables()...)
	if *update {
		if err := os.WriteFile(schemaPath, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(text, want) {
		t.Errorf("%s is not what the code gives; go test ./memguard/memguardhttp -run Schema -update writes it", schemaPath)
	}
}

func TestColumnsAreTheMomentsFields(t *testing.T) {
	var names []string
	for _, f := range fields(reflect.TypeFor[memguard.Moment](), "", 0) {
		names = append(names, f.path)
	}
	for i, c := range columns {
		if i >= len(names) || names[i] != c.name {
			t.Errorf("column %d is %s, want one of %v", i, c.name, names)
		}
	}
	if len(columns) != len(names) {
		t.Errorf("%d columns for %d fields", len(columns), len(names))
	}
}
