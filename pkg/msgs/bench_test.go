package msgs

import (
	"encoding/json"
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

// BenchmarkAppendEvent writes the event on the way of every order, by hand and by encoding/json.
func BenchmarkAppendEvent(b *testing.B) {
	e := intentWritten(b)
	b.Run("by_hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := AppendEvent(nil, e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by_json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(e); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// intentWritten is an order.submitting of a plain limit order.
func intentWritten(b *testing.B) Event {
	b.Helper()
	for _, s := range samples(b) {
		if s.name != "order.submitting" {
			continue
		}
		e, err := DecodeEvent(s.data)
		if err != nil {
			b.Fatal(err)
		}
		one := e.(*OrderSubmitting)
		one.Orders = one.Orders[:1]
		one.Orders[0].Meta = nil
		if _, quick := appendQuick(nil, e); !quick {
			b.Fatalf("%s is not written by hand", s.data)
		}
		return e
	}
	b.Fatal("no sample of order.submitting")
	return nil
}
