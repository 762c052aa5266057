package relay

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/sandbox"
)

// The quota ends in the middle of a stream: what comes after is brought by the owner, each once, with the same Safe's money and at the
// price of gas that is told. When the units are back, so is the relayer.
func TestQuotaEndsInTheMiddleOfAStream(t *testing.T) {
	t.Run("S2-48 S2-52 S2-58 the units end", quotaEndsInTheMiddleOfAStream)
}

func quotaEndsInTheMiddleOfAStream(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		owner := common.HexToAddress(accountOf(t, "main").Address)
		gas := p.venue.OnChain().Balance(owner)
		var ids []string
		for i := range 10 {
			if i == 4 {
				p.venue.SetFaults(func(f *sandbox.Faults) { f.QuotaGone.PerMille, f.QuotaResetS = 1000, 68_000 })
			}
			id := fmt.Sprintf("split-%d", i)
			p.ask("split", id, "'condition_id':'coin','amount':'%d','urgency':'high'", i+1)
			p.confirmed(id)
			ids = append(ids, id)
		}
		paid := new(big.Rat)
		for i, id := range ids {
			e := p.end("main", id)
			if want := map[bool]string{true: "relayer", false: "own_gas"}[i < 4]; e.Carrier != want {
				t.Errorf("%s went by %s, want %s", id, e.Carrier, want)
			}
			wei, good := new(big.Rat).SetString(e.GasPOL)
			if !good || (i >= 4) != (wei.Sign() > 0) {
				t.Errorf("%s went by %s for %q POL", id, e.Carrier, e.GasPOL)
			}
			if good {
				paid.Add(paid, wei)
			}
		}
		if n := len(p.of("main", "tx.rerouted", "")); n == 0 {
			t.Error("nobody was told that the unit goes another way")
		}
		spent := new(big.Int).Sub(gas, p.venue.OnChain().Balance(owner))
		if told := new(big.Rat).Mul(paid, big.NewRat(1_000_000_000_000_000_000, 1)); !told.IsInt() || told.Num().Cmp(spent) != 0 {
			t.Errorf("%s POL of gas were told, %s wei were paid", paid.FloatString(18), spent)
		}
		if p.venue.OnChain().PUSD(owner).Sign() != 0 {
			t.Error("money has come to the owner's own account")
		}
		if n := p.units(); n != 4 {
			t.Errorf("%d units, want 4", n)
		}
		// Nothing goes to a relayer that has said when it will serve again.
		if n := p.submits(); n != 5 {
			t.Errorf("%d submissions, want 5: four served, one refused", n)
		}
		if !everything() {
			return // that day takes a while; TestWorkWithoutHurryWaitsForUnits shows a shorter one
		}
		p.venue.SetFaults(func(f *sandbox.Faults) { f.QuotaGone.PerMille, f.QuotaResetS = 0, 0 })
		p.pass(68_000 * time.Second)
		p.ask("split", "again", "'condition_id':'coin','amount':'1','urgency':'high'")
		if e := p.confirmed("again"); e.Carrier != "relayer" {
			t.Errorf("with units again it went by %s", e.Carrier)
		}
	})
}

// What can wait until the units are back waits for them, and is told until when; what cannot goes by own gas.
func TestWorkWithoutHurryWaitsForUnits(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.QuotaGone.PerMille, f.QuotaResetS = 1000, 1800 })
		p.ask("split", "first", "'condition_id':'coin','amount':'1','urgency':'high'")
		if e := p.confirmed("first"); e.Carrier != "own_gas" {
			t.Errorf("what is urgent went by %s", e.Carrier)
		}
		p.venue.SetFaults(func(f *sandbox.Faults) { f.QuotaGone.PerMille, f.QuotaResetS = 0, 0 })
		p.ask("split", "patient", "'condition_id':'coin','amount':'1','urgency':'low'")
		p.within(2*time.Hour, "what can wait has an end", func() bool { return p.end("main", "patient") != nil })
		if e := p.confirmed("patient"); e.Carrier != "relayer" {
			t.Errorf("what could wait went by %s", e.Carrier)
		}
	})
}

// A deposit wallet has no other way: work waits, is told until when and what would help, and is done when there are units again.
func TestDepositWalletWaitsForUnits(t *testing.T) {
	inPlant(t, setup{accounts: []string{"deposit"}}, func(p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.QuotaGone.PerMille, f.QuotaResetS = 1000, 7200 })
		began := time.Now()
		p.askAs("deposit", "split", "split", "'condition_id':'coin','amount':'1','urgency':'high'")
		p.until("it is told to wait", func() bool { return len(p.of("deposit", "tx.waiting", "split")) > 0 })
		w := p.of("deposit", "tx.waiting", "split")
		e := w[len(w)-1]
		if until := time.UnixMilli(e.UntilMS).Sub(began); e.Cause == "" || e.Fix == "" || until < 100*time.Minute || until > 130*time.Minute {
			t.Errorf("told to wait %s: %s", until, e.Raw)
		}
		p.pass(time.Hour)
		if p.end("deposit", "split") != nil {
			t.Fatal("it has ended without a unit")
		}
		p.venue.SetFaults(func(f *sandbox.Faults) { f.QuotaGone.PerMille, f.QuotaResetS = 0, 0 })
		p.within(2*time.Hour, "it is done when there are units", func() bool { return p.end("deposit", "split") != nil })
		p.confirmedAs("deposit", "split")
		if n := len(p.of("deposit", "tx.waiting", "split")); n > 10 {
			t.Errorf("told to wait %d times in two hours", n)
		}
	})
}

// A printed reset that is wrong, as the field reports: the units are back long before. What is urgent goes by own gas meanwhile,
// nothing is lost or done twice.
func TestPrintedResetIsWrong(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.QuotaGone.Next, f.QuotaResetS = 1, 5 })
		for i := range 4 {
			id := fmt.Sprintf("split-%d", i)
			p.ask("split", id, "'condition_id':'coin','amount':'1','urgency':'high'")
			p.confirmed(id)
			if i == 0 { // now the units are really gone, and the relayer says that it is a matter of seconds
				p.venue.SetFaults(func(f *sandbox.Faults) { f.QuotaGone.PerMille = 1000 })
			}
			p.pass(30 * time.Second)
		}
		for i := range 4 {
			if e := p.end("main", fmt.Sprintf("split-%d", i)); e.Carrier != "own_gas" {
				t.Errorf("split-%d went by %s", i, e.Carrier)
			}
		}
	})
}
