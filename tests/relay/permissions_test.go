package relay

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox/chain"
	"sluice/pkg/sandbox/judge"
)

// Somebody takes back on chain, behind the service's back, a permission that a split needs. The next split is confirmed all the same,
// with the permission given anew in its own unit: at once, after a restart, and when what is known of the permissions is a day old.
func TestRevokedPermissionIsNoticed(t *testing.T) {
	restart := func(away time.Duration) func(*plant) {
		return func(p *plant) {
			p.last().Stop()
			p.pass(away)
			p.start()
		}
	}
	for _, c := range []struct {
		when, account string
		full          bool // on demand: a day at work is a minute of this test's
		until         func(*plant)
	}{
		{"S2-38 at once", "main", false, func(*plant) {}},
		{"S2-38 at once", "eoa", true, func(*plant) {}},
		{"S2-36 after a restart", "main", true, restart(0)},
		{"S2-36 after a restart", "eoa", false, restart(0)},
		{"S2-37 after 25 hours away", "main", false, restart(25 * time.Hour)},
		{"S2-37 after 25 hours away", "eoa", true, restart(25 * time.Hour)},
		{"S2-37 after 25 hours at work", "main", true, func(p *plant) { p.pass(25 * time.Hour) }},
		{"S2-37 after 25 hours at work", "eoa", true, func(p *plant) { p.pass(25 * time.Hour) }},
	} {
		if c.full && !everything() {
			continue
		}
		wrong := map[judge.Kind]int{}
		if c.account == "main" {
			wrong[judge.Untold] = 1 // the revocation itself, which used the wallet's nonce and which nobody told
		}
		t.Run(c.when+" "+c.account, func(t *testing.T) {
			inPlant(t, setup{accounts: []string{c.account}, wrong: wrong}, func(p *plant) { p.losesAPermission(c.account, c.until) })
		})
	}
}

// losesAPermission revokes one between two splits.
func (p *plant) losesAPermission(account string, until func(*plant)) {
	on := chain.Polygon()
	p.askAs(account, "split", "before", "'condition_id':'coin','amount':'1','urgency':'high'")
	p.confirmedAs(account, "before")
	p.revoke(account)
	if p.mayTake(account, on.PUSD, on.CollateralAdapter) {
		p.t.Fatal("the permission is still there")
	}
	until(p)
	spent := p.units()
	p.askAs(account, "split", "after", "'condition_id':'coin','amount':'1','urgency':'high'")
	e := p.confirmedAs(account, "after")
	if !p.mayTake(account, on.PUSD, on.CollateralAdapter) {
		p.t.Error("the permission was not given anew")
	}
	sealed := p.of(account, "tx.sealed", "after")
	if len(sealed) != 1 || sealed[0].Unit != e.Unit || !sealed[0].grants(on.PUSD, on.CollateralAdapter) {
		p.t.Errorf("sealed %v, confirmed %s", sealed, e.Raw)
	}
	if n, want := p.units()-spent, map[string]int{"main": 1}[account]; n != want {
		p.t.Errorf("%d units for a permission and a split, want %d", n, want)
	}
}

// revoke takes an account's pUSD away from the adapter that splits: an EOA by its own transaction, a Safe by one that its owner has signed
// and anybody may bring.
func (p *plant) revoke(account string) {
	p.t.Helper()
	on := chain.Polygon()
	data, err := chain.Interface("Token").Pack("approve", on.CollateralAdapter, new(big.Int))
	if err != nil {
		p.t.Fatal(err)
	}
	call, wallet := polymarket.Call{To: on.PUSD, Data: data}, common.HexToAddress(accountOf(p.t, account).Funder)
	if account != "eoa" {
		t := polymarket.SafeTx{ChainID: polymarket.Polygon, Safe: wallet, Call: call, Nonce: p.venue.OnChain().SafeNonce(wallet).Uint64()}
		signed, err := polymarket.SignSafeTx(p.key(account), t, func(polymarket.Address, polymarket.Leg) error { return nil })
		if err != nil {
			p.t.Fatal(err)
		}
		call = signed.OwnGas()
		if _, err := p.venue.OnChain().Operate(call.To, call.Data, 500_000); err != nil {
			p.t.Fatal(err)
		}
	} else {
		p.send(account, call)
	}
	p.pass(10 * time.Second)
}

// send has an EOA perform a call by itself.
func (p *plant) send(account string, call polymarket.Call) {
	p.t.Helper()
	key := p.raw(account)
	tx, err := types.SignNewTx(key, types.LatestSignerForChainID(big.NewInt(chain.ID)), &types.LegacyTx{Nonce: p.venue.OnChain().Nonce(crypto.PubkeyToAddress(key.PublicKey)),
		GasPrice: big.NewInt(100_000_000_000), Gas: 200_000, To: &call.To, Data: call.Data})
	if err == nil {
		err = p.venue.OnChain().Send(tx)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// grants reports whether the unit of a sealed event gives a spender a permission without limit.
func (e *event) grants(token, spender common.Address) bool {
	var sealed struct {
		Payload struct {
			Calls []struct {
				To   common.Address
				Data hexutil.Bytes
			}
		}
	}
	if json.Unmarshal([]byte(e.Raw), &sealed) != nil {
		return false
	}
	want, err := chain.Interface("Token").Pack("approve", spender, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)))
	for _, c := range sealed.Payload.Calls {
		if err == nil && c.To == token && strings.EqualFold(hexutil.Encode(want), c.Data.String()) {
			return true
		}
	}
	return false
}
