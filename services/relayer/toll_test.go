package relayer

import (
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// submits lets time pass second by second, answers each submit of a deposit wallet with a refusal, lets batches expire, and lists when
// submits were made, since the start.
func (b *trial) submits(first actor.Decision, reason polymarket.RelayerReason, lasts time.Duration) (at []time.Duration) {
	b.t.Helper()
	began, next := b.now, first
	for b.now.Sub(began) < lasts {
		for _, d := range leaving(next.Deeds) {
			at = append(at, b.now.Sub(began))
			b.tell(Submitted{Unit: d.(Submit).Unit.Unit, Err: refused(reason)})
		}
		b.wait(time.Second)
		if u := b.core.unit; u != nil && b.now.Unix() > u.Payload.DeadlineS {
			b.tell(Seen{Unit: u.name(), Expired: true, Final: true})
		}
		next = b.tell(actor.Tick{})
		for _, x := range next.Early {
			if l, ok := x.(Look); !ok || l.FromMS > b.now.UnixMilli() {
				continue
			}
			for _, y := range b.tell(b.looks(7)).Early {
				if r, ok := y.(Rehearse); ok {
					next = b.tell(Rehearsed{Pack: r.Pack, Failed: -1, Nonce: 7})
				}
			}
		}
	}
	return at
}

// A deposit wallet whose submits are refused, each for a unit, submits three times and then after 1, 2, 4 … 60 minutes, through all the
// batches that expire meanwhile, and over restarts. What costs nothing does not count.
func TestSubmitsThatMayCostAUnitAreRepeatedLessAndLess(t *testing.T) {
	for _, reason := range []polymarket.RelayerReason{polymarket.RelayerWalletBusy, polymarket.RelayerNonce, polymarket.RelayerDown, polymarket.RelayerLost, polymarket.RelayerForbidden} {
		t.Run(string(reason), func(t *testing.T) {
			b, d := wrapping(t, polymarket.Deposit, nil)
			at := b.submits(d, reason, 12*time.Hour)
			if len(at) < tollQuick+16 || len(at) > tollQuick+17 {
				t.Fatalf("%d submits in 12 hours, at %v", len(at), at)
			}
			for i := tollQuick; i < len(at); i++ {
				least := min(time.Minute<<(i-tollQuick), time.Hour)
				if gap := at[i] - at[i-1]; gap < least || gap > least+2*time.Minute {
					t.Errorf("submit %d came %s after the one before, want %s", i+1, gap, least)
				}
			}
			if at[tollQuick-1] > time.Minute {
				t.Errorf("the first %d took %s", tollQuick, at[tollQuick-1])
			}
			b.consistent()
			n := b.core.toll.Units
			b.restarted()
			if b.core.toll.Units != n {
				t.Errorf("after a restart %d units are known, before it %d", b.core.toll.Units, n)
			}
		})
	}
}

// What the relayer has performed for the wallet ends the reckoning: the next trouble is met afresh.
func TestWhatTheRelayerPerformsEndsTheReckoning(t *testing.T) {
	b, d := wrapping(t, polymarket.Proxy, nil)
	u := deedOf[Submit](t, d.Deeds).Unit.Unit
	for range 5 {
		b.tell(Submitted{Unit: u, Err: refused(polymarket.RelayerLost)})
		b.wait(time.Hour)
		deedOf[Submit](t, b.tell(actor.Tick{}).Deeds)
	}
	b.tell(Submitted{Unit: u, ID: "id-1"})
	if b.core.toll.Units != 5 {
		t.Fatalf("%d units are known to be spent in vain, want 5", b.core.toll.Units)
	}
	b.tell(Seen{Unit: u, TxHash: "0x01", Block: 107, Executed: true, Final: true, Carrier: msgs.ByRelayer})
	if b.core.toll != (toll{}) {
		t.Errorf("left over: %+v", b.core.toll)
	}
	b.consistent()
}

// A Safe's owner brings what the relayer has refused three times as busy, and what is asked for afterwards leaves the relayer alone until its
// pause is over.
func TestBusySafeGoesByOwnGasAndLeavesTheRelayerAlone(t *testing.T) {
	b, d := wrapping(t, polymarket.Safe, nil)
	u := deedOf[Submit](t, d.Deeds).Unit.Unit
	for range tollQuick - 1 {
		b.tell(Submitted{Unit: u, Err: refused(polymarket.RelayerWalletBusy)})
		b.wait(time.Minute)
		deedOf[Submit](t, b.tell(actor.Tick{}).Deeds)
	}
	deedOf[Bring](t, b.tell(Submitted{Unit: u, Err: refused(polymarket.RelayerWalletBusy)}).Deeds)
	b.tell(Brought{Unit: u})
	b.tell(Seen{Unit: u, TxHash: "0x01", Block: 107, Executed: true, Final: true, Carrier: msgs.ByOwnGas})
	b.ask("wrap", `{"request_id":"w2","amount":"5","urgency":"high"}`)
	b.wait(2 * time.Second)
	next := deedOf[Bring](t, b.sealed(b.looks(8)).Deeds).Unit.Unit
	b.tell(Brought{Unit: next})
	b.tell(Seen{Unit: next, TxHash: "0x02", Block: 108, Executed: true, Final: true, Carrier: msgs.ByOwnGas})
	b.ask("wrap", `{"request_id":"w3","amount":"5","urgency":"high"}`)
	b.wait(tollFirst)
	deedOf[Submit](t, b.sealed(b.looks(9)).Deeds)
	b.consistent()
}

// A Safe whose owner has no gas goes back to the relayer less and less often too, and its owner is asked all the while.
func TestSafeWithoutGasGoesBackToTheRelayerLessAndLess(t *testing.T) {
	b, d := wrapping(t, polymarket.Safe, nil)
	u := deedOf[Submit](t, d.Deeds).Unit.Unit
	var at []time.Duration
	brings, began := 0, b.now
	for b.now.Sub(began) < 6*time.Hour {
		for todo := leaving(d.Deeds); len(todo) > 0; todo = leaving(d.Deeds) {
			switch todo[0].(type) {
			case Submit:
				at = append(at, b.now.Sub(began))
				d = b.tell(Submitted{Unit: u, Err: refused(polymarket.RelayerWalletBusy)})
			case Bring:
				brings++
				d = b.tell(Brought{Unit: u, Err: noGas})
			}
		}
		b.wait(time.Second)
		d = b.tell(actor.Tick{})
	}
	if len(at) < tollQuick+9 || len(at) > tollQuick+11 {
		t.Errorf("%d submits in six hours, at %v", len(at), at)
	}
	if brings < 6*60 {
		t.Errorf("the owner was asked %d times in six hours", brings)
	}
	b.consistent()
}

// A refusal that a free read has foreseen has cost nothing and counts for nothing.
func TestForeseenRefusalCostsNothing(t *testing.T) {
	b, d := wrapping(t, polymarket.Deposit, nil)
	u := deedOf[Submit](t, d.Deeds).Unit.Unit
	b.tell(Submitted{Unit: u, Err: refused(polymarket.RelayerWalletBusy)})
	for range 20 {
		b.wait(10 * time.Second)
		b.tell(actor.Tick{})
		b.tell(Submitted{Unit: u, Left: true, Err: free(polymarket.RelayerWalletBusy, "/transactions", "id-0 is under way")})
	}
	if b.core.toll.Units != 1 || b.core.toll.AgainMS != 0 {
		t.Errorf("one unit was spent, and it is %+v", b.core.toll)
	}
	if n := b.count(msgs.KindTxWaiting); n != 2 {
		t.Errorf("told %d times that it waits, want 2", n)
	}
	b.consistent()
}

// A deposit wallet's batches that the relayer takes and never performs end their request, and those that it does not take do not.
func TestRequestWhoseBatchesAreNeverPerformedEnds(t *testing.T) {
	b, d := wrapping(t, polymarket.Deposit, nil)
	expire := func(taken bool) {
		u := deedOf[Submit](t, d.Deeds).Unit
		if taken {
			b.tell(Submitted{Unit: u.Unit, ID: "id-" + u.Unit})
		}
		b.wait(11 * time.Minute)
		b.tell(Seen{Unit: u.Unit, Expired: true, Final: true})
		b.wait(time.Second)
	}
	for i := range 2*maxSeals - 1 {
		expire(i%2 == 1)
		if a, _ := b.core.Answer("w1"); a.Final {
			t.Fatalf("ended after %d batches: %s", i+1, text(a))
		}
		d = b.sealed(b.looks(7))
	}
	expire(true)
	if a, _ := b.core.Answer("w1"); a.Last != msgs.KindTxFailed || a.Error.Code != msgs.RelayerFailed {
		t.Errorf("answered %s", text(a))
	}
	b.consistent()
}

// A proxy wallet's unit that the relayer still has and still does not bring, when it was asked for once more, stands beside another one at
// the same nonce: only one of them has effect, and nothing goes by own gas.
func TestProxysUnitThatTheRelayerSitsOnIsSealedAnew(t *testing.T) {
	b, d := wrapping(t, polymarket.Proxy, nil)
	for i := range maxSeals {
		u := deedOf[Submit](t, d.Deeds).Unit
		for range 2 {
			b.tell(Submitted{Unit: u.Unit, ID: "id-" + u.Unit})
			b.wait(idle + time.Minute)
			b.tell(actor.Tick{})
			b.wait(retryFirst)
			if b.core.unit != nil {
				deedOf[Submit](t, b.tell(actor.Tick{}).Deeds)
			}
		}
		if b.core.unit != nil || len(b.core.ghosts) != i+1 {
			t.Fatalf("the open unit is %s, given up are %d", text(b.core.unit), len(b.core.ghosts))
		}
		if i+1 < maxSeals {
			if d = b.sealed(b.looks(7)); deedOf[Submit](t, d.Deeds).Unit.Nonce != u.Nonce {
				t.Errorf("sealed at another nonce: %s", text(d.Deeds))
			}
		}
	}
	if a, _ := b.core.Answer("w1"); a.Last != msgs.KindTxFailed || a.Error.Code != msgs.RelayerFailed {
		t.Errorf("answered %s", text(a))
	}
	b.tell(Seen{Unit: b.core.ghosts[0].name(), TxHash: "0x01", Block: 107, Executed: true, Final: true, Carrier: msgs.ByRelayer})
	if a, _ := b.core.Answer("w1"); a.Last != msgs.KindTxConfirmed || len(b.core.ghosts) != 0 {
		t.Errorf("performed after all, and %s", text(a))
	}
	b.consistent()
}

// A deadline passes while the next try is far away: the request ends at once, not with that try.
func TestDeadlinePassesDuringALongPause(t *testing.T) {
	b := begun(t, polymarket.Proxy)
	by := b.now.Add(10 * time.Minute)
	b.ask("wrap", `{"request_id":"w1","amount":"5","urgency":"high","deadline_ms":`+text(by.UnixMilli())+`}`)
	b.wait(2 * time.Second)
	d := b.sealed(b.looks(7))
	u := deedOf[Submit](t, d.Deeds).Unit.Unit
	for range 9 {
		b.tell(Submitted{Unit: u, Left: true, Err: refused(polymarket.RelayerDown)})
	}
	b.now = by.Add(time.Second)
	if again := time.UnixMilli(b.core.unit.AgainMS); again.Before(b.now.Add(tollFirst)) {
		t.Fatalf("the next try is at %s, and the deadline at %s", again, by)
	}
	b.tell(actor.Tick{})
	if a, _ := b.core.Answer("w1"); !a.Final || a.Error == nil || a.Error.Code != msgs.DeadlinePassed {
		t.Errorf("answered %s", text(a))
	}
	b.consistent()
}
