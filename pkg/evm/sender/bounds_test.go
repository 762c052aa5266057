package sender_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/evm"
	"sluice/pkg/evm/sender"
	"sluice/pkg/sandbox/chain"
)

// bounded starts a sender with bounds.
func (w *world) bounded(l sender.Limits) *process {
	return w.start(&sender.Memory{}, 0, func(c *sender.Config) { c.Limits = l })
}

// paid is what the chain took from the account.
func (w *world) paid() evm.Wei {
	var sum evm.Wei
	for _, r := range w.sent() {
		sum = sum.Plus(evm.WeiFrom(r.EffectiveGasPrice).Times(r.GasUsed))
	}
	return sum
}

func TestHighestPriceIsNeverExceeded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		p := w.bounded(sender.Limits{MaxFee: evm.Gwei(120)})
		p.submit(1)
		w.c.SetBaseFee(200)
		w.blocks(100)
		p.submit(2)
		w.blocks(20)
		for _, x := range p.of(sender.Signed, "") {
			if evm.Gwei(120).Less(x.Cap) {
				t.Errorf("%s gwei were offered, 120 is the highest allowed", x.Cap.Gwei())
			}
		}
		if said := p.of(sender.Waits, id(1)); len(said) == 0 || !strings.Contains(said[0].Cause, "highest allowed") || said[0].Fix == "" {
			t.Errorf("told as held: %+v", said)
		}
		if n := len(p.of(sender.Signed, id(2))); n != 0 {
			t.Errorf("%d transactions were signed behind one that is stuck", n)
		}
		w.c.SetBaseFee(30)
		p.once(1, 2)
	})
}

func TestDayIsNotExceededAndEndsByItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		// One costs 100,000 × 90 gwei = 0.009 POL at worst, and about 51,000 × 60 gwei = 0.003 POL in the end.
		j, limits := &sender.Memory{}, func(c *sender.Config) {
			c.Limits = sender.Limits{MaxCost: evm.Gwei(9_000_000), MaxDay: evm.Gwei(20_000_000)}
		}
		p := w.start(j, 0, limits)
		all := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
		p.submit(all...)
		w.blocks(60)
		if evm.Gwei(20_000_000).Less(w.paid()) || w.paid().Less(evm.Gwei(9_000_000)) {
			t.Errorf("a day cost %s POL, 0.02 is the most", w.paid().Coins())
		}
		if said := p.of(sender.Waits, ""); len(w.sent()) == len(all) || len(said) == 0 || !strings.Contains(said[0].Cause, "24 hours") {
			t.Fatalf("%d of %d were sent; told as held: %v", len(w.sent()), len(all), said)
		}
		for days := uint64(2); days <= 4; days++ {
			p.stop() // only because every virtual second of a process that waits costs a real moment
			time.Sleep(24 * time.Hour)
			p = w.start(j, 0, limits)
			w.blocks(60)
			if most := evm.Gwei(20_000_000).Times(days); most.Less(w.paid()) {
				t.Errorf("%d days cost %s POL", days, w.paid().Coins())
			}
		}
		p.once(all...)
	})
}

func TestDayIsCountedOverRestarts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		j := &sender.Memory{}
		limits := func(c *sender.Config) {
			c.Limits = sender.Limits{MaxCost: evm.Gwei(9_000_000), MaxDay: evm.Gwei(13_000_000)}
		}
		for i := 1; i <= 6; i++ {
			p := w.start(j, 0, limits)
			p.submit(i)
			w.blocks(30)
			p.stop()
		}
		if n := len(w.sent()); n != 2 {
			t.Errorf("%d transactions in a day that allows two", n)
		}
	})
}

func TestOneTransactionHasABound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		p := w.bounded(sender.Limits{MaxCost: evm.Gwei(8_999_999)})
		p.submit(1)
		w.blocks(10)
		if said := p.of(sender.Waits, id(1)); len(said) == 0 || !strings.Contains(said[0].Cause, "one transaction") || len(p.of(sender.Signed, "")) != 0 {
			t.Errorf("told as held: %+v", said)
		}
	})
}

func TestAccountThatRunsOutSaysSo(t *testing.T) {
	t.Run("S2-55 told before it is empty", accountThatRunsOutSaysSo)
}

func accountThatRunsOutSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.leave(evm.Gwei(1_000_000)) // 0.001 POL
		p := w.bounded(sender.Limits{})
		p.submit(1)
		w.blocks(10)
		if said := p.of(sender.Low, ""); len(said) == 0 || !strings.Contains(said[0].Cause, "0.001") || said[0].Fix == "" {
			t.Errorf("told of the balance: %+v", said)
		}
		if said := p.of(sender.Waits, id(1)); len(said) == 0 || said[0].Fix != "send POL to the account" {
			t.Errorf("told as held: %+v", said)
		}
		if _, err := w.c.Operate(w.key.Address(), nil, 30_000); err != nil { // a block with somebody else in it
			t.Fatal(err)
		}
		w.blocks(1)
		if n := len(p.of(sender.Signed, "")); n != 0 {
			t.Errorf("%d transactions signed that nobody can pay for", n)
		}
	})
}

// leave spends the account's money but for rest.
func (w *world) leave(rest evm.Wei) {
	w.t.Helper()
	balance := evm.WeiFrom(w.c.Balance(w.key.Address()))
	if err := w.c.Send(w.pay(0, balance.Minus(rest).Minus(evm.Gwei(60).Times(21_000)))); err != nil {
		w.t.Fatal(err)
	}
	w.blocks(5)
	if got := evm.WeiFrom(w.c.Balance(w.key.Address())); got != rest {
		w.t.Fatalf("%s POL are left, want %s", got.Coins(), rest.Coins())
	}
}

func TestIntentIsVoided(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		p := w.start(&sender.Memory{}, 0, nil)
		w.c.SetBaseFee(150) // what offers 90 is not mined
		p.submit(1, 2)
		w.blocks(1)
		if err := p.Void(t.Context(), id(1), "changed my mind"); err != nil {
			t.Fatal(err)
		}
		r := p.result(id(1), 60)
		if r.Outcome != sender.Voided || r.GasUsed != 21_000 || r.Cause != "changed my mind" || w.executed(1) != 0 {
			t.Errorf("result is %+v, executed %d times", r, w.executed(1))
		}
		p.once(2)
		eighthMore(t, p, id(1))
		if err := p.Void(t.Context(), id(2), ""); err != nil { // too late, and without effect
			t.Error(err)
		}
		if err := p.Void(t.Context(), "nobody", ""); !errors.Is(err, sender.ErrUnknown) {
			t.Errorf("error is %v", err)
		}
		p.once(2)
	})
}

func TestIntentVoidedBeforeItIsSignedCostsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		p := w.bounded(sender.Limits{MaxCost: evm.Gwei(1), MaxDay: evm.Gwei(1)})
		p.submit(1)
		if err := p.Void(t.Context(), id(1), ""); err != nil {
			t.Fatal(err)
		}
		if r := p.result(id(1), 5); r.Outcome != sender.Voided || r.Hash != (common.Hash{}) || len(w.sent()) != 0 {
			t.Errorf("result is %+v", r)
		}
	})
}

func TestCallThatWouldRevertIsRefusedBeforeItCosts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		p := w.start(&sender.Memory{}, 0, nil)
		bad := w.intent(1)
		bad.Data = append(bad.Data[:len(bad.Data)-8:len(bad.Data)-8], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // more than it has
		bad.Gas = 0
		err := p.Submit(t.Context(), bad)
		if e, ok := errors.AsType[*evm.Error](err); !ok || e.Kind != evm.Reverted {
			t.Errorf("error is %v", err)
		}
		bad.Gas = 100_000 // insisted
		if err := p.Submit(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		if r := p.result(bad.ID, 20); r.Outcome != sender.Failed || r.Cost.IsZero() {
			t.Errorf("result is %+v", r)
		}
		good := w.intent(2)
		good.Gas = 0
		if err := p.Submit(t.Context(), good); err != nil {
			t.Fatal(err)
		}
		p.once(2)
		if err := p.Submit(t.Context(), good); err != nil {
			t.Errorf("the same again: %v", err)
		}
		good.To = common.Address{1}
		if _, ok := errors.AsType[*sender.ConflictError](p.Submit(t.Context(), good)); !ok {
			t.Error("another call under the same id was not refused")
		}
	})
}

func TestTransactionThatNoNodeTakesDoesNotBlockTheRest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3)
		p := w.start(&sender.Memory{}, 0, generous)
		bad := w.intent(1)
		bad.Gas = 22_000 // below what its data costs
		if err := p.Submit(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		bad = w.intent(2)
		bad.Gas = 60_000_000 // more than a block
		if err := p.Submit(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		p.submit(3)
		p.once(3)
		for _, i := range []int{1, 2} {
			if r := p.result(id(i), 30); r.Outcome != sender.Voided || !strings.Contains(r.Cause, "no endpoint takes it") {
				t.Errorf("result of %d is %+v", i, r)
			}
		}
	})
}

func TestNothingIsSignedThatIsNotAllowed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		k := &counting{Signer: w.key}
		forbidden := errors.New("spender is not known")
		allowed := true
		p := w.start(&sender.Memory{}, 0, func(c *sender.Config) {
			c.Signer = k
			c.Allow = func(to common.Address, _ []byte) error {
				if to != chain.Polygon().USDCe || !allowed {
					return forbidden
				}
				return nil
			}
		})
		other := w.intent(1)
		other.To = common.Address{1}
		if err := p.Submit(t.Context(), other); !errors.Is(err, forbidden) {
			t.Errorf("error is %v", err)
		}
		w.nodes[0].Refuse(503, -1)
		w.blocks(40) // the chain has not been seen for a while: what follows is taken on and cannot be signed yet
		p.submit(2)
		allowed = false
		w.nodes[0].Refuse(0, 0)
		w.blocks(60)
		if r := p.result(id(2), 20); r.Outcome != sender.Voided || !strings.Contains(r.Cause, forbidden.Error()) {
			t.Errorf("result is %+v", r)
		}
		if k.n != 0 {
			t.Errorf("%d signatures were made", k.n)
		}
	})
}

// counting counts signatures.
type counting struct {
	sender.Signer
	n int
}

func (c *counting) SignDigest(d common.Hash) ([]byte, error) {
	c.n++
	return c.Signer.SignDigest(d)
}

func TestKeysAndAddressesOfEndpointsAreNotLogged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		var cfg sender.Config
		p := w.start(&sender.Memory{}, 0, func(c *sender.Config) { cfg = *c })
		w.nodes[0].Refuse(500, -1)
		p.submit(1)
		p.once(1)
		p.stop()
		synctest.Wait()
		said := p.logs.String() + fmt.Sprintf("%v %+v", cfg.Signer, cfg)
		if strings.Contains(said, "hush") || strings.Contains(said, fmt.Sprintf("%x", keyBytes())) || !strings.Contains(said, "transaction final") {
			t.Errorf("logged: %s", said)
		}
	})
}
