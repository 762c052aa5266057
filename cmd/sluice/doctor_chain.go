package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sluice/pkg/evm"
	"sluice/pkg/evm/rehearse"
	"sluice/pkg/polymarket"
)

// chain checks the endpoints, and what of each account stands on the chain.
func (c *doctorCmd) chain(a *app, accounts []account) []finding {
	pool, err := c.pool(a.cli.Env, c.CLOB, nil)
	if err != nil {
		return []finding{said("rpc", err, "")}
	}
	defer pool.Close()
	at, err := polymarket.ContractsOn(polymarket.Polygon)
	if err != nil {
		return []finding{said("rpc", err, "")}
	}
	endpoints, usable := c.endpoints(a.ctx, pool, c.chainAt(a.cli.Env, c.CLOB), at)
	list := endpoints
	for _, acc := range accounts {
		list = append(list, derived(at, acc))
		if usable {
			list = append(list, onChain(a.ctx, pool, at, acc)...)
		}
	}
	return append(list, c.relayer(a.ctx, c.relayerAt(a.cli.Env, c.CLOB), accounts)...)
}

// standsStill is how old the newest block of a chain that lives can be: Polygon has one in two seconds.
const standsStill = time.Minute

// endpoints looks at each by itself, and says whether any can be used.
func (c *doctorCmd) endpoints(ctx context.Context, pool *evm.Pool, all []evm.Endpoint, at polymarket.Contracts) (list []finding, usable bool) {
	tries := 0
	for i, s := range pool.States(ctx) {
		f := finding{Check: s.Name, OK: s.Usable, Saw: s.Why}
		if !s.Usable {
			f.Fix = "see whether the address and its key are right, wait when it is behind, or replace it in --rpc"
			list = append(list, f)
			continue
		}
		usable = true
		age := time.Since(s.HeadAt).Round(time.Second)
		f.Saw = fmt.Sprintf("chain %d, block %d of %s ago, final %d, answers in %s", pool.ChainID(), s.Head, age, s.Finalized, s.Latency.Round(time.Millisecond))
		if age > standsStill {
			f.OK, f.Fix = false, "the endpoint, or the chain behind it, stands still: replace it in --rpc, or wait"
		}
		if err := overrides(ctx, all[i], at); err == nil {
			tries++
			f.Saw += ", tries calls before they are signed"
		} else {
			f.Saw += ", cannot try calls: " + err.Error()
		}
		list = append(list, f)
	}
	if usable && tries == 0 {
		list = append(list, finding{Check: "rehearsals", Saw: "no endpoint takes a state override in eth_call, so nothing can be tried before it is signed, and on-chain work waits",
			Fix: "name an endpoint that does in --rpc: nodes of bor and geth and most providers do"})
	}
	return list, usable
}

// overrides reports nil when an endpoint can try calls from a wallet that has not signed anything.
func overrides(ctx context.Context, e evm.Endpoint, at polymarket.Contracts) error {
	one, err := evm.NewPool(evm.PoolConfig{Endpoints: []evm.Endpoint{e}, HTTP: &http.Client{}})
	if err != nil {
		return err
	}
	defer one.Close()
	call := polymarket.CallOf(at.Collateral, polymarket.BalanceOf{Owner: at.Exchange})
	r, err := rehearse.Run(ctx, one, at.Exchange, []rehearse.Call{{To: call.To, Data: call.Data}})
	if err == nil && r.Failed >= 0 {
		err = errors.New("a call that cannot fail has failed")
	}
	return err
}

// derived compares an account's wallet with those that its key can have.
func derived(at polymarket.Contracts, acc account) finding {
	owner := acc.Key.Address()
	f := finding{Check: "address of " + string(acc.Name), OK: true, Saw: fmt.Sprintf("%s is the %s wallet of %s", acc.Funder.Hex(), acc.Kind, owner.Hex())}
	kinds := walletsOf(at, owner)
	for _, w := range kinds[acc.Kind] {
		if w == acc.Funder {
			return f
		}
	}
	f.OK = false
	f.Saw = fmt.Sprintf("%s is not the %s wallet that belongs to the key of %s: orders are signed for a wallet that it does not own, and the venue refuses them", acc.Funder.Hex(), acc.Kind, owner.Hex())
	f.Fix = fmt.Sprintf("set funder to %s, or use the key of the wallet's owner", kinds[acc.Kind][0].Hex())
	for _, kind := range []polymarket.WalletKind{polymarket.EOA, polymarket.Proxy, polymarket.Safe, polymarket.Deposit} {
		for _, w := range kinds[kind] {
			if w == acc.Funder {
				f.Fix = fmt.Sprintf("it is the key's %s wallet: set signature_type to %s", kind, kind)
			}
		}
	}
	return f
}

// walletsOf are the addresses at which wallets of a key can be.
func walletsOf(at polymarket.Contracts, owner polymarket.Address) map[polymarket.WalletKind][]polymarket.Address {
	proxy, _ := at.ProxyWallet(owner)
	uups, beacon := at.DepositWallets(owner)
	return map[polymarket.WalletKind][]polymarket.Address{polymarket.EOA: {owner}, polymarket.Proxy: {proxy}, polymarket.Safe: {at.SafeWallet(owner)}, polymarket.Deposit: {beacon, uups}}
}

// onChain looks at an account's wallet, its permissions and its owner's gas.
func onChain(ctx context.Context, pool *evm.Pool, at polymarket.Contracts, acc account) []finding {
	var code []byte
	var gas evm.Wei
	err := pool.Read(ctx, func(ctx context.Context, n *evm.Node) (err error) {
		if code, err = n.Client.CodeAt(ctx, acc.Funder, nil); err != nil {
			return err
		}
		b, err := n.Client.BalanceAt(ctx, acc.Key.Address(), nil)
		gas = evm.WeiFrom(b)
		return err
	})
	if err != nil {
		return []finding{said("wallet of "+string(acc.Name), err, "")}
	}
	list := []finding{deployed(acc, len(code) > 0), ownersGas(acc, gas)}
	if acc.Kind == polymarket.Safe && len(code) > 0 {
		list[0] = safeOf(ctx, pool, acc)
	}
	return append(list, approvals(ctx, pool, at, acc))
}
