// Package msgstest lets tests hold what is on the bus against the published schemas, with a validator that is not ours
// and with additionalProperties:false everywhere, so that nothing is said which is not described.
//
// It owns nothing and is imported by tests only. It fails by returning the validator's own words.
package msgstest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sluice/pkg/msgs"
)

// Validator holds the closed schema of every type. It may be used by several goroutines.
type Validator struct {
	schemas map[msgs.Type]*jsonschema.Schema
}

// New compiles the embedded schemas, closed.
func New() (*Validator, error) {
	v := &Validator{schemas: make(map[msgs.Type]*jsonschema.Schema)}
	for _, m := range msgs.Messages() {
		closed, err := msgs.Strict(msgs.SchemaFor(m.Type))
		if err != nil {
			return nil, fmt.Errorf("close schema of %s: %w", m.Type, err)
		}
		if v.schemas[m.Type], err = Compile(string(m.Type), closed); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// Compile checks a schema against its metaschema and makes it ready.
func Compile(name string, schema []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fmt.Errorf("read schema of %s: %w", name, err)
	}
	c := jsonschema.NewCompiler()
	url := "urn:sluice:test:" + name
	if err := c.AddResource(url, doc); err != nil {
		return nil, fmt.Errorf("add schema of %s: %w", name, err)
	}
	s, err := c.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("compile schema of %s: %w", name, err)
	}
	return s, nil
}

// Check judges one message of type t; of an envelope also each event, by its own type.
func (v *Validator) Check(t msgs.Type, payload []byte) error {
	s, ok := v.schemas[t]
	if !ok {
		return fmt.Errorf("check message: no type %q", t)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("read %s: %w", t, err)
	}
	if err := s.Validate(doc); err != nil {
		return fmt.Errorf("check %s: %w", t, err)
	}
	if t != msgs.TypeEnvelope {
		return nil
	}
	return v.checkEvents(payload)
}

// CheckEvent judges one event by the type that it bears, as it comes to a Reply-To.
func (v *Validator) CheckEvent(payload []byte) error {
	var head struct {
		Type msgs.Type `json:"type"`
	}
	if err := json.Unmarshal(payload, &head); err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	return v.Check(head.Type, payload)
}

// CheckSubject judges what was published on a subject of the table.
func (v *Validator) CheckSubject(subject string, payload []byte) error {
	t := msgs.PayloadType(subject)
	if t == "" {
		return fmt.Errorf("check message: the subject %q is not in the table", subject)
	}
	return v.Check(t, payload)
}

func (v *Validator) checkEvents(payload []byte) error {
	var envelope struct {
		Events []json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(payload, &envelope); err != nil {
		return fmt.Errorf("read envelope: %w", err)
	}
	for i, e := range envelope.Events {
		if err := v.CheckEvent(e); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	return nil
}
