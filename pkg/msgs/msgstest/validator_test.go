package msgstest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/pkg/msgs"
)

func validator(t testing.TB) *Validator {
	t.Helper()
	v, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Every schema is valid by its metaschema, and every sample by its schema, closed.
func TestEverySampleIsValidByItsClosedSchema(t *testing.T) {
	v := validator(t)
	files, err := filepath.Glob("../testdata/v1/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		typ, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(f), ".json"), "@")
		if err := v.Check(msgs.Type(typ), b); err != nil {
			t.Errorf("%s: %v", filepath.Base(f), err)
		}
	}
}

// Published schemas of events are open, the validator's are closed: one extra field tells them apart, at the top and
// inside, also through an envelope.
func TestValidatorRefusesWhatIsNotDescribed(t *testing.T) {
	v := validator(t)
	const event = `{"v":1,"type":"order.resumed","account":"main","env":"sandbox","n":7,"at_ms":1,"by":"command"}`
	const envelope = `{"v":1,"account":"main","env":"sandbox","events":[` + event + `]}`
	if err := v.CheckSubject("evt.order.main", []byte(envelope)); err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(envelope, `"by"`, `"height":3,"by"`, 1)
	if v.CheckSubject("evt.order.main", []byte(more)) == nil {
		t.Error("an undescribed field of an event in an envelope is let through")
	}
	open, err := Compile("open", msgs.SchemaFor(msgs.KindResumed))
	if err != nil {
		t.Fatal(err)
	}
	if err := open.Validate(map[string]any{
		"v": 1, "type": "order.resumed", "account": "main", "env": "sandbox", "n": 7, "at_ms": 1, "by": "command", "height": 3,
	}); err != nil {
		t.Errorf("a reader of the published schema breaks on a new field: %v", err)
	}
	if v.CheckSubject("evt.order", []byte(envelope)) == nil {
		t.Error("a subject that is not in the table is let through")
	}
}
