package msgs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sluice/pkg/msgs"
	"sluice/pkg/msgs/msgstest"
)

// commandSample is a good command, as an object that can be changed.
type commandSample struct {
	name    string
	subject string
	object  map[string]any
}

func commandSamples(t testing.TB) []commandSample {
	t.Helper()
	files, err := filepath.Glob("testdata/v1/cmd.*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	var out []commandSample
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		typ, _, _ := strings.Cut(name, "@")
		p := strings.Split(typ, ".")
		out = append(out, commandSample{name, msgs.CmdSubject(p[1], "main", p[2]), objectOf(t, b)})
	}
	return out
}

func objectOf(t testing.TB, b []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// court holds both judges.
type court struct {
	schemas map[msgs.Type]*jsonschema.Schema
}

func newCourt(t testing.TB) court {
	t.Helper()
	c := court{make(map[msgs.Type]*jsonschema.Schema)}
	for _, m := range msgs.Messages() {
		if m.Class != msgs.ClassCommand {
			continue
		}
		s, err := msgstest.Compile(string(m.Type), msgs.SchemaFor(m.Type)) // as published, nothing closed for the test
		if err != nil {
			t.Fatal(err)
		}
		c.schemas[m.Type] = s
	}
	return c
}

func (c court) bySchema(t testing.TB, subject string, data []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return c.schemas[msgs.PayloadType(subject)].Validate(doc)
}

func byDecoder(subject string, data []byte) *msgs.Error {
	cmd, err := msgs.DecodeCommand(subject, data)
	if err != nil {
		return err
	}
	return cmd.Check()
}

// Thousands of commands, each a sample with one to three slips, go before the published schema (judged by a validator
// that is not ours) and before DecodeCommand and Check. Both must say the same, but for what BeyondSchema lists.
func TestSchemaAndDecoderAgreeOnMutatedCommands(t *testing.T) {
	const rounds = 6000
	c, all := newCourt(t), commandSamples(t)
	var refused, taken, beyond int
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := all[r.IntN(len(all))]
		object := msgstest.Clone(s.object)
		for range 1 + r.IntN(3) {
			msgstest.Mutate(r, object)
		}
		data, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		schema, decoder := c.bySchema(t, s.subject, data), byDecoder(s.subject, data)
		switch {
		case schema != nil && decoder != nil:
			refused++
			if decoder.Code == "" || decoder.Cause == "" || decoder.Fix == "" {
				t.Errorf("seed %d: a refusal without code, cause or fix: %+v", seed, decoder)
			}
		case schema == nil && decoder == nil:
			taken++
		case schema == nil && beyondSchema(object):
			beyond++
		default:
			t.Errorf("seed %d: %s %s\nschema: %v\ndecoder: %v", seed, s.name, data, schema, decoder)
		}
	}
	t.Logf("%d refused by both, %d taken by both, %d beyond what a schema can say", refused, taken, beyond)
	if refused < rounds/4 || taken < rounds/50 {
		t.Errorf("the mutations are one-sided: %d refused, %d taken", refused, taken)
	}
}

// Each single slip of a kind that people make, in each sample that it applies to, is refused by both.
func TestEverySlipIsRefusedByBoth(t *testing.T) {
	c := newCourt(t)
	count := 0
	for _, s := range commandSamples(t) {
		for what, object := range msgstest.Slips(s.object) {
			data, err := json.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			count++
			if c.bySchema(t, s.subject, data) == nil {
				t.Errorf("%s, %s: the schema takes %s", s.name, what, data)
			}
			if byDecoder(s.subject, data) == nil {
				t.Errorf("%s, %s: the decoder takes %s", s.name, what, data)
			}
		}
	}
	t.Logf("%d slips", count)
	if count < 200 {
		t.Errorf("only %d slips were tried", count)
	}
}

// What the schema lets through and the decoder does not: one example for each thing that BeyondSchema lists and that
// is JSON at all.
func TestBeyondSchemaIsWhatItSays(t *testing.T) {
	c := newCourt(t)
	const submit = `{"client_order_id":"a","token_id":"12","side":"BUY","type":"GTD","price":"0.5","size":"1","expires_ms":5000`
	const signed = `"salt":1,"maker":"0x6e0c80c90ea6c15917308f820eac91ce2724b5b5","signer":"0x6e0c80c90ea6c15917308f820eac91ce2724b5b5","tokenId":"12","makerAmount":"1","takerAmount":"1","side":"BUY","signatureType":0,"timestamp":"1","metadata":"0x0000000000000000000000000000000000000000000000000000000000000000","builder":"0x0000000000000000000000000000000000000000000000000000000000000000","signature":"0x00"`
	for _, x := range []struct{ subject, data string }{
		{"cmd.order.main.submit", submit + `,"meta":{"a":"` + strings.Repeat("x", msgs.MaxMeta) + `"}}`},
		{"cmd.order.main.submit", submit + strings.Repeat(" ", msgs.MaxCommand) + `}`},
		{"cmd.order.main.submit", submit + `,"side":"BUY"}`},
		{"cmd.order.main.submit", submit + `,"meta":{"a":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}}`},
		{"cmd.order.main.submit", submit + `,"sent_ms":1.0}`},
		{"cmd.order.main.submit", submit + `,"sent_ms":1e3}`},
		{"cmd.order.main.submit", submit + `,"valid_until_ms":-0}`},
		{"cmd.order.main.submit", submit + `,"expiration":6}`},
		{"cmd.order.main.submit", `{"client_order_id":"a","token_id":"13","type":"GTC","signed":{` + signed + `}}`},
		{"cmd.order.main.replace", `{"client_order_id":"a","replaces":"a"}`},
		{"cmd.tx.main.cancel", `{"request_id":"a","cancels":"a"}`},
	} {
		if err := c.bySchema(t, x.subject, []byte(x.data)); err != nil {
			t.Errorf("the schema can say it after all, and BeyondSchema need not list it: %.200s: %v", x.data, err)
		}
		if byDecoder(x.subject, []byte(x.data)) == nil {
			t.Errorf("the decoder takes %.200s", x.data)
		}
	}
}

// beyondSchema knows from the object alone whether it is one of the cases that BeyondSchema lists.
func beyondSchema(o map[string]any) bool {
	if id, ok := o["client_order_id"]; ok && id == o["replaces"] {
		return true
	}
	if id, ok := o["request_id"]; ok && id == o["cancels"] {
		return true
	}
	if signed, ok := o["signed"].(map[string]any); ok && o["token_id"] != nil && o["token_id"] != signed["tokenId"] {
		return true
	}
	if ms, ok := o["expires_ms"]; ok && o["expiration"] != nil && fmt.Sprint(ms) != fmt.Sprint(o["expiration"])+"000" {
		return true
	}
	return oddInteger(o)
}

func oddInteger(v any) bool {
	switch v := v.(type) {
	case json.Number:
		return strings.ContainsAny(string(v), ".eE") || v == "-0"
	case map[string]any:
		for name, e := range v {
			if name != "meta" && oddInteger(e) {
				return true
			}
		}
	}
	return false
}
