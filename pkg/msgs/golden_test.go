package msgs

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// sample is one golden file: what a message of a type looks like. A variant stands behind an @.
type sample struct {
	name string
	t    Type
	data []byte
}

func samples(t testing.TB) []sample {
	t.Helper()
	files, err := filepath.Glob("testdata/v1/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	var out []sample
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		typ, _, _ := strings.Cut(name, "@")
		out = append(out, sample{name, Type(typ), b})
	}
	return out
}

// same compares two JSON texts as values, numbers by their spelling.
func same(t testing.TB, a, b []byte) bool {
	t.Helper()
	return reflect.DeepEqual(anyOf(t, a), anyOf(t, b))
}

func anyOf(t testing.TB, b []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

// Files in testdata/v1 are never changed and never removed: whatever was once written can be read for ever. Each
// decodes into the Go type of its name and comes out again as the same JSON, so no field of it is lost.
func TestEverySampleComesBackAsItWas(t *testing.T) {
	for _, s := range samples(t) {
		v := NewMessage(s.t)
		if v == nil {
			t.Errorf("%s: no such type", s.name)
			continue
		}
		if err := json.Unmarshal(s.data, v); err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		b, err := encode(v)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if !same(t, s.data, b) {
			t.Errorf("%s came back as\n%s", s.name, b)
		}
	}
}

func TestEveryTypeHasASample(t *testing.T) {
	have := make(map[Type]bool)
	for _, s := range samples(t) {
		have[s.t] = true
	}
	for _, m := range Messages() {
		if !have[m.Type] {
			t.Errorf("testdata/v1/%s.json is missing", m.Type)
		}
	}
}

// Command samples go through the strict decoder, on every subject of the table that carries their type.
func TestEveryCommandSampleIsTaken(t *testing.T) {
	for _, s := range samples(t) {
		family, verb, ok := strings.Cut(strings.TrimPrefix(string(s.t), "cmd."), ".")
		if !ok || !strings.HasPrefix(string(s.t), "cmd.") {
			continue
		}
		c, err := judge(CmdSubject(family, "main", verb), string(s.data))
		if err != nil {
			t.Errorf("%s: %v (%s)", s.name, err, err.Fix)
			continue
		}
		if TypeOf(c) != s.t {
			t.Errorf("%s decoded as %s", s.name, TypeOf(c))
		}
		b, merr := EncodeCommand(c)
		if merr != nil || !same(t, s.data, b) {
			t.Errorf("%s came back as %s (%v)", s.name, b, merr)
		}
	}
}

// Event samples go through DecodeEvent, and keep the order of the contract's fields as far as the structs have it.
func TestEveryEventSampleDecodesByItsType(t *testing.T) {
	for _, s := range samples(t) {
		if New(s.t) == nil {
			continue
		}
		e, err := DecodeEvent(s.data)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if e.Kind() != s.t || HeadOf(e).Account != "main" {
			t.Errorf("%s: kind %s, account %s", s.name, e.Kind(), HeadOf(e).Account)
		}
		b, err := EncodeEvent(e)
		if err != nil || !same(t, s.data, b) {
			t.Errorf("%s came back as %s (%v)", s.name, b, err)
		}
	}
}

func TestUnknownEventIsKeptWhole(t *testing.T) {
	in := `{"v":1,"account":"main","env":"sandbox","colour":"red","events":[{"v":1,"type":"order.levitated","account":"main","env":"sandbox","n":7,"at_ms":1,"height":"3"}]}`
	var e Envelope
	if err := json.Unmarshal([]byte(in), &e); err != nil {
		t.Fatal(err)
	}
	s, ok := e.Events[0].(*Strange)
	if !ok || s.N != 7 || s.Kind() != "order.levitated" {
		t.Fatalf("got %+v", e.Events[0])
	}
	b, err := Encode(e)
	if err != nil || !strings.Contains(string(b), `"height":"3"`) {
		t.Errorf("got %s, %v", b, err)
	}
}

// Every example of the contract's page that is whole JSON is read by the type it is of, and nothing that it says is lost:
// each of its fields comes out again with its value. (The page shortens long ids, so schemas cannot judge it.)
func TestExamplesOfTheContractAreRead(t *testing.T) {
	text, err := os.ReadFile("../../docs/wire-contract.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, m := range regexp.MustCompile("(?s)\n```json\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
		examples++
		v := exampleOf(t, m[1])
		if v == nil {
			t.Errorf("of what type is %s", m[1])
			continue
		}
		if err := json.Unmarshal([]byte(m[1]), v); err != nil {
			t.Errorf("%v in %s", err, m[1])
			continue
		}
		b, err := encode(v)
		if err != nil {
			t.Fatal(err)
		}
		if lost := lacks(anyOf(t, []byte(m[1])), anyOf(t, b), ""); len(lost) > 0 {
			t.Errorf("%T loses %v of %s", v, lost, m[1])
		}
	}
	if examples < 8 {
		t.Errorf("only %d examples were found", examples)
	}
}

// exampleOf is an empty value for an example: events name their type, the others are known by a field.
func exampleOf(t *testing.T, text string) any {
	t.Helper()
	fields, _ := anyOf(t, []byte(text)).(map[string]any)
	if typ, ok := fields["type"].(string); ok && fields["n"] != nil {
		return NewMessage(Type(typ))
	}
	for name, typ := range map[string]Type{"client_order_id": "cmd.order.submit", "queue": "svc.executor.status.answer", "cash": "svc.ledger.balances.answer", "urgency": "cmd.tx.split", "legs": TypeFeedTrade} {
		if fields[name] != nil {
			return NewMessage(typ)
		}
	}
	return nil
}

// lacks lists the paths at which have lacks or changes what want says.
func lacks(want, have any, at string) (lost []string) {
	switch w := want.(type) {
	case map[string]any:
		h, _ := have.(map[string]any)
		for name, v := range w {
			lost = append(lost, lacks(v, h[name], at+"."+name)...)
		}
	case []any:
		h, _ := have.([]any)
		for i, v := range w {
			if i >= len(h) {
				return append(lost, at)
			}
			lost = append(lost, lacks(v, h[i], at)...)
		}
	default:
		if !reflect.DeepEqual(want, have) {
			lost = append(lost, at)
		}
	}
	return lost
}
