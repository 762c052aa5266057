package msgs

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"time"
	"unicode/utf8"
)

// Dead is what could not be tied to an account, or could not be decided (dead.<service>.<reason>).
type Dead struct {
	V       int                 `json:"v"`
	Service string              `json:"service"`
	Reason  Code                `json:"reason"`
	AtMS    int64               `json:"at_ms"`
	Stream  string              `json:"stream,omitempty"`
	Seq     uint64              `json:"seq,omitempty"`
	Subject string              `json:"subject"`
	Headers map[string][]string `json:"headers,omitempty"`
	Data    string              `json:"data" doc:"the payload, cut at 64 KiB; base64 when it is not UTF-8"`
	Base64  bool                `json:"base64,omitempty"`
	Error   *Error              `json:"error"`
}

// maxDeadData is how many bytes of a payload a letter keeps: a command has no more, and what has is not needed whole to see
// what it is.
const maxDeadData = 64 << 10

// NewDead completes a letter: d says whose it is, what it is about (Stream, Seq, Subject, Headers) and why (Error); data is the
// payload.
func NewDead(d Dead, at time.Time, data []byte) Dead {
	d.V, d.Reason, d.AtMS = 1, d.Error.Code, at.UnixMilli()
	data = data[:min(len(data), maxDeadData)]
	if d.Data, d.Base64 = string(data), false; !utf8.Valid(data) {
		d.Data, d.Base64 = base64.StdEncoding.EncodeToString(data), true
	}
	return d
}

// ID is the same for every letter of one service about one stored message, whenever it is written. Another message in the same
// place, of a stream that was made anew, has another one.
func (d *Dead) ID() string {
	h := fnv.New64a()
	h.Write([]byte(d.Data))
	return fmt.Sprintf("%s %s %d %x", d.Service, d.Stream, d.Seq, h.Sum64())
}
