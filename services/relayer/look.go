package relayer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/holiman/uint256"

	"sluice/pkg/evm"
	"sluice/pkg/evm/rehearse"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Bounds of a look at the world.
const (
	tokensAtOnce = 100               // balances in one question: far below what a node's answer may take
	maxLookedAt  = 20 * tokensAtOnce // more would not fit into the questions of one request
	doorAgain    = 30 * time.Second  // after which a door that was found closed is worth another look
	busyAgain    = 5 * time.Second   // the same of a wallet that the relayer has something under way for
	// bringGas is what a transaction that brings a unit takes at the least: the owner's account must hold as much for one.
	bringGas = 300_000
)

// look reads all that packing must know.
func (p *performer) look(ctx context.Context, d Look) Looked {
	l := Looked{AtMS: time.Now().UnixMilli()}
	if l.Err = p.readWallet(ctx, d, &l); l.Err != nil {
		return l
	}
	held, err := p.holds.held(ctx)
	if err != nil {
		l.Unsure = &msgs.Error{Code: msgs.VenueDown, Cause: "nobody says what resting orders need: " + err.Error(),
			Fix: "start the account's executor or the ledger; requests that say allow_held do not wait for it"}
	}
	l.hold(p.who.Contracts, held)
	l.Relayer = p.relayerDoor(ctx, &l)
	l.OwnGas = p.gasDoor(ctx)
	if p.units == nil {
		return l
	}
	if l.Quota, err = p.units.View(ctx); err != nil {
		l.Err = unreachable("the book of the relayer's units cannot be read", err, "look at the NATS server")
	}
	return l
}

// hold puts what is held beside what there is.
func (l *Looked) hold(c polymarket.Contracts, held Held) {
	cash := l.Cash[c.Collateral]
	cash.Held = held.Cash
	l.Cash[c.Collateral] = cash
	for id, n := range held.Positions {
		token, err := polymarket.ParseTokenID(string(id))
		if a, wanted := l.Positions[token]; err == nil && wanted {
			a.Held = n
			l.Positions[token] = a
		}
	}
}

func unreachable(what string, err error, fix string) *msgs.Error {
	return &msgs.Error{Code: msgs.VenueDown, Cause: what + ": " + err.Error(), Fix: fix}
}

// errNoPool is said where no endpoint is configured.
var errNoPool = errors.New("no RPC endpoint is configured")

// chainDown is why the chain does not answer.
func chainDown(err error) *msgs.Error {
	fix := "it is asked again; look at the RPC endpoints"
	if none, ok := errors.AsType[*evm.UnavailableError](err); ok {
		fix = none.Fix()
	} else if errors.Is(err, errNoPool) {
		fix = (&evm.UnavailableError{}).Fix()
	}
	return unreachable("the chain cannot be read", err, fix)
}

// nonceOf is how the wallet's nonce is asked; ok is false for an EOA, whose nonce is the sender's affair.
func nonceOf(who Identity) (_ rehearse.Call, ok bool) {
	switch who.Kind {
	case polymarket.Safe, polymarket.Deposit:
		return rehearse.Call{To: who.Wallet, Data: polymarket.WalletNonce{}.Calldata()}, true
	case polymarket.Proxy:
		return rehearse.Call{To: who.Contracts.RelayHub, Data: polymarket.HubNonce{From: who.Owner}.Calldata()}, true
	}
	return rehearse.Call{}, false
}

// readWallet reads the wallet at one block of one endpoint.
func (p *performer) readWallet(ctx context.Context, d Look, l *Looked) *msgs.Error {
	if len(d.Tokens) > maxLookedAt {
		return &msgs.Error{Code: msgs.TooLarge, Cause: fmt.Sprintf("%d positions are to be looked at, at most %d", len(d.Tokens), maxLookedAt), Fix: "ask for less at once"}
	}
	var questions []rehearse.Call
	ask := func(c polymarket.Call) { questions = append(questions, rehearse.Call{To: c.To, Data: c.Data}) }
	c, money := p.who.Contracts, []polymarket.Address{p.who.Contracts.Collateral, p.who.Contracts.USDCe}
	nonce, hasNonce := nonceOf(p.who)
	if hasNonce {
		questions = append(questions, nonce)
	}
	for _, token := range money {
		ask(polymarket.CallOf(token, polymarket.BalanceOf{Owner: p.who.Wallet}))
	}
	for from := 0; from < len(d.Tokens); from += tokensAtOnce {
		some := d.Tokens[from:min(len(d.Tokens), from+tokensAtOnce)]
		owners := make([]polymarket.Address, len(some))
		for i := range owners {
			owners[i] = p.who.Wallet
		}
		ask(polymarket.CallOf(c.ConditionalTokens, polymarket.TokenBalances{Owners: owners, IDs: some}))
	}
	approvals := c.Approvals()
	if d.Approvals {
		for _, a := range approvals {
			ask(a.Ask(p.who.Wallet))
		}
	}
	var err error
	if l.Chain, err = p.chain.first(ctx); err != nil {
		return chainDown(err)
	}
	r, err := p.read(ctx, nil, questions...)
	if err != nil {
		return chainDown(err)
	}
	in := answers{left: r.Answers}
	l.Block, l.Deployed, l.Approvals = r.Block, true, d.Approvals
	if hasNonce {
		l.Nonce, l.Deployed = in.nonce()
		l.Deployed = l.Deployed || p.who.Kind == polymarket.Proxy
	}
	l.Cash, l.Positions = map[polymarket.Address]Amounts{}, map[polymarket.TokenID]Amounts{}
	for _, token := range money {
		l.Cash[token] = Amounts{Have: in.amount()}
	}
	for from := 0; from < len(d.Tokens); from += tokensAtOnce {
		some := d.Tokens[from:min(len(d.Tokens), from+tokensAtOnce)]
		for i, n := range in.amounts(len(some)) {
			l.Positions[some[i]] = Amounts{Have: n}
		}
	}
	if d.Approvals {
		for _, a := range approvals {
			if !in.granted(a) {
				l.Missing = append(l.Missing, a)
			}
		}
	}
	if in.err != nil {
		return chainDown(in.err)
	}
	return nil
}

// read asks questions at one block of one endpoint, and has calls tried there.
func (p *performer) read(ctx context.Context, calls []rehearse.Call, questions ...rehearse.Call) (rehearse.Result, error) {
	if p.pool == nil {
		return rehearse.Result{}, errNoPool
	}
	return rehearse.Run(ctx, p.pool, p.who.Wallet, calls, questions...)
}

// answers reads answers in the order of their questions; what comes after the first that cannot be read is zero.
type answers struct {
	left [][]byte
	err  error
}

func (a *answers) next() []byte {
	if len(a.left) == 0 {
		return nil
	}
	b := a.left[0]
	a.left = a.left[1:]
	return b
}

func (a *answers) note(err error) {
	if a.err == nil && err != nil {
		a.err = fmt.Errorf("read an answer of the chain: %w", err)
	}
}

// nonce reads a wallet's nonce; there is false where nothing stands at the wallet's address.
func (a *answers) nonce() (n uint64, there bool) {
	b := a.next()
	if len(b) == 0 {
		return 0, false
	}
	v, err := polymarket.ReadUint(b)
	a.note(err)
	return v.Uint64(), true
}

// units makes base units of what a token says; more than fits is cut off, and nobody has as much.
func units(v uint256.Int) int64 {
	if !v.IsUint64() || v.Uint64() > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(v.Uint64())
}

func (a *answers) amount() int64 {
	v, err := polymarket.ReadUint(a.next())
	a.note(err)
	return units(v)
}

func (a *answers) amounts(want int) []int64 {
	vs, err := polymarket.ReadUints(a.next())
	if err == nil && len(vs) != want {
		err = fmt.Errorf("%d balances for %d tokens", len(vs), want)
	}
	a.note(err)
	out := make([]int64, want)
	for i := range min(want, len(vs)) {
		out[i] = units(vs[i])
	}
	return out
}

func (a *answers) granted(of polymarket.Approval) bool {
	given, err := of.Granted(a.next())
	a.note(err)
	return given
}

// relayerDoor says whether the relayer can be used now; it asks the relayer something that costs nothing. Of a proxy wallet it also
// learns whom a signature must name, and the nonce as the relayer counts is not used: the chain's is.
func (p *performer) relayerDoor(ctx context.Context, l *Looked) Door {
	can, _ := p.who.Kind.Can()
	switch {
	case !can.Relayer:
		return Door{Code: msgs.NotCapable, Cause: "the relayer does nothing for an " + p.who.Kind.String() + " account", Fix: "its work goes by own gas"}
	case p.relay == nil:
		return Door{Code: msgs.Unauthorised, Cause: "no relayer is configured", Fix: "name its address, and a builder's API key or a relayer API key"}
	case p.relay.Auth == nil:
		return Door{Code: msgs.Unauthorised, Cause: "no credentials of the relayer are configured", Fix: (&polymarket.RelayerError{Reason: polymarket.RelayerNoLogin}).Fix()}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var err error
	if p.who.Kind == polymarket.Proxy {
		var payload polymarket.RelayPayload
		if payload, err = p.relay.RelayPayload(ctx, p.who.Owner); err == nil {
			l.Relay, err = polymarket.ParseAddress(payload.Relay)
		}
	} else {
		_, err = p.relay.Nonce(ctx, p.who.Owner, p.who.Kind)
	}
	p.pulse.read(ctx, err)
	if err == nil {
		if busy := p.busy(ctx); busy != nil {
			return Door{Code: msgs.VenueDown, Cause: busy.Message, Fix: "wait until that has ended", UntilMS: time.Now().Add(busyAgain).UnixMilli()}
		}
		return Door{Open: true}
	}
	return Door{Code: msgs.VenueDown, Cause: "the relayer does not answer: " + err.Error(), Fix: "it is asked again", UntilMS: time.Now().Add(doorAgain).UnixMilli()}
}

// gasDoor says whether the owner can bring a transaction now, and pay for it.
func (p *performer) gasDoor(ctx context.Context) Door {
	can, _ := p.who.Kind.Can()
	switch {
	case can.OwnGas == polymarket.OwnGasNever:
		return Door{Code: msgs.NotCapable, Cause: can.Waits, Fix: "wait for the relayer"}
	case p.sender == nil:
		none := p.noSender()
		return Door{Code: none.Code, Cause: none.Cause, Fix: none.Fix}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	s, err := p.sender.Status(ctx)
	if err != nil {
		return Door{Code: msgs.NoGas, Cause: "the sender of own transactions does not answer: " + err.Error(), Fix: "it is asked again", UntilMS: time.Now().Add(doorAgain).UnixMilli()}
	}
	if s.Stopped != "" {
		return Door{Code: msgs.NoGas, Cause: s.Stopped, Fix: "find out who else has the key, then resume the sender"}
	}
	have, need, err := p.gasMoney(ctx)
	if err != nil {
		down := chainDown(err)
		return Door{Code: msgs.NoGas, Cause: down.Cause, Fix: down.Fix, UntilMS: time.Now().Add(doorAgain).UnixMilli()}
	}
	if have.Less(need.Plus(s.Reserved)) {
		return Door{Code: msgs.NoGas, Cause: fmt.Sprintf("the owner's account has %s POL, and a transaction needs about %s", have.Coins(), need.Plus(s.Reserved).Coins()),
			Fix: "send POL to " + p.who.Owner.Hex()}
	}
	if used := s.Spent.Plus(s.Reserved).Plus(need); p.gasDay.Less(used) {
		return Door{Code: msgs.NoGas, Cause: fmt.Sprintf("with one more the last 24 hours would cost %s POL, and %s is the most", used.Coins(), p.gasDay.Coins()),
			Fix: "wait until earlier costs are a day old, or raise the bound", UntilMS: time.Now().Add(doorAgain).UnixMilli()}
	}
	return Door{Open: true}
}

// gasMoney is what the owner's account has, and what bringing a small unit would cost now.
func (p *performer) gasMoney(ctx context.Context) (have, need evm.Wei, err error) {
	var balance, price hexutil.Big
	err = p.pool.Read(ctx, func(ctx context.Context, n *evm.Node) error {
		questions := []rpc.BatchElem{
			{Method: "eth_getBalance", Args: []any{p.who.Owner, "latest"}, Result: &balance},
			{Method: "eth_gasPrice", Args: []any{}, Result: &price},
		}
		if err := n.Client.Client().BatchCallContext(ctx, questions); err != nil {
			return err
		}
		return errors.Join(questions[0].Error, questions[1].Error)
	})
	return evm.WeiFrom((*big.Int)(&balance)), evm.WeiFrom((*big.Int)(&price)).Times(bringGas), err
}
