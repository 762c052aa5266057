package msgs

import (
	"encoding/json"
	"fmt"
)

// MaxLogMessage bounds one message on the log, well below the broker's largest payload of 1 MiB.
const MaxLogMessage = 512 << 10

// Envelope is one message on the log: everything that was decided at one moment, in order.
type Envelope struct {
	V       int               `json:"v"`
	Account Account           `json:"account"`
	Env     Env               `json:"env"`
	Owner   string            `json:"owner,omitempty" doc:"name of the process that wrote it"`
	Epoch   uint64            `json:"epoch,omitempty" doc:"of the claim under which it was written"`
	Cursors map[string]uint64 `json:"cursors,omitempty" doc:"last stream sequence that was decided, per lane"`
	Events  []Event           `json:"events"`
}

// UnmarshalJSON decodes an envelope tolerantly: unknown fields are dropped, an event of an unknown type becomes Strange.
func (e *Envelope) UnmarshalJSON(b []byte) error {
	var raw struct {
		V       int               `json:"v"`
		Account Account           `json:"account"`
		Env     Env               `json:"env"`
		Owner   string            `json:"owner"`
		Epoch   uint64            `json:"epoch"`
		Cursors map[string]uint64 `json:"cursors"`
		Events  []json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return fmt.Errorf("decode envelope: %w", err)
	}
	*e = Envelope{V: raw.V, Account: raw.Account, Env: raw.Env, Owner: raw.Owner, Epoch: raw.Epoch, Cursors: raw.Cursors,
		Events: make([]Event, 0, len(raw.Events))}
	for i, r := range raw.Events {
		ev, err := DecodeEvent(r)
		if err != nil {
			return fmt.Errorf("decode event %d: %w", i, err)
		}
		e.Events = append(e.Events, ev)
	}
	return nil
}

// Strange is an event of a type that this version does not know; it is kept whole.
type Strange struct {
	Head
	Raw json.RawMessage `json:"-"`
}

// MarshalJSON writes the event as it came.
func (s *Strange) MarshalJSON() ([]byte, error) {
	if s.Raw == nil {
		return json.Marshal(s.Head)
	}
	return s.Raw, nil
}

// DecodeEvent decodes one event by its type. An unknown type gives *Strange; only what is not an event at all is an error.
func DecodeEvent(b []byte) (Event, error) {
	var h Head
	if err := json.Unmarshal(b, &h); err != nil {
		return nil, err
	}
	if h.Type == "" {
		return nil, fmt.Errorf("event without type")
	}
	e := New(h.Type)
	if e == nil {
		return &Strange{Head: h, Raw: append(json.RawMessage(nil), b...)}, nil
	}
	if err := json.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("%s: %w", h.Type, err)
	}
	return e, nil
}
