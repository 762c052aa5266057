package polymarket

import (
	"errors"
	"fmt"

	"github.com/holiman/uint256"
)

// Operation says how a Safe performs a call.
type Operation uint8

// The two operations with the numbers of the wire.
const (
	PlainCall    Operation = iota // CALL
	DelegateCall                  // DELEGATECALL: foreign code with the wallet's own powers, for MultiSend only
)

// String is call or delegatecall.
func (o Operation) String() string {
	switch o {
	case PlainCall:
		return "call"
	case DelegateCall:
		return "delegatecall"
	}
	return fmt.Sprintf("operation-%d", uint8(o))
}

// Call is one call of a contract: what a wallet is to do, or a transaction without its gas.
type Call struct {
	To        Address
	Value     uint256.Int // wei of the chain's coin, 0 for all that trading needs
	Data      []byte
	Operation Operation
}

// CallOf is a plain call without value.
func CallOf(to Address, m Method) Call { return Call{To: to, Data: m.Calldata()} }

// MaxLegs bounds the calls of one batch: more would not fit into a block with what one costs.
const MaxLegs = 256

// ErrBadBatch reports calls that cannot be one transaction of a wallet.
var ErrBadBatch = errors.New("bad batch")

// Bundle is the one call by which a Safe performs several, in order, all or none: the call itself when there is one, else
// MultiSend. Errors: ErrBadBatch.
func (c Contracts) Bundle(calls []Call) (Call, error) {
	if err := checkBatch(calls); err != nil {
		return Call{}, err
	}
	if len(calls) == 1 {
		return calls[0], nil
	}
	out := Call{To: c.SafeMultiSend, Data: MultiSend{calls}.Calldata(), Operation: DelegateCall}
	if len(out.Data) > MaxCalldata {
		return Call{}, fmt.Errorf("%w: %d bytes of calldata, at most %d", ErrBadBatch, len(out.Data), MaxCalldata)
	}
	return out, nil
}

func checkBatch(calls []Call) error {
	if len(calls) == 0 || len(calls) > MaxLegs {
		return fmt.Errorf("%w: %d calls, want 1 to %d", ErrBadBatch, len(calls), MaxLegs)
	}
	size := 0
	for i, k := range calls {
		if k.Operation != PlainCall {
			return fmt.Errorf("%w: call %d is a %s", ErrBadBatch, i, k.Operation)
		}
		size += len(k.Data)
	}
	if size > MaxCalldata {
		return fmt.Errorf("%w: %d bytes of calldata, at most %d", ErrBadBatch, size, MaxCalldata)
	}
	return nil
}

// Leg is one plain call with what its calldata says.
type Leg struct {
	Call
	Method Method // nil when the function is not one of this package's; Data is all that is known then
}

// Selector is the first four bytes of the calldata, zero when there are none.
func (l Leg) Selector() (s [selectorLen]byte) {
	copy(s[:], l.Data)
	return s
}

// Legs reads what a wallet would do out of the very call it is to perform: a MultiSend is taken apart. Whatever could hide a
// leg is refused: any other delegatecall, delegatecalls inside, a MultiSend inside, calldata of a known function
// that is not spelled as contracts' tools do. Errors: ErrBadBatch, ErrBadCalldata.
func (c Contracts) Legs(k Call) ([]Leg, error) {
	if k.Operation == PlainCall {
		return readLegs([]Call{k})
	}
	m, err := DecodeCalldata(k.Data)
	if err != nil {
		return nil, err
	}
	batch, ok := m.(MultiSend)
	if !ok || k.Operation != DelegateCall || k.To != c.SafeMultiSend || !k.Value.IsZero() {
		return nil, fmt.Errorf("%w: %s of %s: only MultiSend may act with the wallet's powers", ErrBadBatch, k.Operation, k.To)
	}
	return readLegs(batch.Calls)
}

func readLegs(calls []Call) ([]Leg, error) {
	if err := checkBatch(calls); err != nil {
		return nil, err
	}
	out := make([]Leg, len(calls))
	for i, k := range calls {
		out[i].Call = k
		if len(k.Data) == 0 {
			continue
		}
		m, err := DecodeCalldata(k.Data)
		switch {
		case errors.Is(err, ErrUnknownSelector):
			continue
		case err != nil:
			return nil, fmt.Errorf("read call %d of %d: %w", i+1, len(calls), err)
		}
		if wraps(m) {
			return nil, fmt.Errorf("%w: call %d hides calls of its own in %s", ErrBadBatch, i+1, m.Signature())
		}
		out[i].Method = m
	}
	return out, nil
}

// wraps reports whether a function performs calls that stand in its arguments.
func wraps(m Method) bool {
	switch m.(type) {
	case MultiSend, ExecTransaction, ProxyCalls, DepositProxy, RelayCall:
		return true
	}
	return false
}

// Allow decides whether a wallet may perform a leg; an error says why not and is what signing fails with. Every function here
// that signs for a wallet's money asks it about every leg, read out of the calldata that is signed.
type Allow func(wallet Address, leg Leg) error

// ErrNoPolicy reports that signing was asked for without an Allow.
var ErrNoPolicy = errors.New("no policy given")

// vet asks about every leg before anything is signed. A call of the wallet to itself could change who owns it, so only the empty
// one, which does nothing but use up a nonce, is let through, and nobody is asked about it.
func vet(wallet Address, legs []Leg, allow Allow) error {
	if allow == nil {
		return ErrNoPolicy
	}
	for i, l := range legs {
		var err error
		switch {
		case l.To != wallet:
			err = allow(wallet, l)
		case len(l.Data) > 0 || !l.Value.IsZero():
			err = fmt.Errorf("%w: the wallet calls itself", ErrBadTransaction)
		}
		if err != nil {
			return fmt.Errorf("call %d of %d: %w", i+1, len(legs), err)
		}
	}
	return nil
}

// VetOwnGas is the last look at a transaction of owner's account that Sluice pays for: what it would do, also through the
// owner's wallets, is read out of its calldata and allow is asked about every leg. It must pass directly before the
// transaction is signed. Creating the owner's Safe and the empty call to oneself, which frees a nonce, need no permission. Errors:
// ErrBadTransaction, ErrBadBatch, ErrBadCalldata, ErrNoPolicy, and those of allow.
func (c Contracts) VetOwnGas(owner Address, k Call, allow Allow) error {
	if k.Operation != PlainCall {
		return fmt.Errorf("vet transaction: %w: an account makes no %s", ErrBadTransaction, k.Operation)
	}
	wallet, legs, err := c.performed(owner, k)
	if err == nil {
		err = vet(wallet, legs, allow)
	}
	if err != nil {
		return fmt.Errorf("vet transaction: %w", err)
	}
	return nil
}

// performed is whose calls a transaction of owner leads to.
func (c Contracts) performed(owner Address, k Call) (wallet Address, legs []Leg, err error) {
	m, err := DecodeCalldata(k.Data)
	if err != nil && (len(k.Data) > 0 && !errors.Is(err, ErrUnknownSelector)) {
		return Address{}, nil, err
	}
	if m != nil && (wraps(m) || k.To == c.SafeFactory) && !k.Value.IsZero() {
		return Address{}, nil, fmt.Errorf("%w: %s with %s wei", ErrBadTransaction, m.Signature(), k.Value.Dec())
	}
	switch m := m.(type) {
	case CreateProxy:
		if k.To != c.SafeFactory || !m.Payment.IsZero() {
			return Address{}, nil, fmt.Errorf("%w: creation of a Safe at %s for a payment of %s", ErrBadTransaction, k.To, m.Payment.Dec())
		}
		return owner, nil, nil
	case ExecTransaction:
		if !m.GasPrice.IsZero() || !m.BaseGas.IsZero() || !m.SafeTxGas.IsZero() {
			return Address{}, nil, fmt.Errorf("%w: the Safe would pay for gas", ErrBadTransaction)
		}
		legs, err = c.Legs(m.Call)
		return k.To, legs, err
	case ProxyCalls:
		wallet, _ = c.ProxyWallet(owner)
		if k.To != c.ProxyFactory || k.To == (Address{}) {
			return Address{}, nil, fmt.Errorf("%w: %s is not the proxy wallets' factory", ErrBadTransaction, k.To)
		}
		legs, err = readLegs(m.Calls)
		return wallet, legs, err
	}
	legs, err = readLegs([]Call{k})
	return owner, legs, err
}
