package flow

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
	"sluice/services/ledger"
)

// startLedger keeps the books of every account of the plant.
func (p *plant) startLedger() *run {
	p.t.Helper()
	r := &run{name: "ledger", Process: p.b.Process("ledger", p.pipe)}
	if p.books == "" {
		p.books = filepath.Join(p.t.TempDir(), "ledger.db")
	}
	cfg := ledger.Config{Env: msgs.Sandbox, Owner: "ledger", NATS: r.NATS(), Path: p.books, Transfers: ledger.SandboxTransfers("http://venue", p.pipe.Client()),
		Log: p.logger("ledger")}
	for _, name := range p.cfg.accounts {
		cfg.Accounts = append(cfg.Accounts, ledger.Account{Name: msgs.Account(name), Wallet: identityOf(p.t, name).Funder})
	}
	s, err := ledger.New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	r.ready = s.Ready
	r.Start(s.Run)
	return r
}

// balances is what the ledger says of an account.
func (p *plant) balances(account string) msgs.BalancesAnswer {
	p.t.Helper()
	var a msgs.BalancesAnswer
	r, err := p.b.NATS().Request(msgs.SvcSubject("ledger", msgs.Account(account), "balances"), nil, patience)
	if err == nil {
		err = json.Unmarshal(r.Data, &a)
	}
	if err != nil {
		p.t.Fatalf("balances of %s: %v", account, err)
	}
	return a
}

// balance holds the books against the venue when everything has settled: tolerance 0.
func (p *plant) balance() {
	p.t.Helper()
	if p.ledger.Over() {
		return
	}
	for _, name := range p.cfg.accounts {
		want, a := p.venue.Holdings(identityOf(p.t, name).Funder), p.balances(name)
		got := map[string]int64{a.Cash.Asset: int64(a.Cash.Total)}
		for _, x := range a.Positions {
			got[string(x.TokenID)] = int64(x.Total)
		}
		for asset, n := range want {
			if got[asset] != n {
				p.t.Errorf("%s: the ledger has %s of %s, the venue %s", name, money.Cash(got[asset]), asset, money.Cash(n))
			}
		}
		want, got = p.needed(name), map[string]int64{a.Cash.Asset: int64(a.Cash.Held)}
		for _, x := range a.Positions {
			got[string(x.TokenID)] = int64(x.Held)
		}
		for asset, n := range got {
			if want[asset] != n && len(p.want) == 0 { // what a broken run tells is not what rests
				p.t.Errorf("%s: the ledger holds %s of %s, and what rests at the venue needs %s", name, money.Cash(n), asset, money.Cash(want[asset]))
			}
		}
		if a.Cash.UnsettledIn != 0 || a.Cash.UnsettledOut != 0 {
			p.t.Errorf("%s: %s coming and %s leaving are still not settled", name, a.Cash.UnsettledIn, a.Cash.UnsettledOut)
		}
		for _, e := range p.booked(name) {
			if e.Type == string(msgs.KindDiscrepancy) {
				p.t.Errorf("%s: %s", name, e.raw)
			}
		}
	}
}

// booked is every event of an account's ledger, in order.
func (p *plant) booked(account string) []event {
	p.t.Helper()
	p.log(account)
	return p.logs[account].books
}

// needed is what the open orders of an account can still take at the venue.
func (p *plant) needed(account string) map[string]int64 {
	p.t.Helper()
	out := map[string]int64{}
	for _, o := range p.open(account) {
		if o.Side == polymarket.Sell {
			out[o.AssetID] += int64(o.Remaining())
			continue
		}
		c, err := money.Cost(o.Remaining(), o.Price, money.Up)
		if err != nil {
			p.t.Fatal(err)
		}
		out["pUSD"] += int64(c)
	}
	return out
}

// TestLedgerFollowsAnOrder: what an order holds while it rests, what is leaving and coming while it settles, and what is
// left, with the events that tell it; the same after the ledger has fallen in between.
func TestLedgerFollowsAnOrder(t *testing.T) {
	inPlant(t, setup{sandbox: sandbox.Config{MineAfter: time.Second, ConfirmAfter: 2 * time.Second, FeeRates: map[string]int64{coin: 70_000}}}, func(p *plant) {
		fall := func() {
			p.ledger.Kill()
			p.ledger = p.startLedger()
			p.until("the ledger answers", func() bool { return p.ledger.ready() == nil })
			p.pass(step)
		}
		cash := func() string {
			c := p.balances("main").Cash
			return fmt.Sprintf("%s held %s out %s in %s available %s", c.Total, c.Held, c.UnsettledOut, c.UnsettledIn, c.Available)
		}
		yes := func() (x msgs.Position) {
			for _, x := range p.balances("main").Positions {
				if string(x.TokenID) == market(t, coin).Tokens[0] {
					return x
				}
			}
			return x
		}
		is := func(want string) {
			t.Helper()
			fall()
			if got := cash(); got != want {
				t.Errorf("cash %s\nwant %s", got, want)
			}
		}
		is("100000 held 0 out 0 in 0 available 100000")
		p.submit("rests", "BUY", "GTC", "0.20", "10")
		p.is("rests", "open")
		is("100000 held 2 out 0 in 0 available 99998")
		p.submit("takes", "BUY", "GTC", "0.52", "10")
		p.has("takes", "filled:10.")
		// Beside its price the worst fee is leaving: 10 × 0.07 × 0.5 × 0.5.
		is("100000 held 2 out 5.375 in 0 available 99992.625")
		if x := yes(); x.Total != 10000*money.Unit || x.UnsettledIn != 10*money.Unit || x.Available != 10000*money.Unit || x.Outcome != "Yes" {
			t.Errorf("while it settles: %+v", x)
		}
		p.pass(rest)
		// The fee is 10 × 0.07 × 0.52 × 0.48; the chain shows it and the feed does not.
		is("99994.62528 held 2 out 0 in 0 available 99992.62528")
		if x := yes(); x.Total != 10010*money.Unit || x.UnsettledIn != 0 || x.AvgPrice != 520_000 {
			t.Errorf("settled: %+v", x)
		}
		var changes []string
		for _, e := range p.booked("main") {
			var b msgs.LedgerBalance
			if err := json.Unmarshal(e.raw, &b); err != nil {
				t.Fatal(err)
			}
			if e.Type == string(msgs.KindBalance) && b.Reason != "minted" {
				changes = append(changes, fmt.Sprintf("%s %s %s", b.Reason, b.Change, b.Ref.ClientOrderID))
			}
			if e.Type == string(msgs.KindReconciled) {
				var r msgs.LedgerReconciled
				if err := json.Unmarshal(e.raw, &r); err != nil {
					t.Fatal(err)
				}
				changes = append(changes, fmt.Sprintf("%s %v %s %s", r.Subject, r.Match, r.Discrepancy, r.Explanation))
			}
		}
		if got := strings.Join(changes, "; "); got != "order.settled 10 takes; order.settled -5.37472 takes; trade true 0 ; trade true 0.17472 fee" {
			t.Errorf("told: %s", got)
		}
	})
}

// TestAvailableIsNeverMoreThanTheVenueHas: where fees are charged, what the books call available is at no moment more than
// the venue would let an order take, from before an order leaves until it has settled.
func TestAvailableIsNeverMoreThanTheVenueHas(t *testing.T) {
	inPlant(t, setup{sandbox: sandbox.Config{MineAfter: time.Second, ConfirmAfter: 2 * time.Second, FeeRates: map[string]int64{coin: 70_000}}}, func(p *plant) {
		closest := int64(1 << 62)
		for i, o := range []struct{ side, kind, price, size string }{
			{"BUY", "GTC", "0.20", "10"}, {"BUY", "GTC", "0.60", "10"}, {"BUY", "FAK", "0.90", "25"}, {"SELL", "GTC", "0.40", "25"}, {"BUY", "FOK", "0.60", "5"}, {"BUY", "GTC", "0.55", "4000"},
		} {
			p.submit(fmt.Sprint("o", i), o.side, o.kind, o.price, o.size)
			for _, later := range []time.Duration{0, step, 2 * step, 4 * step, 500 * time.Millisecond, 500 * time.Millisecond, time.Second, time.Second} {
				p.pass(later) // few enough questions that the venue's limit on new keys is kept
				free := p.venue.Holdings(identityOf(t, "main").Funder)["pUSD"] - p.needed("main")["pUSD"]
				closest = min(closest, free-int64(p.balances("main").Cash.Available))
			}
		}
		if closest < 0 {
			t.Errorf("the books called %s more available than the venue would take", money.Cash(-closest))
		}
		p.pass(3 * time.Minute) // what is left of the last one rests by then
		if a := p.balances("main").Cash; int64(a.Available) != p.venue.Holdings(identityOf(t, "main").Funder)["pUSD"]-p.needed("main")["pUSD"] {
			t.Errorf("at rest %s is available, which is not what the venue has", a.Available)
		}
	})
}

// TestFailedAfterTheSharesWereSold: shares that a trade has brought are sold before it settles, and it fails. The sale
// stands, the purchase is taken back, and nothing stays unsettled.
func TestFailedAfterTheSharesWereSold(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.FailSettlement.Next = 1 })
		p.submit("buys", "BUY", "GTC", "0.52", "10")
		p.has("buys", "filled:10.")
		p.submit("sells", "SELL", "GTC", "0.51", "10")
		p.has("sells", "settled.")
		p.has("buys", "settlement_failed")
		p.ledger.Kill()
		p.ledger = p.startLedger()
		p.pass(rest)
		if c := p.balances("main").Cash; c.Total != 100_005_100_000 || c.Available != c.Total {
			t.Errorf("cash %+v, want what the sale has brought", c)
		}
	})
}

// TestTradeOfTheWebPageIsBooked: an order that was placed beside Sluice is traded; the ledger has both.
func TestTradeOfTheWebPageIsBooked(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.byHand("main", wide, polymarket.Buy, "0.39", "20")
		p.byHand("second", wide, polymarket.Sell, "0.39", "5")
		p.pass(rest)
		if c := p.balances("main").Cash; c.Total != 99_998_050_000 || c.Held != 5_850_000 {
			t.Errorf("cash %+v, want 5 × 0.39 gone and 15 × 0.39 held", c)
		}
	})
}

// TestTradeBeforeThePostsAnswer: the answer to a post is late, and its trade is told and settled before.
func TestTradeBeforeThePostsAnswer(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.LateAnswer, f.LateMS = onPost(), 4000 })
		p.submit("o", "BUY", "GTC", "0.52", "10")
		p.pass(2 * time.Second)
		if c := p.balances("main").Cash; c.Total != 99_994_800_000 || c.Available != c.Total {
			t.Errorf("before the answer: cash %+v", c)
		}
		p.final("o")
		p.pass(5 * time.Second) // until the answer is on its way
		p.once("o")
	})
}

// TestOverFillOfAFAKIsBooked: a purchase given by size spends what it was signed for, and at a better price brings more
// shares than were asked for. The books have them, also after everybody has started again.
func TestOverFillOfAFAKIsBooked(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("o", "BUY", "FAK", "0.60", "10")
		p.final("o")
		p.has("o", "settled")
		p.ledger.Kill()
		p.ledger = p.startLedger()
		p.restart()
		p.pass(rest)
		a := p.balances("main")
		for _, x := range a.Positions {
			if string(x.TokenID) == market(t, coin).Tokens[0] && x.Total <= 10_010*money.Unit {
				t.Errorf("the position is %s, want more than 10 above 10000", x.Total)
			}
		}
		if a.Cash.Total >= 99_995*money.Unit || a.Cash.Held != 0 {
			t.Errorf("cash %+v, want about 6 spent and nothing held", a.Cash)
		}
	})
}
