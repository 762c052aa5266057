package relayer

import (
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/holiman/uint256"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Names of assets as commands and effects spell them.
const (
	assetPUSD  = "pUSD"
	assetUSDCe = "USDC.e"
)

// batch is calls in the making, in the order in which they can build on each other: approve, wrap, merge, redeem, convert, split,
// unwrap, transfer.
type batch struct {
	id      Identity
	ghostly func(msgs.RequestID) bool // stands in a payload that was given up and can still have effect
	calls   []PackCall
	grants  int
	needed  []polymarket.Approval // that some call takes
	shares  []msgs.TxShare
	splits  []netted
	done    []verdict // whose requests need no call
	rs      []*request
}

// build makes the calls of requests. What cannot be done with what the wallet has ends alone; what nets to nothing is done.
func build(id Identity, l *Looked, rs []*request, missing []polymarket.Approval, ghostly func(msgs.RequestID) bool) (*batch, []verdict) {
	var failed []verdict
	for {
		b := &batch{id: id, ghostly: ghostly, rs: rs}
		bad, err := b.fill(newPurse(id, l), rs)
		if bad != nil {
			failed = append(failed, verdict{r: bad, err: err})
			rs = but(rs, func(r *request) bool { return r == bad })
			continue
		}
		b.grant(missing)
		return b, append(failed, b.done...)
	}
}

// fill adds the calls of all requests. It stops at the first that cannot be done, which is then left out.
func (b *batch) fill(p *purse, rs []*request) (*request, *msgs.Error) {
	for _, part := range []func(*purse, []*request) (*request, *msgs.Error){b.wraps, b.merges, b.redeems, b.converts, b.split, b.unwraps, b.transfers} {
		if bad, err := part(p, rs); bad != nil {
			return bad, err
		}
	}
	return nil, nil
}

// grant puts the missing permissions in front, all of them, when one is asked for or taken; where none is missing, whoever asked
// has them.
func (b *batch) grant(missing []polymarket.Approval) {
	asked := of(b.rs, msgs.VerbApprove)
	if len(missing) == 0 {
		for _, r := range asked {
			b.done = append(b.done, verdict{r: r})
		}
		return
	}
	wanted := len(asked) > 0 || slices.ContainsFunc(missing, func(a polymarket.Approval) bool { return slices.Contains(b.needed, a) })
	if !wanted {
		return
	}
	for _, r := range asked {
		b.share(r, nil, false)
	}
	var grants []PackCall
	for _, a := range missing {
		grants = append(grants, PackCall{Call: a.Grant()})
	}
	b.grants, b.calls = len(grants), append(grants, b.calls...)
}

// call adds a call for requests, and notes which permission it takes.
func (b *batch) call(rs []*request, c polymarket.Call) {
	b.calls = append(b.calls, PackCall{Requests: ids(rs), Call: c})
	token, spender, ok := needs(b.id.Contracts, rs[0].Verb, rs[0].NegRisk)
	if !ok {
		return
	}
	for _, a := range b.id.Contracts.Approvals() {
		if a.Token == token && a.Spender == spender {
			b.needed = append(b.needed, a)
		}
	}
}

func (b *batch) share(r *request, e msgs.Effect, unknown bool) {
	b.shares = append(b.shares, msgs.TxShare{RequestID: r.ID, Effect: e, Unknown: unknown})
}

// requests are those that stand in the calls, in the order of the queue.
func (b *batch) requests() []msgs.RequestID {
	var out []msgs.RequestID
	for _, r := range b.rs {
		if slices.ContainsFunc(b.shares, func(s msgs.TxShare) bool { return s.RequestID == r.ID }) {
			out = append(out, r.ID)
		}
	}
	return out
}

func of(rs []*request, verb string) (out []*request) {
	for _, r := range rs {
		if r.Verb == verb {
			out = append(out, r)
		}
	}
	return out
}

// groups gathers requests by their condition, in order.
func groups(rs []*request, verbs ...string) (out [][]*request) {
	at := map[msgs.ConditionID]int{}
	for _, r := range rs {
		if !slices.Contains(verbs, r.Verb) {
			continue
		}
		c := conditionOf(r.command)
		i, ok := at[c]
		if !ok {
			i = len(out)
			at[c] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	return out
}

func (b *batch) wraps(p *purse, rs []*request) (*request, *msgs.Error) {
	rs = of(rs, msgs.VerbWrap)
	var sum int64
	for _, r := range rs {
		a, err := p.take(p.usdce, r.command.(*msgs.Wrap).Amount, assetUSDCe, true)
		if err != nil {
			return r, err
		}
		p.pusd.Have = plus(p.pusd.Have, a)
		sum = plus(sum, a)
		b.share(r, msgs.Effect{assetUSDCe: -money.Cash(a), assetPUSD: money.Cash(a)}, false)
	}
	if sum > 0 {
		b.call(rs, b.id.Contracts.Wrap(b.id.Wallet, polymarket.Units(sum)))
	}
	return nil, nil
}

func (b *batch) unwraps(p *purse, rs []*request) (*request, *msgs.Error) {
	rs = of(rs, msgs.VerbUnwrap)
	var sum int64
	for _, r := range rs {
		a, err := p.take(p.pusd, r.command.(*msgs.Unwrap).Amount, assetPUSD, false)
		if err != nil {
			return r, err
		}
		p.usdce.Have = plus(p.usdce.Have, a)
		sum = plus(sum, a)
		b.share(r, msgs.Effect{assetPUSD: -money.Cash(a), assetUSDCe: money.Cash(a)}, false)
	}
	if sum > 0 {
		b.call(rs, b.id.Contracts.Unwrap(b.id.Wallet, polymarket.Units(sum)))
	}
	return nil, nil
}

// redeems takes a condition once, whoever asked: a redemption takes everything.
func (b *batch) redeems(p *purse, rs []*request) (*request, *msgs.Error) {
	for _, g := range groups(rs, msgs.VerbRedeem) {
		all := msgs.Effect{}
		for _, id := range g[0].positions() {
			all[id.String()] = -money.Cash(max(0, p.token(id).Have))
			p.token(id).Have = 0
		}
		p.unknown = true
		b.shares = append(b.shares, msgs.TxShare{RequestID: g[0].ID, Effect: all, Unknown: true, Redeems: conditionOf(g[0].command)})
		for _, r := range g[1:] {
			b.share(r, nil, false)
		}
		b.call(g, b.id.Contracts.Redeem(g[0].NegRisk, hashOf(conditionOf(g[0].command))))
	}
	return nil, nil
}

func (b *batch) converts(p *purse, rs []*request) (*request, *msgs.Error) {
	for _, g := range groups(rs, msgs.VerbConvert) {
		var sum int64
		for _, r := range g {
			tokens := r.positions()
			if len(tokens) != 2 {
				return r, failure(msgs.UnknownToken, "the market's shares are not known", "send it again later")
			}
			a, err := p.take(p.token(tokens[1]), r.command.(*msgs.Convert).Amount, "No shares", false)
			if err != nil {
				return r, err
			}
			sum = plus(sum, a)
			b.share(r, msgs.Effect{tokens[1].String(): -money.Cash(a)}, true)
		}
		event, index := polymarket.NegRiskEvent(common.HexToHash(g[0].Question))
		set := new(uint256.Int).Lsh(uint256.NewInt(1), uint(index))
		b.call(g, b.id.Contracts.Convert(event, *set, polymarket.Units(sum)))
	}
	return nil, nil
}

func (b *batch) transfers(p *purse, rs []*request) (*request, *msgs.Error) {
	for _, r := range of(rs, msgs.VerbTransfer) {
		c := r.command.(*msgs.Transfer)
		to, on := common.HexToAddress(c.To), b.id.Contracts
		var from *Amounts
		var name string
		var send func(uint256.Int) polymarket.Call
		switch {
		case c.TokenID != "":
			token, _ := polymarket.ParseTokenID(string(c.TokenID)) // judged when it was asked
			from, name = p.token(token), string(c.TokenID)
			send = func(a uint256.Int) polymarket.Call { return on.TransferPosition(b.id.Wallet, to, token, a) }
		case c.Asset == assetPUSD:
			from, name = p.pusd, assetPUSD
			send = func(a uint256.Int) polymarket.Call { return on.Transfer(on.Collateral, to, a) }
		case c.Asset == assetUSDCe:
			from, name = p.usdce, assetUSDCe
			send = func(a uint256.Int) polymarket.Call { return on.Transfer(on.USDCe, to, a) }
		default: // in a log of another version: of money nothing is guessed
			return r, failure(msgs.BadValue, c.Asset+" is nothing that a transfer moves", "use pUSD, USDC.e or a token_id")
		}
		a, err := p.take(from, c.Amount, name, c.AllowHeld)
		if err != nil {
			return r, err
		}
		b.share(r, msgs.Effect{name: -money.Cash(a)}, false)
		b.call([]*request{r}, send(polymarket.Units(a)))
	}
	return nil, nil
}

func hashOf(c msgs.ConditionID) polymarket.Hash { return common.HexToHash(string(c)) }

func callText(c polymarket.Call) msgs.TxCall {
	return msgs.TxCall{To: addressText(c.To), Data: hexutil.Encode(c.Data)}
}
