package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/nats-io/nats.go"

	"sluice/pkg/evm"
	"sluice/pkg/evm/rehearse"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// deployed compares the kind of a wallet with whether a contract stands at its address.
func deployed(acc account, code bool) finding {
	f := finding{Check: "wallet of " + string(acc.Name), OK: true, Saw: fmt.Sprintf("a %s wallet, and a contract stands at %s", acc.Kind, acc.Funder.Hex())}
	switch {
	case acc.Kind == polymarket.EOA && code:
		f.OK, f.Saw = false, fmt.Sprintf("signature_type is eoa, and at %s stands a contract", acc.Funder.Hex())
		f.Fix = "an account of its own holds no code: set signature_type to what the wallet is (proxy, safe or deposit), or see to whom the account has delegated"
	case acc.Kind == polymarket.EOA:
		f.Saw = "the owner's own account"
	case acc.Kind == polymarket.Proxy && !code:
		f.Saw = fmt.Sprintf("no contract stands at %s yet; a proxy wallet comes with its first use", acc.Funder.Hex())
	case !code:
		f.OK, f.Saw = false, fmt.Sprintf("signature_type is %s, and nothing stands at %s: there is no such wallet on the chain yet, and what is sent there waits for it", acc.Kind, acc.Funder.Hex())
		f.Fix = "create it with: sluice tx deploy --account " + string(acc.Name)
	}
	return f
}

// Selectors of what a Safe is asked.
const (
	selOwners    = "0xa0e67e2b" // getOwners()
	selThreshold = "0xe75235b8" // getThreshold()
)

// safeOf asks a Safe who owns it.
func safeOf(ctx context.Context, pool *evm.Pool, acc account) finding {
	f := finding{Check: "wallet of " + string(acc.Name)}
	r, err := rehearse.Run(ctx, pool, acc.Funder, nil, rehearse.Call{To: acc.Funder, Data: common.FromHex(selOwners)}, rehearse.Call{To: acc.Funder, Data: common.FromHex(selThreshold)})
	owner := acc.Key.Address()
	switch {
	case err != nil && evm.KindOf(err) != evm.Reverted:
		return said(f.Check, err, "")
	case err != nil || len(r.Answers[0]) < 64 || len(r.Answers[1]) != 32:
		f.Saw = fmt.Sprintf("signature_type is safe, and what stands at %s does not answer as a Safe does", acc.Funder.Hex())
		f.Fix = "set signature_type to what the wallet is: proxy or deposit"
		return f
	}
	var owners []string
	mine := false
	for word := range slices.Chunk(r.Answers[0][64:], 32) {
		o := common.BytesToAddress(word)
		owners, mine = append(owners, o.Hex()), mine || o == owner
	}
	need := common.BytesToHash(r.Answers[1]).Big()
	f.Saw = fmt.Sprintf("a Safe of %s, %s signature needed", strings.Join(owners, ", "), need)
	switch {
	case !mine:
		f.Saw = fmt.Sprintf("the Safe at %s belongs to %s and not to the key of %s: it performs nothing that this key signs", acc.Funder.Hex(), strings.Join(owners, ", "), owner.Hex())
		f.Fix = "use the key of an owner, or set funder to the wallet of this key"
	case !need.IsInt64() || need.Int64() != 1:
		f.Saw = fmt.Sprintf("the Safe at %s needs %s signatures for what it does, and here is one key", acc.Funder.Hex(), need)
		f.Fix = "set its threshold to 1, or trade with another wallet"
	default:
		f.OK = true
	}
	return f
}

// lowGas is below what of POL an owner who must pay is warned: some tens of transactions at usual prices.
func lowGas() evm.Wei { return evm.Gwei(300_000_000) }

// ownersGas says how long the owner can pay.
func ownersGas(acc account, have evm.Wei) finding {
	can, _ := acc.Kind.Can()
	f := finding{Check: "gas of " + string(acc.Name), OK: true, Saw: fmt.Sprintf("the owner %s has %s POL", acc.Key.Address().Hex(), have.Coins())}
	switch {
	case can.OwnGas == polymarket.OwnGasNever:
		f.Saw += "; none is needed, as only the relayer acts for a " + acc.Kind.String() + " wallet"
	case have.Less(lowGas()) && can.Relayer:
		f.OK, f.Fix = false, fmt.Sprintf("send POL to %s: below %s it cannot bring what the relayer does not, when its units are gone or it is down", acc.Key.Address().Hex(), lowGas().Coins())
	case have.Less(lowGas()):
		f.OK, f.Fix = false, fmt.Sprintf("send POL to %s: it pays for all on-chain work of this account, and below %s that soon stops", acc.Key.Address().Hex(), lowGas().Coins())
	}
	return f
}

// approvals says which permissions of trading a wallet lacks.
func approvals(ctx context.Context, pool *evm.Pool, at polymarket.Contracts, acc account) finding {
	f := finding{Check: "approvals of " + string(acc.Name)}
	needed := at.Approvals()
	var questions []rehearse.Call
	for _, p := range needed {
		q := p.Ask(acc.Funder)
		questions = append(questions, rehearse.Call{To: q.To, Data: q.Data})
	}
	r, err := rehearse.Run(ctx, pool, acc.Funder, nil, questions...)
	if err != nil {
		return said(f.Check, err, "")
	}
	var orders, work []string // what orders need, and what only on-chain work does
	for i, p := range needed {
		given, err := p.Granted(r.Answers[i])
		switch {
		case err != nil:
			return said(f.Check, fmt.Errorf("%s: %w", p.Name, err), "is this an endpoint of Polygon?")
		case given:
		case p.Spender == at.Exchange || p.Spender == at.NegRiskExchange:
			orders = append(orders, p.Name)
		default:
			work = append(work, p.Name)
		}
	}
	f.OK = len(orders) == 0
	switch {
	case !f.OK:
		f.Saw = fmt.Sprintf("orders need what is missing: %s; they are refused for want of allowance, or fail to settle, with the money there", strings.Join(orders, ", "))
		f.Fix = "grant all in one unit with: sluice tx approve --account " + string(acc.Name)
	case len(work) > 0:
		f.Saw = fmt.Sprintf("all that orders need; %s will be granted with the first request that needs one", strings.Join(work, ", "))
	default:
		f.Saw = fmt.Sprintf("all %d that trading needs", len(needed))
	}
	return f
}

// worksFor says who brings the account's work onto the chain, and how much of that the venue's relayer still carries today. An
// account that only trades needs nobody.
func worksFor(nc *nats.Conn, account msgs.Account) finding {
	f := finding{Check: "work of " + string(account), OK: true}
	var q msgs.QuotaAnswer
	if err := ask(nc, msgs.SvcSubject("relayer", account, "quota"), msgs.Empty{}, &q); err != nil {
		f.Saw, f.Fix = "nobody brings work onto the chain: requests are stored and wait ("+explain(err).Cause+")", "where there is such work, start: sluice relayer"
		return f
	}
	f.Saw = fmt.Sprintf("a relayer runs; %d of %d units of today are used", q.Used, q.Limit)
	if q.Limit == 0 {
		f.Saw = fmt.Sprintf("a relayer runs; %d units are used, without a daily limit", q.Used)
	}
	switch {
	case q.BlockedUntilMS != nil && *q.BlockedUntilMS > time.Now().UnixMilli():
		f.OK, f.Saw = false, f.Saw+"; the venue carries nothing until "+time.UnixMilli(*q.BlockedUntilMS).UTC().Format(time.DateTime)+" UTC"
		f.Fix = "work goes by the owner's gas where the wallet can, else it waits: see sluice quota"
	case q.Warning:
		f.Fix = "more than half is gone: see sluice quota for when they run out"
	}
	return f
}

// relayer asks the venue's relayer for the account's own transactions, which costs nothing and needs the credentials.
func (c *doctorCmd) relayer(ctx context.Context, at string, accounts []account) []finding {
	var list []finding
	asked := map[polymarket.RelayerAuth]finding{}
	for _, acc := range accounts {
		if can, _ := acc.Kind.Can(); !can.Relayer {
			continue
		}
		check := "relayer for " + string(acc.Name)
		if acc.Relay == nil {
			list = append(list, finding{Check: check, Saw: "no credentials for the relayer are configured: nothing goes by it, and each transaction costs gas or waits",
				Fix: "name a file with relayer_credentials_file in the account's settings"})
			continue
		}
		f, known := asked[acc.Relay]
		if !known {
			f = login(ctx, &polymarket.Relayer{BaseURL: at, HTTP: &http.Client{Timeout: venueTimeout}, Auth: acc.Relay})
			asked[acc.Relay] = f
		}
		f.Check = check
		list = append(list, f)
	}
	return list
}

func login(ctx context.Context, r *polymarket.Relayer) finding {
	txs, err := r.Transactions(ctx)
	if err == nil {
		return finding{OK: true, Saw: fmt.Sprintf("%s takes the credentials, and knows %d recent transactions of theirs", r.BaseURL, len(txs))}
	}
	f := finding{Saw: fmt.Sprintf("%s: %v", r.BaseURL, err), Fix: "is it running? another is named with --relayer"}
	if e, ok := errors.AsType[*polymarket.RelayerError](err); ok {
		f.Fix = e.Fix()
	}
	return f
}
