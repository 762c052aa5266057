package relay

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
	"sluice/services/relayer"
)

// counted is a key that counts its signatures.
type counted struct {
	polymarket.Signer
	n *atomic.Int64
}

// SignDigest signs and counts.
func (c counted) SignDigest(digest polymarket.Hash) ([]byte, error) {
	c.n.Add(1)
	return c.Signer.SignDigest(digest)
}

// counting has every account sign with a key that counts.
func counting(n *atomic.Int64) func(*relayer.Config) {
	return func(c *relayer.Config) {
		for i := range c.Accounts {
			c.Accounts[i].Key = counted{c.Accounts[i].Key, n}
		}
	}
}

// Whoever may publish anything still moves nothing to an address that the configuration does not list, for a wallet of any kind,
// by the relayer and by own gas: no signature is made. The same commands to a listed address are signed.
func TestForbiddenCommandsAreNeverSigned(t *testing.T) {
	stranger := polymarket.Address{0xba, 0xd0}.Hex()
	for _, account := range []string{"main", "proxy", "deposit", "eoa"} {
		t.Run(account, func(t *testing.T) {
			var signed atomic.Int64
			inPlant(t, setup{accounts: []string{account}, idle: true}, func(p *plant) {
				p.startWith(counting(&signed))
				const pol = "'asset':'POL','amount':'0.1','to':'%s'" // no schema accepts it
				forbidden := []string{
					"'asset':'pUSD','amount':'1','to':'%s'", "'asset':'USDC.e','amount':'1','to':'%s'", pol,
					"'asset':'pUSD','amount':'max','to':'%s'", "'token_id':'" + market(t, coin).Tokens[0] + "','amount':'1','to':'%s'",
					"'token_id':'" + market(t, coin).Tokens[0] + "','amount':'max','allow_held':true,'to':'%s'",
				}
				for i, down := range []bool{false, true} {
					p.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = down })
					for j, body := range forbidden {
						id := fmt.Sprintf("bad-%d-%d", i, j)
						seq := p.askAs(account, "transfer", id, body+",'urgency':'high'", stranger)
						if body == pol {
							p.unlawful[fmt.Sprintf("ASK_%s:%d", account, seq)] = true
						}
						if e := p.ended(account, id); e.Type == "tx.confirmed" || e.Error == nil || e.Error.Fix == "" {
							t.Errorf("%s ends as %s", body, e.Raw)
						}
					}
				}
				if n := signed.Load(); n != 0 || p.submits() != 0 || len(p.journal("execution")) != 0 {
					t.Errorf("%d signatures, %d submissions, %d executions", n, p.submits(), len(p.journal("execution")))
				}
				p.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = false })
				p.askAs(account, "transfer", "good", "'asset':'pUSD','amount':'1','to':'%s','urgency':'high'", friend().Hex())
				p.confirmedAs(account, "good")
				if signed.Load() == 0 {
					t.Error("the signatures are not counted")
				}
			})
		})
	}
}

// Two services have one account: the first owns it, the other takes over when the first falls, and nothing is done twice.
func TestSpareTakesOver(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		first := p.last()
		p.start()
		p.pass(10 * time.Second)
		var ids []string
		for i := range 6 {
			id := fmt.Sprintf("split-%d", i)
			p.ask("split", id, "'condition_id':'coin','amount':'%d','urgency':'high'", i+1)
			ids = append(ids, id)
			p.pass(1500 * time.Millisecond)
			if i == 3 {
				first.Kill()
			}
		}
		p.confirmed(ids...)
		if got, want := p.changed("main")["pUSD"], int64(-21*dollar); got != want {
			t.Errorf("pUSD has changed by %d, want %d", got, want)
		}
		if !slices.ContainsFunc(p.log("main"), func(e event) bool { return e.Type == "tx.confirmed" }) {
			t.Error("nothing is confirmed")
		}
	})
}
