package msgs

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Encode writes one message of the log. It fails when the message has no event or is larger than MaxLogMessage: then it
// must be written as several.
func Encode(e Envelope) ([]byte, error) {
	if len(e.Events) == 0 {
		return nil, fmt.Errorf("encode envelope: no events")
	}
	b, err := encode(&e)
	if err != nil {
		return nil, fmt.Errorf("encode envelope: %w", err)
	}
	if len(b) > MaxLogMessage {
		return nil, fmt.Errorf("encode envelope: %d events have %d bytes, at most %d fit", len(e.Events), len(b), MaxLogMessage)
	}
	return b, nil
}

// EncodeEvent writes one event by itself, as a Reply-To gets it.
func EncodeEvent(e Event) ([]byte, error) {
	b, err := encode(e)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", e.Kind(), err)
	}
	return b, nil
}

// EncodeCommand writes a command as a sender does.
func EncodeCommand(c Command) ([]byte, error) {
	b, err := encode(c)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", TypeOf(c), err)
	}
	return b, nil
}

// encode is json.Marshal that leaves <, > and & as they are: nobody reads the bus as HTML, and meta is given back as it came.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}
