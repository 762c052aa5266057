package relay

import (
	"crypto/ecdsa"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/sandbox"
	"sluice/pkg/sandbox/chain"
)

// waits waits until an account is told that a request waits, and gives the latest such word.
func (p *plant) waits(account, id string) event {
	p.t.Helper()
	p.until(account+"'s "+id+" is told to wait", func() bool { return len(p.of(account, "tx.waiting", id)) > 0 })
	all := p.of(account, "tx.waiting", id)
	e := all[len(all)-1]
	if e.Cause == "" || e.Fix == "" {
		p.t.Errorf("told to wait without cause or fix: %s", e.Raw)
	}
	return e
}

// says wants words in what a waiting request is told.
func (p *plant) says(e event, words ...string) {
	p.t.Helper()
	text := strings.ToLower(e.Cause + " " + e.Fix)
	for _, w := range words {
		if !strings.Contains(text, w) {
			p.t.Errorf("told to wait without a word of %q: %s", w, e.Raw)
		}
	}
}

// Without credentials of the relayer a deposit wallet's work waits, says so once, and is done by a service that has them.
func TestWorkWaitsForCredentials(t *testing.T) {
	inPlant(t, setup{accounts: []string{"deposit"}, idle: true}, func(p *plant) {
		p.startWith(withoutCredentials)
		p.askAs("deposit", "split", "split", "'condition_id':'coin','amount':'1','urgency':'high'")
		p.says(p.waits("deposit", "split"), "credentials")
		p.pass(5 * time.Minute)
		if n := len(p.of("deposit", "tx.waiting", "split")); n > 2 {
			t.Errorf("told %d times in five minutes, and nothing has changed", n)
		}
		p.last().Stop()
		p.start()
		p.confirmedAs("deposit", "split")
	})
}

// A Safe and a proxy wallet need no relayer: what was never given to it goes by own gas.
func TestWithoutCredentialsWorkGoesByOwnGas(t *testing.T) {
	for _, account := range []string{"main", "proxy"} {
		t.Run(account, func(t *testing.T) {
			inPlant(t, setup{accounts: []string{account}, idle: true}, func(p *plant) {
				p.startWith(withoutCredentials)
				p.askAs(account, "split", "split", "'condition_id':'coin','amount':'1','urgency':'high'")
				if e := p.confirmedAs(account, "split"); e.Carrier != "own_gas" {
					t.Errorf("it went by %s", e.Carrier)
				}
			})
		})
	}
}

// With the relayer down and nothing to pay gas with, a Safe's work waits, says what is missing, and is done when there is POL.
func TestWorkWaitsForGas(t *testing.T) {
	for _, account := range []string{"main", "eoa"} {
		t.Run("S2-50 "+account, func(t *testing.T) {
			inPlant(t, setup{accounts: []string{account}}, func(p *plant) {
				owner := common.HexToAddress(accountOf(t, account).Address)
				p.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = true })
				p.pay(p.raw(account), chain.Operator(), new(big.Int).Sub(p.venue.OnChain().Balance(owner), milliPOL(1)))
				p.pass(10 * time.Second)
				p.askAs(account, "split", "split", "'condition_id':'coin','amount':'1','urgency':'high'")
				p.says(p.waits(account, "split"), "pol")
				p.pass(5 * time.Minute)
				if p.end(account, "split") != nil {
					t.Fatal("it has ended without gas")
				}
				p.pay(chain.OperatorKey(), owner, milliPOL(10_000))
				if e := p.confirmedAs(account, "split"); e.Carrier != "own_gas" {
					t.Errorf("it went by %s", e.Carrier)
				}
			})
		})
	}
}

// milliPOL is so many thousandths of POL in wei.
func milliPOL(n int64) *big.Int {
	return new(big.Int).Mul(big.NewInt(n), big.NewInt(1_000_000_000_000_000))
}

func (p *plant) raw(account string) *ecdsa.PrivateKey {
	p.t.Helper()
	k, err := crypto.HexToECDSA(strings.TrimPrefix(accountOf(p.t, account).PrivateKey, "0x"))
	if err != nil {
		p.t.Fatal(err)
	}
	return k
}

// pay sends POL from one of the sandbox's accounts. What it costs is taken from the value.
func (p *plant) pay(from *ecdsa.PrivateKey, to common.Address, value *big.Int) {
	p.t.Helper()
	const transfer = 21_000
	price := big.NewInt(100_000_000_000)
	tx, err := types.SignNewTx(from, types.LatestSignerForChainID(big.NewInt(chain.ID)), &types.LegacyTx{
		Nonce: p.venue.OnChain().Nonce(crypto.PubkeyToAddress(from.PublicKey)), GasPrice: price, Gas: transfer, To: &to,
		Value: new(big.Int).Sub(value, new(big.Int).Mul(price, big.NewInt(transfer))),
	})
	if err == nil {
		err = p.venue.OnChain().Send(tx)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// Without an endpoint that answers, work waits, says so, and goes on when one does.
func TestWorkWaitsForAnEndpoint(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		for n := range 3 {
			p.venue.Node(n+1).Refuse(503, -1)
		}
		p.ask("split", "split", "'condition_id':'coin','amount':'1','urgency':'high'")
		p.says(p.waits("main", "split"), "endpoint")
		p.pass(10 * time.Minute)
		for n := range 3 {
			p.venue.Node(n+1).Refuse(0, 0)
		}
		p.confirmed("split")
	})
}

// With no endpoint configured at all, work waits and says what to configure.
func TestWorkWaitsForAConfiguredEndpoint(t *testing.T) {
	inPlant(t, setup{idle: true}, func(p *plant) {
		p.startWith(withoutEndpoints)
		p.ask("split", "split", "'condition_id':'coin','amount':'1','urgency':'high'")
		p.says(p.waits("main", "split"), "endpoint")
		p.last().Stop()
		p.start()
		p.confirmed("split")
	})
}

// A deposit wallet has nobody but the relayer: while that is down its work waits, says so, and goes on when it is back.
func TestDepositWalletWaitsForTheRelayer(t *testing.T) {
	inPlant(t, setup{accounts: []string{"deposit"}}, func(p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = true })
		p.askAs("deposit", "split", "split", "'condition_id':'coin','amount':'1','urgency':'high'")
		p.says(p.waits("deposit", "split"), "relayer")
		p.pass(30 * time.Minute)
		p.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = false })
		if e := p.confirmedAs("deposit", "split"); e.Carrier != "relayer" {
			t.Errorf("it went by %s", e.Carrier)
		}
	})
}
