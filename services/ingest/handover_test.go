package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// TestHandOverLeavesNeitherGapNorRepeat lets two replicas follow main, one of which is killed, stopped for a while with all that it
// has in hand, or cut off from NATS or from the venue, at random and again and again. The feed is then the venue's journal:
// each status of each leg once and in order, each order's last state, nothing twice.
func TestHandOverLeavesNeitherGapNorRepeat(t *testing.T) {
	const rounds = 6
	for name, trouble := range map[string]func(s *storm, r *replica) *replica{
		"killed, and another started": func(s *storm, r *replica) *replica {
			r.kill()
			s.sleep(10 * time.Second)
			return s.replica()
		},
		"stopped and continued": func(s *storm, r *replica) *replica {
			venue, bus := r.venue.pause(), r.bus.pause()
			s.sleep(time.Duration(20+s.random.IntN(60)) * time.Second)
			venue()
			bus()
			return r
		},
		"cut off from NATS": func(s *storm, r *replica) *replica {
			r.bus.halve()
			s.sleep(time.Duration(5+s.random.IntN(60)) * time.Second)
			r.bus.cut()
			return r
		},
		"cut off from the venue": func(s *storm, r *replica) *replica {
			r.venue.set(true)
			r.venue.halve()
			s.sleep(time.Duration(5+s.random.IntN(120)) * time.Second)
			r.venue.set(false)
			return r
		},
		"replaced in order": func(s *storm, r *replica) *replica {
			next := s.replica()
			s.sleep(5 * time.Second)
			r.stop()
			return next
		},
	} {
		t.Run(name, func(t *testing.T) {
			inStorm(t, nil, func(s *storm) {
				r := s.replica()
				s.sleep(5 * time.Second)
				for range rounds {
					s.trade()
					if s.random.IntN(2) == 0 { // at times the other one knows of nothing either
						s.venue.CutSockets()
					}
					r = trouble(s, r)
					s.sleep(time.Duration(s.random.IntN(15_000)) * time.Millisecond)
				}
				s.pass(3 * time.Minute)
				f := s.compare("main")
				if f.wrong() != 0 || f.Legs < rounds/2 {
					t.Errorf("wrong, or little: %+v", f)
				}
			})
		})
	}
}

// inCalm is inStorm at a venue that settles without detours.
func inCalm(t *testing.T, test func(s *storm)) {
	inStorm(t, nil, func(s *storm) {
		s.venue.SetFaults(func(f *sandbox.Faults) { f.RetrySettlement.PerMille, f.FailSettlement.PerMille = 0, 0 })
		test(s)
	})
}

// away stops ingest while something happens.
func (s *storm) away(while func()) {
	s.stop()
	from := time.Now().UnixMicro()
	while()
	s.blind = append(s.blind, span{from, time.Now().UnixMicro()})
}

// TestFirstFrameAfterAnOutageHidesNothing: ingest is away for longer than readings overlap, trades are made, and the first thing
// that it hears when it is back is a new trade, before anything was read. What came before is told all the same, even when
// ingest falls again before it has read.
func TestFirstFrameAfterAnOutageHidesNothing(t *testing.T) {
	inCalm(t, func(s *storm) {
		yes := coin().Tokens[0]
		s.order("main", yes, polymarket.Buy, "0.52", "5", polymarket.GTC)
		s.pass(2 * time.Minute)
		s.away(func() {
			for range 3 {
				s.order("main", yes, polymarket.Buy, "0.52", "5", polymarket.GTC)
				s.pass(20 * time.Minute)
			}
		})
		s.tweak = func(v *life) { s.wire.put(v.feeds[0]) }
		s.wire.failReads(true)
		s.start()
		s.pass(10 * time.Second)
		s.order("main", yes, polymarket.Buy, "0.52", "5", polymarket.GTC)
		s.pass(10 * time.Minute)
		if f := s.compare("main"); f.Statuses < 6 || f.Lost != 9 {
			t.Fatalf("want the new trade told and the three of before not yet: %+v", f)
		}
		s.stop()
		s.wire.failReads(false)
		s.start()
		s.pass(2 * time.Minute)
		if f := s.compare("main"); f.wrong() != 0 {
			t.Errorf("wrong: %+v", f)
		}
	})
}

// TestWeekendOfOutageIsFilled: everything that was traded while ingest was away for three days is told when it is back.
func TestWeekendOfOutageIsFilled(t *testing.T) {
	inCalm(t, func(s *storm) {
		yes := coin().Tokens[0]
		s.order("main", yes, polymarket.Buy, "0.52", "5", polymarket.GTC)
		s.pass(time.Second)
		s.away(func() {
			s.order("main", yes, polymarket.Buy, "0.52", "5", polymarket.GTC)
			s.pass(72 * time.Hour)
		})
		s.start()
		s.pass(2 * time.Minute)
		if f := s.compare("main"); f.wrong() != 0 || f.Legs != 2 {
			t.Errorf("wrong: %+v", f)
		}
	})
}

// TestRolledBackFeedIsFilledAgain: the stored feed is wiped, or put back to an earlier state that then grew in another way, under a
// running ingest. It is soon what the venue says again: each status once.
func TestRolledBackFeedIsFilledAgain(t *testing.T) {
	for name, keep := range map[string]uint64{"wiped": 0, "restored from a copy": 4} {
		t.Run(name, func(t *testing.T) {
			inCalm(t, func(s *storm) {
				yes := coin().Tokens[0]
				for range 3 {
					s.order("main", yes, polymarket.Buy, "0.52", "5", polymarket.GTC)
					s.pass(20 * time.Second)
				}
				s.putBack(keep)
				s.pass(3 * time.Minute)
				// Of orders that have ended the venue keeps no list.
				if f := s.compare("main"); f.wrong() != f.OrdersLost || f.Legs < 3 {
					t.Errorf("wrong: %+v", f)
				}
			})
		})
	}
}

// putBack makes main's stream hold only its first messages, with others behind them so that sequences say nothing.
func (s *storm) putBack(keep uint64) {
	s.t.Helper()
	js := s.b.JetStream()
	st, err := js.Stream(s.t.Context(), msgs.AskStream("main"))
	if err != nil {
		s.t.Fatal(err)
	}
	last := st.CachedInfo().State.LastSeq
	var kept []*nats.Msg
	for seq := uint64(1); seq <= keep; seq++ {
		m, err := st.GetMsg(s.t.Context(), seq)
		if err != nil {
			s.t.Fatal(err)
		}
		kept = append(kept, &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data})
	}
	cfg := st.CachedInfo().Config
	if err := js.DeleteStream(s.t.Context(), cfg.Name); err != nil {
		s.t.Fatal(err)
	}
	if _, err := js.CreateStream(s.t.Context(), cfg); err != nil {
		s.t.Fatal(err)
	}
	for seq := range last + 5 {
		m := &nats.Msg{Subject: "cmd.order.main.cancel", Data: fmt.Appendf(nil, `{"client_order_id":"x-%d"}`, seq)}
		if seq < keep {
			m = kept[seq]
			for name := range m.Header {
				if strings.HasPrefix(name, "Nats-") {
					m.Header.Del(name)
				}
			}
		}
		if _, err := js.PublishMsg(s.t.Context(), m); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestOrdersOfAnEarlierKeyAreTheAccountsOwn: the account has a new API key when an order trades that was placed with the old one.
func TestOrdersOfAnEarlierKeyAreTheAccountsOwn(t *testing.T) {
	inStorm(t, nil, func(s *storm) {
		yes := coin().Tokens[0]
		maker := s.order("main", yes, polymarket.Buy, "0.51", "5", polymarket.GTC)
		s.pass(time.Second)
		s.stop()
		_, key := sandboxAccount(t, "main")
		clob := polymarket.CLOB{BaseURL: s.cfg.CLOB, HTTP: s.cfg.HTTP, ChainID: polygon, Key: key}
		creds, err := clob.CreateOrDeriveKey(s.t.Context(), 1) // another nonce, another key
		if err != nil {
			t.Fatal(err)
		}
		s.cfg.Accounts[0].Credentials = creds
		s.start()
		s.pass(5 * time.Second)
		s.order("second", yes, polymarket.Buy, "0.52", "400", polymarket.GTC)
		s.order("second", yes, polymarket.Sell, "0.51", "420", polymarket.GTC)
		s.pass(time.Minute)
		if got := s.statuses("main", maker); got[msgs.Matched] != 1 || got[msgs.Confirmed]+got[msgs.Failed] != 1 {
			t.Errorf("the fill of an order of the old key is told as %v", got)
		}
		if f := s.compare("main"); f.wrong() != 0 {
			t.Errorf("wrong: %+v", f)
		}
	})
}

// TestDeafSocketIsRenewed: a socket that answers every PING and says nothing is renewed when a reading has found what it
// should have said, long before its data are too old.
func TestDeafSocketIsRenewed(t *testing.T) {
	inStorm(t, nil, func(s *storm) {
		s.venue.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = true })
		before := s.life.feeds[0].heard.Load()
		s.order("main", coin().Tokens[0], polymarket.Buy, "0.52", "5", polymarket.GTC)
		s.pass(recheckEvery + 15*time.Second)
		if got := s.life.feeds[0].heard.Load(); got != before+1 {
			t.Errorf("connection %d is followed by %d", before, got)
		}
	})
}

// TestOneUnreadableTradeHoldsNothingElseBack: the venue lists a trade that cannot be read. The others are told, and the feed is not
// called whole.
func TestOneUnreadableTradeHoldsNothingElseBack(t *testing.T) {
	inCalm(t, func(s *storm) {
		s.wire.spoilTrades(true)
		s.order("main", coin().Tokens[0], polymarket.Buy, "0.52", "5", polymarket.GTC)
		s.venue.CutSockets()
		s.pass(2 * time.Minute)
		if f := s.compare("main"); f.wrong() != 0 || f.Legs != 1 {
			t.Errorf("wrong: %+v", f)
		}
		if s.svc.Ready() == nil {
			t.Error("a feed of which a trade cannot be read is called whole")
		}
		s.wire.spoilTrades(false)
		s.pass(2 * time.Minute)
		if err := s.svc.Ready(); err != nil {
			t.Errorf("still: %v", err)
		}
	})
}

// TestPurgeLeavesWhatASuccessorReads: ingest says below which sequence nothing is read again; when that is purged, a successor
// tells nothing twice.
func TestPurgeLeavesWhatASuccessorReads(t *testing.T) {
	inCalm(t, func(s *storm) {
		s.stop()
		patient := Profile{Name: "patient", Heartbeat: 25 * time.Second, DataTimeout: 5 * time.Hour, BaseDelay: time.Second} // hours cost little
		s.cfg.Profile, s.cfg.UserProfile = patient, patient
		s.start()
		for range 18 {
			s.order("main", coin().Tokens[0], polymarket.Buy, "0.52", "5", polymarket.GTC)
			s.pass(2 * time.Hour)
		}
		js := s.b.JetStream()
		at, err := s.life.readers.Positions(s.t.Context(), msgs.AskStream("main"))
		if err != nil {
			t.Fatal(err)
		}
		st, err := js.Stream(s.t.Context(), msgs.AskStream("main"))
		if err != nil {
			t.Fatal(err)
		}
		last := st.CachedInfo().State.LastSeq
		if at[readerName] == 0 || at[readerName] > last/2 {
			t.Fatalf("after 36 hours ingest needs what is behind %d of %d", at[readerName], last)
		}
		s.stop()
		before := len(s.trades("main"))
		if err := st.Purge(s.t.Context(), jetstream.WithPurgeSequence(at[readerName]+1)); err != nil {
			t.Fatal(err)
		}
		gone := before - len(s.trades("main"))
		s.start()
		s.pass(3 * time.Minute)
		if after := len(s.trades("main")); gone == 0 || after != before-gone {
			t.Errorf("%d events, %d purged, then %d", before, gone, after)
		}
	})
}
