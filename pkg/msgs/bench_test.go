package msgs

import (
	"fmt"
	"testing"
)

func BenchmarkDecodeSubmit(b *testing.B) {
	data := []byte(`{"client_order_id":"mm1-01JD7Z2M4N","token_id":"` + token + `","side":"BUY","type":"GTC","price":"0.52","size":"100","post_only":true,"sent_ms":1763800000123,"meta":{"level":1}}`)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		c, err := DecodeCommand("cmd.order.main.submit", data)
		if err != nil || c.Check() != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkContentHash(b *testing.B) {
	c := mustDecode(b, "cmd.order.main.submit", base)
	for b.Loop() {
		ContentHash(c)
	}
}

// envelopeOf gives the sample's event n times in one message.
func envelopeOf(b *testing.B, name string, n int) (Envelope, []byte) {
	b.Helper()
	e := Envelope{V: 1, Account: "main", Env: Sandbox, Owner: "executor-1", Epoch: 3, Cursors: map[string]uint64{"express": 430, "submit": 412}}
	for _, s := range samples(b) {
		if s.name != name {
			continue
		}
		for range n {
			ev, err := DecodeEvent(s.data)
			if err != nil {
				b.Fatal(err)
			}
			e.Events = append(e.Events, ev)
		}
	}
	data, err := Encode(e)
	if err != nil {
		b.Fatal(err)
	}
	return e, data
}

func BenchmarkEncodeEnvelope(b *testing.B) {
	for _, n := range []int{1, 15} {
		b.Run(fmt.Sprintf("%d_events", n), func(b *testing.B) {
			e, data := envelopeOf(b, "order.filled", n)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := Encode(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeEnvelope(b *testing.B) {
	for _, n := range []int{1, 15} {
		b.Run(fmt.Sprintf("%d_events", n), func(b *testing.B) {
			_, data := envelopeOf(b, "order.filled", n)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := DecodeEnvelope(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
