package relayer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// pen turns payloads into what their carriers take. The same payload gives the same bytes, for ever. It is the only place where
// a unit is signed; polymarket's functions ask the policy about every call, read out of the very bytes, directly before.
type pen struct {
	who    Identity
	key    polymarket.Signer
	policy polymarket.Policy
}

// What is never signed, whoever asks.
var (
	errNotOurs     = errors.New("the payload is not of this account's wallet")
	errNotThatUnit = errors.New("the payload's fields do not make the hash that is on the log")
)

// newPen is the pen of an account with the permissions that its configuration gives.
func newPen(who Identity, key polymarket.Signer, others []polymarket.AllowedCall) pen {
	return pen{who, key, polymarket.Policy{Contracts: who.Contracts, Wallet: who.Wallet, SendTo: who.SendTo, Others: others}}
}

// calls reads what the unit makes its wallet do.
func (p pen) calls(u *msgs.TxPayload) ([]polymarket.Call, error) {
	wallet, err := polymarket.ParseAddress(u.Wallet)
	if err != nil || wallet != p.who.Wallet || u.Kind != p.who.Kind.String() || p.key.Address() != p.who.Owner {
		return nil, fmt.Errorf("read unit %s: %w", u.Unit, errNotOurs)
	}
	out := make([]polymarket.Call, len(u.Calls))
	for i, c := range u.Calls {
		if out[i].To, err = polymarket.ParseAddress(c.To); err != nil {
			return nil, fmt.Errorf("read call %d of unit %s: %w", i+1, u.Unit, err)
		}
		if out[i].Data, err = hex.DecodeString(strings.TrimPrefix(c.Data, "0x")); err != nil {
			return nil, fmt.Errorf("read call %d of unit %s: %w", i+1, u.Unit, err)
		}
	}
	return out, nil
}

// safe is a Safe's unit, unsigned.
func (p pen) safe(u *msgs.TxPayload) (polymarket.SafeTx, error) {
	calls, err := p.calls(u)
	if err != nil {
		return polymarket.SafeTx{}, err
	}
	bundle, err := p.who.Contracts.Bundle(calls)
	if err != nil {
		return polymarket.SafeTx{}, fmt.Errorf("bundle unit %s: %w", u.Unit, err)
	}
	t := polymarket.SafeTx{ChainID: p.who.ChainID, Safe: p.who.Wallet, Call: bundle, Nonce: u.Nonce}
	if u.Hash != "" && !strings.EqualFold(u.Hash, t.Hash().Hex()) {
		return polymarket.SafeTx{}, fmt.Errorf("sign unit %s: %w", u.Unit, errNotThatUnit)
	}
	return t, nil
}

// proxy is a proxy wallet's unit, unsigned.
func (p pen) proxy(u *msgs.TxPayload) (polymarket.ProxyTx, error) {
	calls, err := p.calls(u)
	return polymarket.ProxyTx{ChainID: p.who.ChainID, Owner: p.who.Owner, Calls: calls, Nonce: u.Nonce, Relay: u.Relay}, err
}

// batch is a deposit wallet's unit, unsigned.
func (p pen) batch(u *msgs.TxPayload) (polymarket.WalletBatch, error) {
	calls, err := p.calls(u)
	return polymarket.WalletBatch{ChainID: p.who.ChainID, Wallet: p.who.Wallet, Nonce: u.Nonce, Deadline: uint64(max(0, u.DeadlineS)), Calls: calls}, err
}

// relayed signs a unit in the relayer's form. The unit's name goes along as free text, where the form has room for some.
func (p pen) relayed(u *msgs.TxPayload) (polymarket.RelayerRequest, error) {
	none := polymarket.RelayerRequest{}
	switch {
	case p.who.Kind == polymarket.Safe && u.Create:
		if _, err := p.calls(u); err != nil {
			return none, err
		}
		s, err := polymarket.SignSafeCreate(p.key, p.who.ChainID)
		if err != nil {
			return none, err
		}
		return s.Request()
	case p.who.Kind == polymarket.Deposit && u.Create:
		if _, err := p.calls(u); err != nil {
			return none, err
		}
		return polymarket.WalletCreate(p.who.ChainID, p.who.Owner)
	case p.who.Kind == polymarket.Safe:
		t, err := p.safe(u)
		if err != nil {
			return none, err
		}
		s, err := polymarket.SignSafeTx(p.key, t, p.policy.Allow)
		if err != nil {
			return none, err
		}
		return s.Request(u.Unit)
	case p.who.Kind == polymarket.Proxy:
		t, err := p.proxy(u)
		if err != nil {
			return none, err
		}
		s, err := polymarket.SignProxyTx(p.key, t, p.policy.Allow)
		if err != nil {
			return none, err
		}
		return s.Request(u.Unit)
	case p.who.Kind == polymarket.Deposit:
		b, err := p.batch(u)
		if err != nil {
			return none, err
		}
		s, err := polymarket.SignWalletBatch(p.key, b, p.policy.Allow)
		if err != nil {
			return none, err
		}
		return s.Request("")
	}
	return none, fmt.Errorf("sign unit %s: %w: %s", u.Unit, polymarket.ErrNoWalletKind, p.who.Kind)
}

// ownGas is the transactions by which the owner brings a unit and pays for it: one for a wallet, one for each call where the
// wallet is the owner's account itself. For a Safe they hold the very payload that the relayer gets. A proxy wallet's need the
// relayer's definite refusal, as nothing on chain would stop a second execution.
func (p pen) ownGas(u *msgs.TxPayload, refusal *polymarket.RelayerError) ([]polymarket.Call, error) {
	calls, err := p.calls(u)
	if err != nil {
		return nil, err
	}
	one := polymarket.Call{}
	switch p.who.Kind {
	case polymarket.EOA:
		return calls, nil
	case polymarket.Safe:
		one, err = p.ownGasOfSafe(u)
	case polymarket.Proxy:
		t := polymarket.ProxyTx{ChainID: p.who.ChainID, Owner: p.who.Owner, Calls: calls}
		one, err = polymarket.SignedProxyTx{ProxyTx: t, Wallet: p.who.Wallet, Data: polymarket.ProxyCalls{Calls: calls}.Calldata()}.OwnGas(refusal)
	default:
		err = fmt.Errorf("bring unit %s: %w: own gas cannot bring work of a %s wallet", u.Unit, polymarket.ErrNoWalletKind, p.who.Kind)
	}
	return []polymarket.Call{one}, err
}

func (p pen) ownGasOfSafe(u *msgs.TxPayload) (polymarket.Call, error) {
	if u.Create {
		s, err := polymarket.SignSafeCreate(p.key, p.who.ChainID)
		if err != nil {
			return polymarket.Call{}, err
		}
		return s.OwnGas()
	}
	t, err := p.safe(u)
	if err != nil {
		return polymarket.Call{}, err
	}
	s, err := polymarket.SignSafeTx(p.key, t, p.policy.Allow)
	if err != nil {
		return polymarket.Call{}, err
	}
	return s.OwnGas(), nil
}

// vet is the last look at a transaction of the owner's account, directly before it is signed.
func (p pen) vet(to polymarket.Address, data []byte) error {
	return p.who.Contracts.VetOwnGas(p.who.Owner, polymarket.Call{To: to, Data: data}, p.policy.Allow)
}

// refusedBy is what a person is told about a unit that is not signed.
func refusedBy(err error) *msgs.Error {
	if d, ok := errors.AsType[*polymarket.Denied](err); ok {
		return &msgs.Error{Code: msgs.Code(d.Code), Cause: d.Cause, Fix: d.Fix}
	}
	return &msgs.Error{Code: msgs.Forbidden, Cause: "this is not signed: " + err.Error(), Fix: "nothing has left; ask for it in another form, and report it if the request was an ordinary one"}
}
