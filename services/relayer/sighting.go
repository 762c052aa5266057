package relayer

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"sluice/pkg/evm"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// fate is what one endpoint shows of a unit. Two are equal when they say the same.
type fate struct {
	hash      common.Hash
	block     uint64
	blockHash common.Hash
	executed  bool
	used      bool // by something else
	usedBy    string
	expired   bool
	final     bool
}

// sighting reads a unit's fate at one endpoint.
type sighting struct {
	*watch
	n     *evm.Node
	head  *evm.Header
	final *evm.Header
	tx    *receipt // what executed it
}

// onChain reads the unit's fate. One that looks final counts when more than half of the endpoints that answer say exactly the same.
func (w *watch) onChain(ctx context.Context, s *Seen, hints []polymarket.Hash) error {
	agreed := w.pool.Finalized(ctx)
	var have fate
	var tx *receipt
	err := w.pool.Read(ctx, func(ctx context.Context, n *evm.Node) (err error) {
		at := sighting{watch: w, n: n}
		have, err = at.read(ctx, agreed, hints)
		tx = at.tx
		return err
	})
	if err != nil {
		return err
	}
	if have.final && !w.confirmed(ctx, agreed, hints, have) {
		have.final = false
		if have.used || have.expired {
			return errors.New("the endpoints do not agree about the wallet's nonce")
		}
	}
	s.Executed, s.NonceUsed, s.UsedBy, s.Expired, s.Final = have.executed, have.used && have.final, have.usedBy, have.expired && have.final, have.final
	if tx == nil || !have.executed {
		return nil
	}
	s.TxHash, s.Block, s.Carrier = "", uint64(tx.Block), msgs.ByRelayer
	if tx.Hash != (common.Hash{}) { // else nobody has told who made the wallet
		s.TxHash = msgs.TxHash(tx.Hash.Hex())
	}
	if tx.From == w.who.Owner {
		s.Carrier, s.GasPaid = msgs.ByOwnGas, tx.cost()
	}
	s.Effect, s.Payouts = effectOf(w.who, tx.logs()), payoutsOf(w.who, tx.logs())
	return nil
}

// confirmed asks every endpoint about a fate that one calls final.
func (w *watch) confirmed(ctx context.Context, agreed uint64, hints []polymarket.Hash, want fate) bool {
	var mu sync.Mutex
	votes, answers := 0, 0
	w.pool.Each(ctx, func(ctx context.Context, n *evm.Node) error {
		at := sighting{watch: w, n: n}
		f, err := at.read(ctx, agreed, hints)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if answers++; f == want {
			votes++
		}
		return nil
	})
	return 2*votes > answers
}

// read makes the fate of what an endpoint shows.
func (a *sighting) read(ctx context.Context, agreed uint64, hints []polymarket.Hash) (fate, error) {
	if err := a.ask(ctx, rpc.BatchElem{Method: "eth_getBlockByNumber", Args: []any{"latest", false}, Result: &a.head}); err != nil {
		return fate{}, err
	}
	if a.head == nil {
		return fate{}, errors.New("it has no latest block")
	}
	at := hexutil.Uint64(min(agreed, uint64(a.head.Number)))
	if err := a.ask(ctx, rpc.BatchElem{Method: "eth_getBlockByNumber", Args: []any{at, false}, Result: &a.final}); err != nil {
		return fate{}, err
	}
	if a.final == nil {
		return fate{}, errors.New("it does not have the final block")
	}
	// A proxy wallet's unit that the owner brings has nothing to do with the hub.
	if a.who.Kind == polymarket.Proxy && a.Carrier == msgs.ByOwnGas {
		return a.byHint(ctx, hints)
	}
	now, there, err := a.nonce(ctx, a.head)
	if err != nil {
		return fate{}, err
	}
	final, finally, err := a.nonce(ctx, a.final)
	if err != nil {
		return fate{}, err
	}
	if a.Unit.Create {
		return a.created(ctx, hints, there, finally)
	}
	if now <= a.Unit.Nonce {
		return fate{expired: a.expired(), final: a.expired()}, nil
	}
	return a.user(ctx, now, final, hints)
}

// expired reports whether a batch's deadline has passed in a final block in which it was not performed.
func (a *sighting) expired() bool {
	return a.Unit.DeadlineS > 0 && !a.Unit.Create && int64(a.final.Time) > a.Unit.DeadlineS
}

// judge reports whether a transaction performed this unit, or used up its nonce with it in vain; found is false when it has nothing
// to do with it.
func (a *sighting) judge(r *receipt) (_ fate, found bool) {
	f := fate{hash: r.Hash, block: uint64(r.Block), blockHash: r.BlockHash}
	success := false
	switch a.who.Kind {
	case polymarket.Safe:
		t, err := a.pen.safe(&a.Unit)
		if err != nil {
			return fate{}, false
		}
		success, found = polymarket.SafeResult(r.logs(), a.who.Wallet, t.Hash())
	case polymarket.Proxy:
		success, found = a.who.Contracts.HubResult(r.logs(), a.who.Owner)
		found = found && a.relayedThis(r.input)
	case polymarket.Deposit:
		success = r.Status == 1
		found = success && a.batchIsIn(r.input)
	}
	f.executed, f.used = found && success, found && !success
	return f, found
}

// relayedThis reports whether a transaction's calldata is the hub's call of this unit.
func (a *sighting) relayedThis(input []byte) bool {
	t, err := a.pen.proxy(&a.Unit)
	if err != nil {
		return false
	}
	m, err := polymarket.DecodeCalldata(input)
	if err != nil {
		return false
	}
	call, ok := m.(polymarket.RelayCall)
	return ok && call.From == a.who.Owner && call.Nonce.IsUint64() && call.Nonce.Uint64() == t.Nonce && bytes.Equal(call.Data, polymarket.ProxyCalls{Calls: t.Calls}.Calldata())
}

// batchIsIn reports whether a transaction of the factory holds this unit's batch.
func (a *sighting) batchIsIn(input []byte) bool {
	b, err := a.pen.batch(&a.Unit)
	if err != nil {
		return false
	}
	m, err := polymarket.DecodeCalldata(input)
	if err != nil {
		return false
	}
	d, ok := m.(polymarket.DepositProxy)
	return ok && slices.ContainsFunc(d.Batches, func(x polymarket.WalletBatch) bool {
		x.ChainID = b.ChainID
		return x.Hash() == b.Hash()
	})
}

// byHint is the fate of what the owner brought, in the transaction that the sender names.
func (a *sighting) byHint(ctx context.Context, hints []polymarket.Hash) (fate, error) {
	calls, err := a.pen.calls(&a.Unit)
	if err != nil {
		return fate{}, err
	}
	want := polymarket.CallOf(a.who.Contracts.ProxyFactory, polymarket.ProxyCalls{Calls: calls})
	for _, h := range hints {
		r, err := a.receipt(ctx, h)
		if err != nil {
			return fate{}, err
		}
		if r == nil || r.From != a.who.Owner || r.To == nil || *r.To != want.To || r.Status != 1 || !bytes.Equal(r.input, want.Data) {
			continue
		}
		a.tx = r
		return fate{hash: r.Hash, block: uint64(r.Block), blockHash: r.BlockHash, executed: true, final: uint64(r.Block) <= uint64(a.final.Number)}, nil
	}
	return fate{}, nil
}

// created is the fate of a wallet's creation: whoever made it.
func (a *sighting) created(ctx context.Context, hints []polymarket.Hash, there, finally bool) (fate, error) {
	f := fate{executed: there, final: there && finally}
	if !there {
		return f, nil
	}
	for _, h := range hints {
		r, err := a.receipt(ctx, h)
		if err != nil {
			return fate{}, err
		}
		if r != nil && r.Status == 1 {
			a.tx = r
			f.hash, f.block, f.blockHash = r.Hash, uint64(r.Block), r.BlockHash
			return f, nil
		}
	}
	a.tx = &receipt{Block: a.head.Number}
	return f, nil
}
