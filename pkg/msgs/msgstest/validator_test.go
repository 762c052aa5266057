package msgstest

import (
	"encoding/json"
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

// Of a record each message is judged by its subject, but those that are left alone; what does not hold is told with its place.
func TestRecordIsJudgedLineByLine(t *testing.T) {
	v := validator(t)
	line := func(subject, data string) string {
		b, err := json.Marshal(map[string]any{"stream": "LOG_main", "subject": subject, "seq": 7, "stored_us": 1, "data": data})
		if err != nil {
			t.Fatal(err)
		}
		return string(b) + "\n"
	}
	const event = `{"v":1,"type":"order.resumed","account":"main","env":"sandbox","n":7,"at_ms":1,"by":"command"`
	envelope := func(event string) string { return `{"v":1,"account":"main","env":"sandbox","events":[` + event + `}]}` }
	good := line("evt.order.main", envelope(event)) + line("quota.x", "not for others")
	books := func(subject string) bool { return strings.HasPrefix(subject, "quota.") }
	if n, err := v.CheckRecord(strings.NewReader(good), books); n != 1 || err != nil {
		t.Errorf("of a good record %d were judged: %v", n, err)
	}
	bad := good + line("evt.order.main", envelope(event+`,"height":3`))
	if n, err := v.CheckRecord(strings.NewReader(bad), books); n != 2 || err == nil || !strings.Contains(err.Error(), "LOG_main:7") {
		t.Errorf("of a bad record %d were judged: %v", n, err)
	}
	if _, err := v.CheckRecord(strings.NewReader(good), func(string) bool { return false }); err == nil {
		t.Error("a subject that is not in the table is let through")
	}
	if _, err := v.CheckRecord(strings.NewReader("{"), books); err == nil {
		t.Error("half a record is let through")
	}
}
