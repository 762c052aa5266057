package executor

import (
	"fmt"
	"testing"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// openAlready is how many orders rest in the core of BenchmarkSubmit.
const openAlready = 1000

// BenchmarkSubmit decides and applies plain GTC purchases on a core in which a thousand orders rest: what the actor's loop
// does between reading a submit and writing its event, the writing apart.
func BenchmarkSubmit(b *testing.B) {
	caps := Caps{Order: 1000 * money.Unit, Market: 1e6 * money.Unit, Day: 1e7 * money.Unit, OpenOrders: 10 * openAlready}
	for _, c := range []struct {
		name string
		caps Caps
	}{{"without_caps", Caps{}}, {"with_caps", caps}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var s *bench
			var asked []*Asked
			for b.Loop() {
				if len(asked) == 0 {
					b.StopTimer()
					s, asked = atWork(b, c.caps)
					b.StartTimer()
				}
				d := s.core.Decide(s.now, asked[0])
				if len(d.Deeds) != 1 {
					b.Fatalf("%d deeds", len(d.Deeds))
				}
				e := d.Events[0]
				s.n++
				h := msgs.HeadOf(e)
				h.V, h.Account, h.Env, h.N, h.AtMS = 1, "main", msgs.Sandbox, s.n, s.now.UnixMilli()
				s.core.Apply(e)
				asked = asked[1:]
			}
		})
	}
}

// atWork is a core in which openAlready orders rest, and a tenth as many submits to be decided.
func atWork(b *testing.B, caps Caps) (*bench, []*Asked) {
	s := newBench(b, Rules{Caps: caps})
	m := realMarket()
	facts := NewFacts(m)
	ask := func(i int) *Asked {
		a := s.command(msgs.VerbSubmit, fmt.Sprintf(`{"client_order_id":"mm1-%08d","token_id":"%s","side":"BUY","type":"GTC","price":"0.%02d","size":"100","sent_ms":%d}`,
			i, m.Tokens[0].TokenID, 10+i%80, s.now.UnixMilli()))
		a.Facts = facts
		return a
	}
	for i := range openAlready {
		d := s.tell(ask(i))
		if len(d.Deeds) != 1 {
			b.Fatalf("submit %d: %v", i, d.Events)
		}
		in := d.Deeds[0].(Post).Intent
		order := orderOf(&in)
		order.State = msgs.Open
		s.record(&msgs.OrderAccepted{Head: msgs.Head{Type: msgs.KindAccepted, CmdSeq: s.seq}, Order: order, VenueStatus: "live"})
	}
	asked := make([]*Asked, openAlready/10)
	for i := range asked {
		asked[i] = ask(openAlready + i)
	}
	return s, asked
}

// realMarket is a market whose ids are as long as the venue's, with the venue's usual fee.
func realMarket() *Market {
	token := msgs.TokenID("71321045679252212594626385532706912750332728571942532289631379312455583992563")
	fee := money.Price(70_000)
	return &Market{msgs.Market{V: 1, ConditionID: msgs.ConditionID(named("condition real")), Slug: "real", TickSize: "0.01", MinSize: 5 * money.Unit, Domain: "2",
		Accepting: true, AtMS: began().UnixMilli(), FeeRate: &fee, FeeExponent: 1, Tokens: []msgs.MarketToken{{TokenID: token, Outcome: "Yes"}}}}
}
