package ledger

import (
	"testing"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

const (
	whole = money.Unit
	yes   = msgs.TokenID("11")
)

// plot is a story that a test tells word by word.
func plot() *story {
	s := &story{tale: tale{wallet: map[Asset]int64{}, held: map[Asset]int64{}}}
	s.mine("0xfunds", transfer(Cash, zeroAddress, ourWallet, 1000*whole), transfer("11", zeroAddress, ourWallet, 500*whole))
	s.event(&msgs.OrderOwner{Incarnation: "A"}, msgs.KindOwner)
	return s
}

// placed is an order whose intent is on the log.
func (s *story) placed(id string, side msgs.Side, kind msgs.OrderType, price money.Price, size money.Size) msgs.Order {
	o := msgs.Order{ClientOrderID: msgs.ClientOrderID(id), OrderID: msgs.OrderID("0x" + id), TokenID: yes, Side: side, OrderType: kind, Price: price, Size: size,
		Remaining: size, State: msgs.Open}
	s.event(&msgs.OrderSubmitting{Orders: []msgs.Intent{{ClientOrderID: o.ClientOrderID, OrderID: o.OrderID, TokenID: yes, Side: side, OrderType: kind,
		Price: price, Size: size, MakerAmount: int64(cost(size, price, money.Up))}}}, msgs.KindSubmitting)
	return o
}

// leg is the venue's word about a trade of an order.
func (s *story) word(o msgs.Order, trade string, price money.Price, size money.Size, status msgs.TradeStatus, hash msgs.TxHash) {
	s.trade(&msgs.FeedTrade{V: 1, Account: "main", Env: msgs.Sandbox, TradeID: msgs.TradeID(trade), Status: status, TxHash: hash,
		Legs: msgs.List[msgs.FeedLeg]{{OrderID: o.OrderID, TokenID: yes, Side: o.Side, Price: price, Size: size, Role: msgs.Taker}}})
}

// told is the executor's word about a fill.
func (s *story) fillTold(o msgs.Order, trade string, price money.Price, size money.Size) {
	s.event(&msgs.OrderFilled{Order: o, Fill: &msgs.Fill{TradeID: msgs.TradeID(trade), Price: price, Size: size, Role: msgs.Taker}}, msgs.KindFilled)
}

// settles mines the settlement of a trade.
func (s *story) settles(o msgs.Order, hash msgs.TxHash, price money.Price, size money.Size, fee int64) {
	paid := int64(cost(size, price, money.Up))
	fill := Log{Fill: &Fill{Order: o.OrderID, Wallet: ourWallet, Token: yes, Side: o.Side, Size: size, Cash: money.Cash(paid), Fee: money.Cash(fee)}}
	if o.Side == msgs.Buy {
		s.mine(hash, fill, transfer(Cash, ourWallet, exchange, paid+fee), transfer("11", exchange, ourWallet, int64(size)))
	} else {
		s.mine(hash, fill, transfer("11", ourWallet, exchange, int64(size)), transfer(Cash, exchange, ourWallet, paid-fee))
	}
}

// What the venue may do although it seems impossible is booked, and the books survive a restart after every single word.
// The words come in the order in which they are written here.
func TestOddLivesAreBookedAndSurviveRestarts(t *testing.T) {
	for name, live := range map[string]func(s *story){
		"fill after cancel": func(s *story) {
			o := s.placed("a", msgs.Buy, msgs.GTC, 500_000, 100*whole)
			o.State, o.Final = msgs.Cancelled, true
			s.event(&msgs.OrderCancelled{Order: o, Reason: msgs.Requested}, msgs.KindCancelled)
			s.word(o, "t", 500_000, 40*whole, msgs.Matched, "")
			o.Filled, o.Late = 40*whole, true
			s.fillTold(o, "t", 500_000, 40*whole)
			s.settles(o, "0x1", 500_000, 40*whole, 0)
			s.word(o, "t", 500_000, 40*whole, msgs.Confirmed, "0x1")
		},
		"over-fill of a FAK by size": func(s *story) {
			o := s.placed("a", msgs.Buy, msgs.FAK, 500_000, 10*whole)
			s.word(o, "t", 400_000, 12_500_000, msgs.Matched, "")
			o.State, o.Final, o.Filled = msgs.Filled, true, 12_500_000
			s.fillTold(o, "t", 400_000, 12_500_000)
			s.settles(o, "0x1", 400_000, 12_500_000, 0)
			s.word(o, "t", 400_000, 12_500_000, msgs.Confirmed, "0x1")
		},
		"FAILED after the shares were sold": func(s *story) {
			b := s.placed("b", msgs.Buy, msgs.GTC, 500_000, 10*whole)
			s.word(b, "t1", 500_000, 10*whole, msgs.Matched, "")
			c := s.placed("c", msgs.Sell, msgs.GTC, 600_000, 10*whole)
			s.word(c, "t2", 600_000, 10*whole, msgs.Matched, "")
			s.settles(c, "0x2", 600_000, 10*whole, 0)
			s.word(c, "t2", 600_000, 10*whole, msgs.Confirmed, "0x2")
			s.word(b, "t1", 500_000, 10*whole, msgs.Failed, "")
			for _, o := range []msgs.Order{b, c} {
				o.Filled, o.State, o.Final = 10*whole, msgs.Filled, true
				s.event(&msgs.OrderSettlementFailed{Order: o}, msgs.KindSettlementFailed)
			}
		},
		"trade before its POST's answer": func(s *story) {
			o := s.placed("a", msgs.Sell, msgs.GTC, 500_000, 20*whole)
			s.word(o, "t", 500_000, 20*whole, msgs.Matched, "")
			s.settles(o, "0x1", 500_000, 20*whole, 1000)
			s.word(o, "t", 500_000, 20*whole, msgs.Confirmed, "0x1")
			o.State = msgs.Open
			s.event(&msgs.OrderAccepted{Order: o, VenueStatus: "live"}, msgs.KindAccepted)
			o.Filled, o.State, o.Final = 20*whole, msgs.Filled, true
			s.fillTold(o, "t", 500_000, 20*whole)
		},
		"trade of an order placed in the web page": func(s *story) {
			o := msgs.Order{OrderID: "0xweb", TokenID: yes, Side: msgs.Buy, Price: 300_000, Size: 50 * whole, Remaining: 30 * whole, Filled: 20 * whole, State: msgs.Open}
			s.settles(o, "0x1", 300_000, 20*whole, 0)
			s.word(o, "t", 300_000, 20*whole, "MINED", "0x1")
			s.event(&msgs.OrderForeign{Order: o}, msgs.KindForeign)
			s.held[Cash] = 9 * whole
		},
		"retried under another hash": func(s *story) {
			o := s.placed("a", msgs.Buy, msgs.GTC, 500_000, 20*whole)
			s.word(o, "t", 500_000, 20*whole, msgs.Matched, "0xdead")
			s.word(o, "t", 500_000, 20*whole, msgs.Retrying, "0xdead")
			s.settles(o, "0x1", 500_000, 20*whole, 0)
			s.word(o, "t", 500_000, 20*whole, "MINED", "0x1")
			o.Filled, o.State, o.Final = 20*whole, msgs.Filled, true
			s.fillTold(o, "t", 500_000, 20*whole)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				s := plot()
				live(s)
				for _, in := range s.all {
					w.tell(in)
					l := w.start(nil)
					time.Sleep(2 * time.Second)
					w.b.Wait()
					l.end()
				}
				l := w.start(nil)
				time.Sleep(2 * time.Second)
				w.b.Wait()
				w.equals(s)
				w.once()
				l.end()
			})
		})
	}
}

// What was sold and not settled cannot be sold again; what was bought and not settled cannot be spent.
func TestUnsettledReceiptsAreNeverAvailable(t *testing.T) {
	s := plot()
	b := s.placed("b", msgs.Buy, msgs.GTC, 500_000, 10*whole)
	s.word(b, "t1", 500_000, 4*whole, msgs.Matched, "")
	c := s.placed("c", msgs.Sell, msgs.GTC, 600_000, 10*whole)
	s.word(c, "t2", 600_000, 6*whole, msgs.Matched, "")
	j := s.lived(t)
	cash, shares := j.Balances()[Cash], j.Balances()["11"]
	if want := (Balance{Total: 1000 * whole, Held: 3 * whole, Out: 2 * whole, In: 3_600_000}); cash != want || cash.Available() != 995*whole {
		t.Errorf("cash %+v, available %d", cash, cash.Available())
	}
	if want := (Balance{Total: 500 * whole, Held: 4 * whole, Out: 6 * whole, In: 4 * whole}); shares != want || shares.Available() != 490*whole {
		t.Errorf("shares %+v, available %d", shares, shares.Available())
	}
	if p := j.Positions(); len(p) != 1 || p[0].Available != 490*whole || p[0].UnsettledIn != 4*whole || p[0].UnsettledOut != 6*whole {
		t.Errorf("positions %+v", p)
	}
	if h := j.Holds(); len(h) != 2 || h[1].Amount != 3*whole || h[1].Asset != "pUSD" || h[1].Ref.ClientOrderID != "b" || h[0].TokenID != yes || h[0].Amount != 4*whole {
		t.Errorf("holds %+v", h)
	}
}

// lived tells a plot to a journal.
func (s *story) lived(t *testing.T) *Journal {
	t.Helper()
	j, sh := NewJournal(termsOf("main")), &shelf{keys: map[string]bool{}}
	for i, in := range s.all {
		sh.tell(t, j, int64(i), in)
	}
	s.shelf = sh
	return j
}

// reports are the comparisons that were made.
func (sh *shelf) reports() (out []Report) {
	for _, e := range sh.entries {
		out = append(out, e.Reports...)
	}
	return out
}

// A fee that the chain shows and the feed has not told explains itself; one millionth is rounding; more is not explained.
func TestSettlementsAreComparedWithTheirTrades(t *testing.T) {
	for name, c := range map[string]struct {
		price       money.Price
		fee         int64
		match       bool
		off         money.Cash
		explanation string
	}{
		"exact":    {500_000, 0, true, 0, ""},
		"fee":      {500_000, 50_000, true, 50_000, "fee"},
		"rounding": {500_000, 1, true, 1, "rounding"},
		"price":    {510_000, 0, false, 200_000, "not explained: compare the trade with its transaction"},
	} {
		t.Run(name, func(t *testing.T) {
			s := plot()
			o := s.placed("a", msgs.Buy, msgs.GTC, 500_000, 20*whole)
			s.word(o, "t", 500_000, 20*whole, msgs.Matched, "")
			s.settles(o, "0x1", c.price, 20*whole, c.fee)
			s.word(o, "t", 500_000, 20*whole, msgs.Confirmed, "0x1")
			s.lived(t)
			r := s.shelf.reports()
			if len(r) != 2 || r[0].Asset != "11" || !r[0].Match || r[0].Actual != 20*whole {
				t.Fatalf("reports %+v", r)
			}
			if r := r[1]; r.Asset != Cash || r.Match != c.match || r.Discrepancy != c.off || r.Explanation != c.explanation || r.Expected != -10*whole ||
				r.Ref != (msgs.Ref{ClientOrderID: "a", OrderID: "0xa", TradeID: "t", TxHash: "0x1"}) {
				t.Errorf("report %+v", r)
			}
		})
	}
}

// What does not come is reported once, after two minutes; a contradiction at once.
func TestWhatDoesNotAgreeIsReported(t *testing.T) {
	buy := func(s *story) msgs.Order {
		o := s.placed("a", msgs.Buy, msgs.GTC, 500_000, 20*whole)
		s.word(o, "t", 500_000, 20*whole, msgs.Matched, "")
		return o
	}
	for name, c := range map[string]struct {
		live     func(s *story)
		subject  string
		expected money.Cash
		actual   money.Cash
	}{
		"never settled":      {func(s *story) { buy(s) }, "trade", -10 * whole, 0},
		"nobody explains it": {func(s *story) { s.settles(msgs.Order{OrderID: "0xq", Side: msgs.Sell}, "0x1", 500_000, 2*whole, 0) }, "transaction", 0, whole},
		"half of it explained": {func(s *story) {
			o := buy(s)
			s.settles(o, "0x1", 500_000, 30*whole, 0)
			s.word(o, "t", 500_000, 20*whole, "MINED", "0x1")
		}, "transaction", -10 * whole, -15 * whole},
		"FAILED after it settled": {func(s *story) {
			o := buy(s)
			s.settles(o, "0x1", 500_000, 20*whole, 0)
			s.word(o, "t", 500_000, 20*whole, msgs.Confirmed, "0x1")
			s.word(o, "t", 500_000, 20*whole, msgs.Failed, "")
		}, "trade", 0, -10 * whole},
		"more than can be counted": {func(s *story) {
			s.mine("0x9", transfer("666", someone, exchange, 5))
			s.chain = s.chain[:len(s.chain)-1]
			s.all[len(s.all)-1] = Mined{Chain: "C", Tx: Tx{Seq: 9, Hash: "0x9", Logs: []Log{transfer("666", someone, ourWallet, -1), transfer("667", someone, ourWallet, 7)}}}
		}, "transfer", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := plot()
			c.live(s)
			j := s.lived(t)
			for now := int64(1000); now < 10*lateMS; now += 1000 {
				s.shelf.tell(t, j, now, Ticked{})
			}
			var odd []Report
			for _, r := range s.shelf.reports() {
				if !r.Match {
					odd = append(odd, r)
				}
			}
			if len(odd) != 1 || odd[0].Subject != c.subject || odd[0].Expected != c.expected || odd[0].Actual != c.actual || odd[0].Explanation == "" {
				t.Errorf("reports %+v", odd)
			}
			if name == "more than can be counted" && j.Balances()["667"].Total != 7 {
				t.Errorf("what came with it was not booked: %+v", j.Balances())
			}
		})
	}
}

// The venue starts again, and its first trade is heard before its chain's first transaction: the trade settles on the new
// chain, and nobody calls it failed. A trade of the old chain never settles; what it holds is let go of, and not reported.
func TestTradeHeardBeforeTheNewChainSettlesOnIt(t *testing.T) {
	s := plot()
	old, fresh := s.placed("a", msgs.Buy, msgs.GTC, 500_000, 20*whole), s.placed("b", msgs.Buy, msgs.GTC, 500_000, 10*whole)
	s.word(old, "t1", 500_000, 20*whole, msgs.Matched, "")
	s.word(fresh, "t2", 500_000, 10*whole, msgs.Matched, "")
	j := s.lived(t)
	mine := func(hash msgs.TxHash, logs ...Log) {
		s.mine(hash, logs...)
		last := s.chain[len(s.chain)-1].(Mined)
		last.Chain = "D"
		last.Tx.Seq = uint64(len(s.chain) - 1)
		s.shelf.tell(t, j, 100, last)
	}
	mine("0xfunds", transfer(Cash, zeroAddress, ourWallet, 1000*whole))
	if b := j.Balances()[Cash]; b.Total != 1000*whole || b.Out != 15*whole {
		t.Errorf("on the new chain: %+v, want both purchases still leaving", b)
	}
	mine("0x1", Log{Fill: &Fill{Order: fresh.OrderID, Wallet: ourWallet, Token: yes, Side: msgs.Buy, Size: 10 * whole, Cash: 5 * whole}},
		transfer(Cash, ourWallet, exchange, 5*whole), transfer("11", exchange, ourWallet, 10*whole))
	s.word(fresh, "t2", 500_000, 10*whole, msgs.Confirmed, "0x1")
	s.shelf.tell(t, j, 101, s.all[len(s.all)-1])
	if b := j.Balances()[Cash]; b.Total != 995*whole || b.Out != 10*whole {
		t.Errorf("settled: %+v, want the old chain's purchase still leaving", b)
	}
	for now := int64(1000); now < 3*lateMS; now += 1000 {
		s.shelf.tell(t, j, now, Ticked{})
	}
	if b := j.Balances()[Cash]; b.Total != 995*whole || b.Available() != 995*whole {
		t.Errorf("later: %+v, want nothing leaving", b)
	}
	for _, r := range s.shelf.reports() {
		if !r.Match {
			t.Errorf("reported: %+v", r)
		}
	}
}

// fees are what an order of plot can be charged, as the executor writes it.
func (s *story) fees(room money.Cash) {
	s.all[len(s.all)-1].(Ordered).Event.(*msgs.OrderSubmitting).Orders[0].FeeRoom = room
}

// The fee of a purchase is held from its intent on, goes with the part that was matched, and ends with the fee that the
// chain shows; an order that rests pays none. Whether the feed or the log is read first makes no difference.
func TestFeeOfAPurchaseIsHeldUntilItSettles(t *testing.T) {
	for name, feedFirst := range map[string]bool{"the log first": false, "the feed first": true} {
		t.Run(name, func(t *testing.T) {
			s := plot()
			o := s.placed("a", msgs.Buy, msgs.GTC, 500_000, 10*whole)
			s.fees(175_000)
			s.word(o, "t", 400_000, 4*whole, msgs.Matched, "")
			o.State = msgs.Open
			s.event(&msgs.OrderAccepted{Order: o, VenueStatus: "matched"}, msgs.KindAccepted)
			s.settles(o, "0x1", 400_000, 4*whole, 67_200)
			s.word(o, "t", 400_000, 4*whole, msgs.Confirmed, "0x1")
			if feedFirst {
				s.all[2], s.all[3] = s.all[3], s.all[2]
			}
			j, sh := NewJournal(termsOf("main")), &shelf{keys: map[string]bool{}}
			is := func(when string, held, out, total int64) {
				t.Helper()
				if b := j.Balances()[Cash]; b.Held != held || b.Out != out || b.Total != total {
					t.Errorf("%s: %+v, want held %d, out %d, total %d", when, b, held, out, total)
				}
			}
			for i, in := range s.all {
				sh.tell(t, j, int64(i), in)
				switch {
				case i == 2 && !feedFirst:
					is("about to leave", 5*whole+175_000, 0, 1000*whole)
				case i == 3:
					is("4 of 10 taken", 3*whole+105_000, 1_600_000+70_000, 1000*whole)
				}
			}
			is("settled", 3*whole+105_000, 0, 1000*whole-1_667_200)
			for now := int64(1000); now < 2*lateMS; now += 1000 {
				sh.tell(t, j, now, Ticked{})
			}
			is("the rest of it rests", 3*whole, 0, 1000*whole-1_667_200)
		})
	}
	s := plot()
	o := s.placed("r", msgs.Buy, msgs.GTC, 500_000, 10*whole)
	s.fees(175_000)
	s.event(&msgs.OrderAccepted{Order: o, VenueStatus: "live"}, msgs.KindAccepted)
	if b := s.lived(t).Balances()[Cash]; b.Held != 5*whole {
		t.Errorf("an order that rests holds %d", b.Held)
	}
	s = plot()
	o = s.placed("f", msgs.Buy, msgs.FAK, 500_000, 10*whole)
	s.fees(350_000)
	s.word(o, "t", 250_000, 10*whole, msgs.Matched, "")
	if b := s.lived(t).Balances()[Cash]; b.Held != 2_500_000+175_000 || b.Out != 2_500_000+175_000 {
		t.Errorf("of an order by cash, half of it matched: %+v", b)
	}
}

// What is over is let go of, and is known all the same when it comes again days later: the database knows its key.
func TestOldWordsAreNoNews(t *testing.T) {
	s := newTale(21, 30)
	j, sh := NewJournal(termsOf("main")), &shelf{keys: map[string]bool{}}
	for _, part := range [][]Input{s.orders, s.chain, s.trades} {
		for _, in := range part {
			sh.tell(t, j, 1000, in)
		}
	}
	const days = 3 * 24 * 60 * 60 * 1000
	s.mine("0xlast", transfer(Cash, someone, ourWallet, 1))
	sh.tell(t, j, days, s.chain[len(s.chain)-1])
	if len(j.legs) != 0 || len(j.txs) > 1 || len(j.byHash) != 0 {
		t.Errorf("%d legs, %d transactions, %d hashes are still kept", len(j.legs), len(j.txs), len(j.byHash))
	}
	for _, o := range j.orders {
		if o.Closed {
			t.Errorf("order %s is kept", o.ID)
		}
	}
	wallet, held, _ := figures(j)
	entries := len(sh.entries)
	for _, part := range [][]Input{s.chain, s.trades} {
		for _, in := range part {
			if m, ok := in.(Mined); ok {
				j.At.ChainSeq = m.Tx.Seq - 1 // as if the position were lost
			}
			sh.tell(t, j, days+1, in)
		}
	}
	again, held2, moving := figures(j)
	if len(sh.entries) != entries || !same(wallet, again) || !same(held, held2) || len(moving) > 0 {
		t.Errorf("%d entries were made of old words", len(sh.entries)-entries)
	}
}
