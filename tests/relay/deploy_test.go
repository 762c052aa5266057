package relay

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
	"sluice/pkg/sandbox/chain"
)

// unmade is a plant of one account whose wallet is not on chain yet.
func unmade(account string) setup {
	return setup{accounts: []string{account}, sandbox: sandbox.Config{Unmade: []string{account}}, idle: true}
}

// made reports whether an account's wallet stands on the chain.
func (p *plant) made(account string) bool {
	return p.venue.OnChain().HasCode(common.HexToAddress(accountOf(p.t, account).Funder))
}

// A wallet that is not on chain is made when that is asked for, by whoever can make it, and what waited for it is done then by itself,
// with the permissions that a new wallet lacks. Asking again costs nothing.
func TestWalletIsMadeAndThenUsed(t *testing.T) {
	for _, c := range []struct {
		account, carrier string
		units            int
	}{{"main", "relayer", 2}, {"deposit", "relayer", 2}, {"main", "own_gas", 0}} {
		t.Run(c.account+" by "+c.carrier, func(t *testing.T) {
			inPlant(t, unmade(c.account), func(p *plant) {
				owner, own := common.HexToAddress(accountOf(t, c.account).Address), c.carrier == "own_gas"
				if own {
					p.pay(p.raw(c.account), chain.Operator(), new(big.Int).Sub(p.venue.OnChain().Balance(owner), milliPOL(1)))
					p.pass(10 * time.Second)
					p.startWith(withoutCredentials)
				} else {
					p.start()
				}
				p.askAs(c.account, "split", "split", "'condition_id':'coin','amount':'40','urgency':'high'")
				if e := p.waits(c.account, "split"); e.Code != msgs.NotDeployed || p.made(c.account) {
					t.Errorf("the wallet stands: %t, and what needs it is told to wait with %s", p.made(c.account), e.Raw)
				}
				p.askAs(c.account, "deploy", "deploy", "'urgency':'high'")
				if own {
					p.says(p.waits(c.account, "deploy"), "pol")
					p.pass(time.Minute)
					if p.made(c.account) {
						t.Fatal("the wallet is made although nobody can pay for it")
					}
					p.pay(chain.OperatorKey(), owner, milliPOL(10_000))
				}
				if e := p.confirmedAs(c.account, "deploy"); e.Carrier != c.carrier || e.Unit == "" || !p.made(c.account) {
					t.Errorf("the wallet stands: %t, after %s", p.made(c.account), e.Raw)
				}
				if e := p.confirmedAs(c.account, "split"); e.Carrier != c.carrier || e.Effect["pUSD"] != "-40" {
					t.Errorf("the split ends as %s", e.Raw)
				}
				if !p.mayTake(c.account, chain.Polygon().PUSD, chain.Polygon().Exchange) {
					t.Error("a permission that trading needs is missing")
				}
				p.askAs(c.account, "deploy", "again", "'urgency':'high'")
				if e := p.confirmedAs(c.account, "again"); e.Unit != "" {
					t.Errorf("made twice: %s", e.Raw)
				}
				if n := p.units(); n != c.units {
					t.Errorf("%d units were charged, want %d", n, c.units)
				}
			})
		})
	}
}

// A deposit wallet can be made by the relayer alone: while that is down its creation waits, says so, and is done when it is back.
func TestCreationOfADepositWalletWaitsForTheRelayer(t *testing.T) {
	inPlant(t, unmade("deposit"), func(p *plant) {
		p.start()
		p.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = true })
		p.askAs("deposit", "deploy", "deploy", "'urgency':'high'")
		p.says(p.waits("deposit", "deploy"), "relayer")
		p.pass(20 * time.Minute)
		p.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = false })
		if e := p.confirmedAs("deposit", "deploy"); e.Carrier != "relayer" || !p.made("deposit") {
			t.Errorf("the wallet stands: %t, after %s", p.made("deposit"), e.Raw)
		}
	})
}

// The relayer knows a deposit wallet only some time after it was made: what is asked of it meanwhile is tried again. A wallet that it
// does not get to know ends the request after some minutes and five units, with a word that says what to look at.
func TestNewDepositWalletIsUsedOnceTheRelayerKnowsIt(t *testing.T) {
	for _, c := range []struct {
		name string
		lag  time.Duration
		done bool
	}{{"known after a minute", time.Minute, true}, {"never known", 24 * time.Hour, false}} {
		t.Run(c.name, func(t *testing.T) {
			inPlant(t, unmade("deposit"), func(p *plant) {
				p.start()
				p.venue.SetFaults(func(f *sandbox.Faults) { f.RegistryLagMS = c.lag.Milliseconds() })
				p.askAs("deposit", "deploy", "deploy", "'urgency':'high'")
				p.confirmedAs("deposit", "deploy")
				began, units := time.Now(), p.units()
				p.askAs("deposit", "split", "split", "'condition_id':'coin','amount':'40','urgency':'high'")
				e := p.ended("deposit", "split")
				tries := p.units() - units
				if c.done {
					if e.Type != "tx.confirmed" || e.Effect["pUSD"] != "-40" || tries < 2 {
						t.Errorf("after %d tries it ends as %s", tries, e.Raw)
					}
					return
				}
				if e.Type != "tx.failed" || e.Error.Code != msgs.RelayerRefused || tries != 5 {
					t.Errorf("after %d tries it ends as %s", tries, e.Raw)
				}
				if !strings.Contains(e.Error.Fix, "the venue's site shows") || !strings.Contains(e.Error.Cause, "asked 5 times") {
					t.Errorf("nobody learns what to look at: %s", e.Raw)
				}
				if took := time.Since(began); took > 5*time.Minute {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// A proxy wallet is made by its first use, and an EOA is there from the start: of neither is anything to be made, and both split.
func TestWalletsThatNeedNoMaking(t *testing.T) {
	for _, account := range []string{"proxy", "eoa"} {
		t.Run(account, func(t *testing.T) {
			inPlant(t, unmade(account), func(p *plant) {
				p.start()
				p.askAs(account, "deploy", "deploy", "'urgency':'high'")
				if e := p.confirmedAs(account, "deploy"); e.Unit != "" || p.units() != 0 || p.made(account) {
					t.Errorf("something was made: %s", e.Raw)
				}
				p.askAs(account, "split", "split", "'condition_id':'coin','amount':'40','urgency':'high'")
				if e := p.confirmedAs(account, "split"); e.Effect["pUSD"] != "-40" || p.made(account) != (account == "proxy") {
					t.Errorf("the wallet stands: %t, and the split ends as %s", p.made(account), e.Raw)
				}
			})
		})
	}
}
