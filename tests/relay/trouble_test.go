package relay

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
)

// Each trouble of the relayer meets one request: it is executed once, and what was told is what the chain has.
func TestTroubleOfTheRelayerExecutesOnce(t *testing.T) {
	submit := func(n int) sandbox.Fault { return sandbox.Fault{Next: n, On: "POST /relayer/submit"} }
	all := map[string]func(f *sandbox.Faults){
		"answer lost":              func(f *sandbox.Faults) { f.DropAnswer = submit(1) },
		"answers lost":             func(f *sandbox.Faults) { f.DropAnswer = submit(3) },
		"request lost":             func(f *sandbox.Faults) { f.LoseRequest = submit(2) },
		"late":                     func(f *sandbox.Faults) { f.RelayLate.Next, f.RelayLateMS = 1, 45_000 },
		"very late":                func(f *sandbox.Faults) { f.RelayLate.Next, f.RelayLateMS = 1, 400_000 },
		"forgotten":                func(f *sandbox.Faults) { f.RelayForget.Next = 1 },
		"told CONFIRMED, not sent": func(f *sandbox.Faults) { f.RelaySilent.Next = 1 },
		"told FAILED, sent later":  func(f *sandbox.Faults) { f.RelayFailed.Next, f.RelayLateMS = 1, 20_000 },
		"told FAILED, sent at once, unchecked": func(f *sandbox.Faults) {
			f.RelayFailed.Next, f.RelayLateMS, f.SkipPrecheck = 1, 1_000, true
		},
		"busy":              func(f *sandbox.Faults) { f.WalletBusy.Next = 3 },
		"stale nonce":       func(f *sandbox.Faults) { f.StaleNonce.Next = 10 },
		"a page of HTML":    func(f *sandbox.Faults) { f.HTMLError = submit(2) },
		"500, processed":    func(f *sandbox.Faults) { f.ServerError, f.ServerProcesses = submit(1), true },
		"500":               func(f *sandbox.Faults) { f.ServerError = submit(2) },
		"blocked address":   func(f *sandbox.Faults) { f.BlockPage = submit(1) },
		"late, unchecked":   func(f *sandbox.Faults) { f.RelayLate.Next, f.RelayLateMS, f.SkipPrecheck = 1, 45_000, true },
		"lost and too late": func(f *sandbox.Faults) { f.DropAnswer, f.RelayLate.Next, f.RelayLateMS = submit(1), 1, 30_000 },
	}
	rotated := []string{"main", "proxy", "main", "deposit"}
	for i, name := range slices.Sorted(maps.Keys(all)) {
		trouble := all[name]
		for _, account := range []string{"main", "proxy", "deposit"} {
			if !everything() && (account != rotated[i%len(rotated)] || i%troublesInOne != 0) {
				continue
			}
			t.Run(name+"/"+account, func(t *testing.T) {
				inPlant(t, setup{accounts: []string{account}}, func(p *plant) {
					p.venue.SetFaults(trouble)
					p.askAs(account, "split", "split", "'condition_id':'coin','amount':'3','urgency':'high'")
					p.within(time.Hour, "it has an end", func() bool { return p.end(account, "split") != nil })
					p.venue.SetFaults(func(f *sandbox.Faults) { *f = sandbox.Faults{} })
					p.pass(10 * time.Minute) // whatever is late comes meanwhile
					p.confirmedAs(account, "split")
					p.askAs(account, "merge", "merge", "'condition_id':'coin','amount':'1','urgency':'high'")
					p.confirmedAs(account, "merge")
				})
			})
		}
	}
}

// The relayer goes away and comes back: a Safe's work goes by own gas meanwhile, and by the relayer afterwards.
func TestBackToTheRelayerWhenItIsBack(t *testing.T) {
	t.Run("S2-49 S2-58 the relayer is away", backToTheRelayerWhenItIsBack)
}

func backToTheRelayerWhenItIsBack(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		for i, down := range []bool{false, true, false} {
			p.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = down })
			id := fmt.Sprintf("split-%d", i)
			p.ask("split", id, "'condition_id':'coin','amount':'1','urgency':'high'")
			if e, want := p.confirmed(id), map[bool]string{false: "relayer", true: "own_gas"}[down]; e.Carrier != want {
				t.Errorf("with the relayer down %t it went by %s", down, e.Carrier)
			}
			p.pass(2 * time.Minute)
		}
	})
}

// What would revert is found before a unit is spent, fails alone and says why; what was asked with it is done.
func TestRequestThatWouldRevertFailsAlone(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.ask("split", "good", "'condition_id':'coin','amount':'10'")
		p.ask("redeem", "early", "'condition_id':'election'")
		p.ask("split", "greedy", "'condition_id':'coin','amount':'900000'")
		p.ask("merge", "more", "'condition_id':'election','amount':'10001'")
		p.ask("wrap", "fine", "'amount':'10'")
		p.confirmed("good", "fine")
		for _, id := range []string{"early", "greedy", "more"} {
			e := p.ended("main", id)
			if e.Type == "tx.confirmed" || e.Error == nil || e.Error.Cause == "" || e.Error.Fix == "" {
				t.Errorf("%s ends as %s", id, e.Raw)
			}
		}
		if n := p.units(); n != 1 {
			t.Errorf("%d units, want one", n)
		}
	})
}

// A payload is carried by the relayer and by the owner at once: one performs it, the loser costs its gas. The relayer says that it has
// failed, so that the owner brings it too, and lands it after all: behind the owner, before the owner's transaction gets into a block,
// and at about the same time.
func TestRelayerAndOwnerBringOnePayload(t *testing.T) {
	const each = 3
	inPlant(t, setup{}, func(p *plant) {
		split := func(id string, late time.Duration) {
			p.venue.SetFaults(func(f *sandbox.Faults) {
				f.RelayFailed.Next, f.SkipPrecheck, f.RelayLateMS = 1, true, late.Milliseconds()
			})
			p.ask("split", id, "'condition_id':'coin','amount':'1','urgency':'high'")
		}
		for i := range each {
			id := fmt.Sprintf("behind-%d", i)
			split(id, time.Minute)
			if e := p.confirmed(id); e.Carrier != "own_gas" {
				t.Errorf("with the relayer a minute late it went by %s", e.Carrier)
			}
			p.pass(2 * time.Minute)
		}
		if n := p.executions("own_gas"); n != (raced{won: each}) {
			t.Errorf("of %d payloads that the owner brought first: %+v", each, n)
		}
		if n := p.executions("relayer"); n != (raced{lost: each}) {
			t.Errorf("of the relayer's copies of them: %+v", n)
		}
		for i := range each {
			id := fmt.Sprintf("before-%d", i)
			split(id, time.Hour)
			p.overtake()
			if e := p.confirmed(id); e.Carrier != "relayer" {
				t.Errorf("with the relayer in the block before it went by %s", e.Carrier)
			}
			p.pass(time.Minute)
		}
		if n := p.executions("own_gas"); n != (raced{won: each, lost: each}) {
			t.Errorf("of %d payloads that the relayer landed first: %+v", each, n)
		}
		for i := range each {
			id := fmt.Sprintf("beside-%d", i)
			split(id, time.Duration(i+1)*time.Second)
			p.confirmed(id)
			p.pass(time.Minute)
		}
		if got := p.changed("main")["pUSD"]; got != -3*each*dollar {
			t.Errorf("pUSD has changed by %d", got)
		}
	})
}

// raced is how transactions of a carrier ended.
type raced struct{ won, lost int }

// executions counts what a carrier's transactions did for the wallets.
func (p *plant) executions(carrier string) (n raced) {
	p.t.Helper()
	for _, l := range p.journal("execution") {
		switch {
		case l.Carrier != carrier:
		case l.OK:
			n.won++
		default:
			n.lost++
		}
	}
	return n
}

// overtake waits for main's owner to send a transaction, and has the relayer's worker land the same payload in a block for which the
// owner's is too cheap. After that it is not.
func (p *plant) overtake() {
	p.t.Helper()
	const spike, calm = 50_000, 30 // gwei: above what an owner ever pays, and the chain's own
	on := p.venue.OnChain()
	for range int(patience / (50 * time.Millisecond)) {
		if waiting := on.Waiting(); len(waiting) > 0 {
			tx := waiting[0]
			on.SetBaseFee(spike)
			if _, err := on.Carry(*tx.To(), tx.Data(), tx.Gas()); err != nil {
				p.t.Fatal(err)
			}
			on.Mine()
			on.SetBaseFee(calm)
			on.Mine()
			return
		}
		p.pass(50 * time.Millisecond)
	}
	p.t.Fatal("the owner has sent nothing")
}

// Commands that make no sense, a repeat, a repeat with other content, and a cancel each get their answer.
func TestRepeatsAndCancels(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.ask("split", "one", "'condition_id':'coin','amount':'1'")
		p.ask("split", "one", "'condition_id':'coin','amount':'1'")
		p.ask("split", "one", "'condition_id':'coin','amount':'2'")
		p.ask("split", "two", "'condition_id':'coin','amount':'2'")
		p.ask("cancel", "cancel", "'cancels':'two'")
		p.confirmed("one")
		e := p.ended("main", "two")
		if e.Type == "tx.confirmed" {
			t.Errorf("cancelled, and %s", e.Raw)
		}
		refused := false
		for _, e := range p.of("main", "", "one") {
			refused = refused || e.Error != nil && e.Error.Code == msgs.DuplicateID
		}
		if !refused {
			t.Error("other content under the same id was not refused")
		}
		if got := p.changed("main")["pUSD"]; got != -dollar {
			t.Errorf("pUSD has changed by %d", got)
		}
	})
}

// What resting orders need is left alone: a merge and a transfer above the rest are refused, unless the merge says that it may; "max"
// takes what is free. While nobody knows what rests, such work waits.
func TestWhatRestsIsLeftAlone(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		m := market(t, coin)
		p.desk.rest("main", msgs.Order{ClientOrderID: "rests", TokenID: msgs.TokenID(m.Tokens[0]), Side: msgs.Sell, State: msgs.Open, Size: 9_000 * dollar, Remaining: 9_000 * dollar})
		p.ask("merge", "above", "'condition_id':'coin','amount':'1001','urgency':'high'")
		p.failed("main", "above", msgs.HeldByOrders)
		p.ask("transfer", "token", "'token_id':'%s','amount':'1001','to':'%s','urgency':'high'", m.Tokens[0], friend().Hex())
		p.failed("main", "token", msgs.HeldByOrders)
		p.ask("merge", "free", "'condition_id':'coin','amount':'max','urgency':'high'")
		if e := p.confirmed("free"); e.Effect["pUSD"] != "1000" {
			t.Errorf("max with 9,000 of 10,000 resting: %s", e.Raw)
		}
		p.ask("merge", "allowed", "'condition_id':'coin','amount':'500','allow_held':true,'urgency':'high'")
		p.confirmed("allowed")
		p.desk.hush(true)
		p.ask("merge", "unsure", "'condition_id':'election','amount':'1','urgency':'high'")
		p.waits("main", "unsure")
		p.desk.hush(false)
		p.confirmed("unsure")
	})
}
