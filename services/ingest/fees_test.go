package ingest

import (
	"encoding/json"
	"testing"
	"time"

	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// A fact bears the fees of its market once the venue has told them, none at all included; where it does not tell, the fact
// says nothing, and the venue is asked again.
func TestFactsBearTheFeesOfTheirMarkets(t *testing.T) {
	inCatalogue(t, func(t *testing.T, b *actortest.Bubble, l *listing, k *catalogue, _ *[][]token) {
		dear, free, silent := l.market(0, true), l.market(1, true), l.market(2, true)
		l.terms(dear, `{"r":0.0700001,"e":1,"to":true}`)
		l.terms(free, "")
		if err := k.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		read := func() (out []msgs.Market) {
			for _, id := range []string{dear, free, silent} {
				s, err := k.js.Stream(t.Context(), msgs.MarketStream)
				if err != nil {
					t.Fatal(err)
				}
				m, err := s.GetLastMsgForSubject(t.Context(), msgs.MDSubject(venue, "market", id))
				if err != nil {
					t.Fatal(err)
				}
				var f msgs.Market
				if err := json.Unmarshal(m.Data, &f); err != nil {
					t.Fatal(err)
				}
				out = append(out, f)
			}
			return out
		}
		for range 5 {
			k.readFees(t.Context())
		}
		for range 2 {
			f := read()
			if f[0].FeeRate == nil || *f[0].FeeRate != 70_001 || f[0].FeeExponent != 1 || f[1].FeeRate == nil || *f[1].FeeRate != 0 || f[2].FeeRate != nil {
				t.Errorf("facts %+v", f)
			}
			if err := k.refresh(t.Context()); err != nil { // what is known stays
				t.Fatal(err)
			}
		}
		l.terms(silent, `{"r":0.04,"e":2}`)
		time.Sleep(feesRetry + time.Second)
		k.readFees(t.Context())
		if f := read()[2]; f.FeeRate == nil || *f.FeeRate != 40_000 || f.FeeExponent != 2 {
			t.Errorf("asked again: %+v", f)
		}
		if id := k.unpriced(time.Now()); id != "" {
			t.Errorf("%s is asked for again at once", id)
		}
	})
}
