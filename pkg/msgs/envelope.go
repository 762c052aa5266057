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

	Incarnation string `json:"incarnation,omitempty" doc:"of the log: drawn when it begins and when one that was in doubt is accepted; (incarnation, n) names an event for ever"`
	Rewound     bool   `json:"rewound,omitempty" doc:"cursors count as they stand, also where they are lower than before: a lane was lost"`

	Unjudged *Unjudged `json:"unjudged,omitempty" doc:"what starts have found and nobody has judged yet: repeated until order.compared or order.held"`

	Events []Event `json:"events"`
}

// Unjudged is what the starts of an account have found since its log was judged last. A start may end before its comparison
// does, and the next one finds nothing any more: the claims of its forerunners are the log's end then.
type Unjudged struct {
	EndedMS int64             `json:"ended_ms,omitempty" doc:"when the last message before the first of these starts was stored; absent: there was none"`
	Cursors map[string]uint64 `json:"cursors,omitempty" doc:"what had been decided then, per lane; of a lane that was lost, what counts as decided of its new stream"`
	Losses  []Loss            `json:"losses,omitempty" doc:"signs that the log, or a stream that it is decided from, is not what it was"`
}

// Loss is a sign that the log, or a stream that it is decided from, is not what it was.
type Loss struct {
	Code   Code   `json:"code" doc:"log_lost, log_rolled_back or lane_lost"`
	Stream string `json:"stream"`
	Cause  string `json:"cause"`
}

// DecodeEnvelope decodes one message of the log. It is json.Unmarshal without going over the bytes once more, for whoever
// folds a long log.
func DecodeEnvelope(b []byte) (Envelope, error) {
	var e Envelope
	err := e.UnmarshalJSON(b)
	return e, err
}

// UnmarshalJSON decodes an envelope tolerantly: unknown fields are dropped, an event of an unknown type becomes Strange.
func (e *Envelope) UnmarshalJSON(b []byte) error {
	var frame struct {
		V       int               `json:"v"`
		Account Account           `json:"account"`
		Env     Env               `json:"env"`
		Owner   string            `json:"owner"`
		Epoch   uint64            `json:"epoch"`
		Cursors map[string]uint64 `json:"cursors"`

		Incarnation string `json:"incarnation"`
		Rewound     bool   `json:"rewound"`

		Unjudged *Unjudged `json:"unjudged"`
	}
	if err := json.Unmarshal(b, &frame); err != nil {
		return fmt.Errorf("decode envelope: %w", err)
	}
	*e = Envelope{V: frame.V, Account: frame.Account, Env: frame.Env, Owner: frame.Owner, Epoch: frame.Epoch, Cursors: frame.Cursors,
		Incarnation: frame.Incarnation, Rewound: frame.Rewound, Unjudged: frame.Unjudged}
	list, err := eventsIn(b)
	if err != nil {
		return fmt.Errorf("decode envelope: %w", err)
	}
	e.Events = make([]Event, 0, len(list))
	for i, raw := range list {
		ev, err := decodeValid(raw)
		if err != nil {
			return fmt.Errorf("decode event %d: %w", i, err)
		}
		e.Events = append(e.Events, ev)
	}
	return nil
}

// eventsIn finds the list of events in what is known to be JSON.
func eventsIn(b []byte) ([][]byte, error) {
	raw := memberOf(b, "events")
	switch {
	case raw == nil, string(raw) == "null":
		return nil, nil
	case raw[0] != '[':
		return nil, fmt.Errorf("events is not a list")
	}
	return elements(raw), nil
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
	if !json.Valid(b) {
		return nil, fmt.Errorf("event is not JSON: %w", syntaxError(b))
	}
	return decodeValid(b)
}

// decodeValid is DecodeEvent of what is known to be JSON.
func decodeValid(b []byte) (Event, error) {
	raw := memberOf(b, "type")
	if len(raw) < 3 || raw[0] != '"' {
		return nil, fmt.Errorf("event without type")
	}
	t := Type(text(raw))
	e := New(t)
	if e == nil {
		s := &Strange{Raw: append(json.RawMessage(nil), b...)}
		err := json.Unmarshal(b, &s.Head)
		s.Type = t
		return s, err
	}
	if err := json.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("%s: %w", t, err)
	}
	e.head().Type = t // of two names that differ in case the exact one counts
	return e, nil
}
