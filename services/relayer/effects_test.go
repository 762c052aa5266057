package relayer

import (
	"maps"
	"testing"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Two markets are redeemed and shares converted in one unit, beside a wrap: each request is told what its own condition brought, also
// where the chain shows other amounts than the wallet had when the unit was packed, and together they are what the chain shows.
func TestRedemptionsOfOneUnitAreToldApart(t *testing.T) {
	const yes, no, other, third = yesToken, noToken, "1001", "1003"
	redeem := msgs.TxShare{RequestID: "r1", Effect: msgs.Effect{yes: -500, no: -500}, Unknown: true, Redeems: testCondition}
	second := msgs.TxShare{RequestID: "r2", Effect: msgs.Effect{other: 0, "1002": 0}, Unknown: true, Redeems: otherMarket}
	again := msgs.TxShare{RequestID: "r3"}
	wrap := msgs.TxShare{RequestID: "w1", Effect: msgs.Effect{assetUSDCe: -10, assetPUSD: 10}}
	convert := msgs.TxShare{RequestID: "c1", Effect: msgs.Effect{"1004": -9}, Unknown: true}
	type told = map[msgs.RequestID]msgs.Effect
	for name, c := range map[string]struct {
		shares  []msgs.TxShare
		chain   msgs.Effect
		payouts map[msgs.ConditionID]money.Cash
		want    told
	}{
		"each its own": {[]msgs.TxShare{wrap, redeem, again, second}, msgs.Effect{yes: -500, no: -450, other: -7, assetUSDCe: -10, assetPUSD: 510 + 7},
			map[msgs.ConditionID]money.Cash{testCondition: 500, otherMarket: 7},
			told{"w1": wrap.Effect, "r1": {yes: -500, no: -450, assetPUSD: 500}, "r3": {}, "r2": {other: -7, assetPUSD: 7}}},
		"the loser's shares bring nothing": {[]msgs.TxShare{redeem, second}, msgs.Effect{yes: -500, no: -500, other: -7, assetPUSD: 7},
			map[msgs.ConditionID]money.Cash{testCondition: 0, otherMarket: 7}, told{"r1": {yes: -500, no: -500}, "r2": {other: -7, assetPUSD: 7}}},
		"beside a conversion": {[]msgs.TxShare{redeem, second, convert}, msgs.Effect{yes: -500, no: -500, other: -7, assetPUSD: 507, "1004": -9, third: 9},
			map[msgs.ConditionID]money.Cash{testCondition: 500, otherMarket: 7}, told{"r1": {yes: -500, no: -500, assetPUSD: 500}, "r2": {other: -7, assetPUSD: 7}, "c1": {"1004": -9, third: 9}}},
		"somebody else redeems in the same transaction": {[]msgs.TxShare{redeem, second}, msgs.Effect{yes: -500, no: -500, other: -7, assetPUSD: 507},
			map[msgs.ConditionID]money.Cash{testCondition: 500, otherMarket: 1007}, told{"r1": {yes: -500, no: -500, assetPUSD: 507}, "r2": {other: -7}}},
		"the chain has not said": {[]msgs.TxShare{wrap, second}, nil, nil, told{"w1": wrap.Effect, "r2": second.Effect}},
		"sealed by an earlier version": {[]msgs.TxShare{wrap, {RequestID: "r1", Unknown: true}, {RequestID: "r2", Unknown: true}}, msgs.Effect{yes: -5, other: -7, assetUSDCe: -10, assetPUSD: 22},
			map[msgs.ConditionID]money.Cash{testCondition: 5, otherMarket: 7}, told{"w1": wrap.Effect, "r1": {yes: -5, other: -7, assetPUSD: 12}, "r2": {}}},
	} {
		got := effects(c.shares, c.chain, c.payouts)
		if !maps.EqualFunc(got, c.want, func(a, b msgs.Effect) bool { return maps.Equal(a, b) }) {
			t.Errorf("%s: %s, want %s", name, text(got), text(c.want))
		}
		sum := msgs.Effect{}
		for _, e := range got {
			for asset, change := range e {
				sum[asset] += change
			}
		}
		if c.chain != nil && !maps.Equal(sum, c.chain) {
			t.Errorf("%s: the sum is %s, the chain shows %s", name, text(sum), text(c.chain))
		}
	}
}

// The sealed unit says which conditions its requests redeem, so that the end is told right after a restart too.
func TestSealedUnitSaysWhatIsRedeemed(t *testing.T) {
	b := begun(t, polymarket.Safe)
	for id, condition := range map[string]string{"r1": testCondition, "r2": otherMarket} {
		b.ask("redeem", `{"request_id":"`+id+`","condition_id":"`+condition+`","urgency":"high"}`)
	}
	b.wait(2 * time.Second)
	u := deedOf[Submit](t, b.sealed(b.looks(7)).Deeds).Unit
	b.tell(Submitted{Unit: u.Unit, ID: "id-1"})
	b.restarted()
	b.tell(Seen{Unit: u.Unit, TxHash: "0x01", Block: 108, Executed: true, Final: true, Carrier: msgs.ByRelayer, Effect: msgs.Effect{assetPUSD: 10, yesToken: -3, "1001": -7},
		Payouts: map[msgs.ConditionID]money.Cash{testCondition: 3, otherMarket: 7}})
	for id, want := range map[string]msgs.Effect{"r1": {assetPUSD: 3, yesToken: -3}, "r2": {assetPUSD: 7, "1001": -7}} {
		for _, e := range b.log {
			if c, ok := e.(*msgs.TxConfirmed); ok && c.ReqID == id && !maps.Equal(c.Effect, want) {
				t.Errorf("%s is told %s, want %s", id, text(c.Effect), text(want))
			}
		}
		if a, _ := b.core.Answer(msgs.RequestID(id)); a.Last != msgs.KindTxConfirmed {
			t.Errorf("%s: %s", id, text(a))
		}
	}
	b.consistent()
}
