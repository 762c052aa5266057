package relayer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"sluice/pkg/evm"
	"sluice/pkg/evm/sender"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Bounds of looking for what has used a nonce.
const (
	logsAtOnce = 2_000   // blocks in one question for events; more is refused by some endpoints
	logsBack   = 100_000 // blocks that are looked through: two days
)

// receipt is a transaction in a block, as endpoints show it.
type receipt struct {
	Hash      common.Hash     `json:"transactionHash"`
	Block     hexutil.Uint64  `json:"blockNumber"`
	BlockHash common.Hash     `json:"blockHash"`
	From      common.Address  `json:"from"`
	To        *common.Address `json:"to"`
	Status    hexutil.Uint64  `json:"status"`
	GasUsed   hexutil.Uint64  `json:"gasUsed"`
	Price     *hexutil.Big    `json:"effectiveGasPrice"`
	Logs      []eventLog      `json:"logs"`
	input     []byte
}

type eventLog struct {
	Address common.Address `json:"address"`
	Topics  []common.Hash  `json:"topics"`
	Data    hexutil.Bytes  `json:"data"`
	TxHash  common.Hash    `json:"transactionHash"`
	Block   hexutil.Uint64 `json:"blockNumber"`
	Index   hexutil.Uint64 `json:"logIndex"`
}

func (r *receipt) logs() []polymarket.Log {
	out := make([]polymarket.Log, len(r.Logs))
	for i, l := range r.Logs {
		out[i] = polymarket.Log{Address: l.Address, Topics: l.Topics, Data: l.Data}
	}
	return out
}

func (r *receipt) cost() evm.Wei {
	if r.Price == nil {
		return evm.Wei{}
	}
	return evm.WeiFrom((*big.Int)(r.Price)).Times(uint64(r.GasUsed))
}

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
	s.Effect = effectOf(w.who, tx.logs())
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

// effectOf is what a transaction did to the wallet, by its events.
func effectOf(who Identity, logs []polymarket.Log) msgs.Effect {
	flows, _ := who.Contracts.Flows(logs, who.Wallet)
	out := msgs.Effect{}
	for _, f := range flows {
		name := f.ID.String()
		switch f.Token {
		case who.Contracts.Collateral:
			name = "pUSD"
		case who.Contracts.USDCe:
			name = "USDC.e"
		}
		if change := units(f.In) - units(f.Out); change != 0 {
			out[name] = money.Cash(change)
		}
	}
	return out
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

// user finds what has used the unit's nonce.
func (a *sighting) user(ctx context.Context, now, final uint64, hints []polymarket.Hash) (fate, error) {
	for _, h := range hints {
		r, err := a.receipt(ctx, h)
		if err != nil {
			return fate{}, err
		}
		if r == nil {
			continue
		}
		if f, found := a.judge(r); found {
			f.final = uint64(r.Block) <= uint64(a.final.Number) && final > a.Unit.Nonce
			a.tx = r
			return f, nil
		}
	}
	hash, err := a.nonceUser(ctx, now-a.Unit.Nonce)
	if err != nil {
		return fate{}, err
	}
	r, err := a.receipt(ctx, hash)
	if err != nil {
		return fate{}, err
	}
	if r == nil {
		return fate{}, errors.New("the transaction that used the nonce is not in the endpoint's chain")
	}
	f, found := a.judge(r)
	if !found {
		f = fate{used: true, usedBy: a.usedBy(r)}
	}
	f.final = uint64(r.Block) <= uint64(a.final.Number) && final > a.Unit.Nonce
	a.tx = r
	return f, nil
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

// usedBy is the Safe's own name for what a transaction made it do.
func (a *sighting) usedBy(r *receipt) string {
	if a.who.Kind != polymarket.Safe {
		return ""
	}
	for _, l := range r.Logs {
		if l.Address != a.who.Wallet || len(l.Topics) == 0 || !slices.Contains(polymarket.SafeTopics(), l.Topics[0]) {
			continue
		}
		if len(l.Topics) == 2 {
			return l.Topics[1].Hex()
		}
		if len(l.Data) >= len(common.Hash{}) {
			return common.Hash(l.Data[:len(common.Hash{})]).Hex()
		}
	}
	return ""
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

// nonce is the wallet's at a block; there is false where nothing stands at its address.
func (a *sighting) nonce(ctx context.Context, at *evm.Header) (n uint64, there bool, err error) {
	q, ok := nonceOf(a.who)
	if !ok {
		return 0, true, nil
	}
	var said hexutil.Bytes
	if err := a.ask(ctx, rpc.BatchElem{Method: "eth_call", Args: []any{q.Object(), at.Number}, Result: &said}); err != nil {
		return 0, false, err
	}
	in := answers{left: [][]byte{said}}
	n, there = in.nonce()
	return n, there, in.err
}

// receipt is a transaction with its input, nil when it is not in the endpoint's chain.
func (a *sighting) receipt(ctx context.Context, hash common.Hash) (*receipt, error) {
	var r *receipt
	var tx *struct {
		Input hexutil.Bytes `json:"input"`
	}
	if err := a.ask(ctx, rpc.BatchElem{Method: "eth_getTransactionReceipt", Args: []any{hash}, Result: &r},
		rpc.BatchElem{Method: "eth_getTransactionByHash", Args: []any{hash}, Result: &tx}); err != nil || r == nil || tx == nil {
		return nil, err
	}
	var block *evm.Header
	if err := a.ask(ctx, rpc.BatchElem{Method: "eth_getBlockByNumber", Args: []any{r.Block, false}, Result: &block}); err != nil {
		return nil, err
	}
	if block == nil || block.Hash != r.BlockHash {
		return nil, nil // of a block that was abandoned
	}
	r.input = tx.Input
	return r, nil
}

// nonceUser finds the transaction that used a nonce which is the k-th last of those that are used. A Safe and the hub write
// one event for each; a deposit wallet writes none that is known, so its are found by the transactions of the factory.
func (a *sighting) nonceUser(ctx context.Context, k uint64) (common.Hash, error) {
	var address common.Address
	var topics []any
	switch a.who.Kind {
	case polymarket.Safe:
		address, topics = a.who.Wallet, []any{polymarket.SafeTopics()}
	case polymarket.Proxy:
		address, topics = a.who.Contracts.RelayHub, []any{polymarket.HubTopic(), nil, common.BytesToHash(a.who.Owner.Bytes())}
	default:
		return a.batchUser(ctx)
	}
	head := uint64(a.head.Number)
	for to, low := head, head-min(head, logsBack); ; {
		from := max(low, to-min(to, logsAtOnce-1))
		var logs []eventLog
		filter := map[string]any{"address": address, "topics": topics, "fromBlock": hexutil.Uint64(from), "toBlock": hexutil.Uint64(to)}
		if err := a.ask(ctx, rpc.BatchElem{Method: "eth_getLogs", Args: []any{filter}, Result: &logs}); err != nil {
			return common.Hash{}, err
		}
		slices.SortFunc(logs, func(x, y eventLog) int { return cmp.Or(cmp.Compare(y.Block, x.Block), cmp.Compare(y.Index, x.Index)) })
		if uint64(len(logs)) >= k {
			return logs[k-1].TxHash, nil
		}
		k -= uint64(len(logs))
		if from == low {
			return common.Hash{}, fmt.Errorf("nothing in the last %d blocks tells what used nonce %d", head-low, a.Unit.Nonce)
		}
		to = from - 1
	}
}

// searchBack is how many blocks back every endpoint still has the state of.
const searchBack = 100

// batchUser finds the transaction of the factory in the block in which a deposit wallet's nonce passed the unit's.
func (a *sighting) batchUser(ctx context.Context) (common.Hash, error) {
	high := uint64(a.head.Number) // the nonce has passed here
	low := high - min(high, searchBack)
	passed := func(block uint64) (bool, error) {
		n, _, err := a.nonce(ctx, &evm.Header{Number: hexutil.Uint64(block)})
		return n > a.Unit.Nonce, err
	}
	if past, err := passed(low); err != nil || past {
		return common.Hash{}, errors.Join(err, fmt.Errorf("what used nonce %d is more than %d blocks old, and only the relayer knows it", a.Unit.Nonce, searchBack))
	}
	for low+1 < high {
		mid := low + (high-low)/2
		past, err := passed(mid)
		if err != nil {
			return common.Hash{}, err
		}
		if past {
			high = mid
		} else {
			low = mid
		}
	}
	var block *struct {
		Transactions []struct {
			Hash  common.Hash   `json:"hash"`
			Input hexutil.Bytes `json:"input"`
		} `json:"transactions"`
	}
	if err := a.ask(ctx, rpc.BatchElem{Method: "eth_getBlockByNumber", Args: []any{hexutil.Uint64(high), true}, Result: &block}); err != nil {
		return common.Hash{}, err
	}
	if block == nil {
		return common.Hash{}, errors.New("it does not have the block in which the nonce was used")
	}
	for _, tx := range block.Transactions {
		if m, err := polymarket.DecodeCalldata(tx.Input); err == nil {
			if d, ok := m.(polymarket.DepositProxy); ok && slices.ContainsFunc(d.Batches, func(b polymarket.WalletBatch) bool { return b.Wallet == a.who.Wallet && b.Nonce == a.Unit.Nonce }) {
				return tx.Hash, nil
			}
		}
	}
	return common.Hash{}, fmt.Errorf("no transaction of block %d shows what used nonce %d", high, a.Unit.Nonce)
}

// ask puts questions; the first that is not answered is the error.
func (a *sighting) ask(ctx context.Context, questions ...rpc.BatchElem) error {
	if err := a.n.Client.Client().BatchCallContext(ctx, questions); err != nil {
		return err
	}
	for _, q := range questions {
		if q.Error != nil {
			return q.Error
		}
	}
	return nil
}

// steps reads the fates of an EOA's transactions, which the sender knows.
func (w *watch) steps(ctx context.Context, s *Seen) error {
	agreed := w.pool.Finalized(ctx)
	s.Steps = make([]Step, len(w.Unit.Calls))
	s.Final, s.Executed, s.Carrier = true, true, msgs.ByOwnGas
	s.Effect = msgs.Effect{}
	for i := range s.Steps {
		step := &s.Steps[i]
		if n := slices.IndexFunc(w.Refused, func(r msgs.TxRefused) bool { return r.Call == i }); n >= 0 {
			step.Err, step.Final = w.Refused[n].Error, true
		} else if err := w.step(ctx, agreed, intentOf(&w.Unit, i), step); err != nil {
			return err
		}
		s.Final, s.Executed = s.Final && step.Final, s.Executed && step.Block > 0 && step.Err == nil
		s.GasPaid = s.GasPaid.Plus(step.GasPaid)
		if step.TxHash != "" {
			s.TxHash, s.Block = step.TxHash, step.Block
		}
		for name, change := range step.Effect {
			s.Effect[name] += change
		}
	}
	return nil
}

func (w *watch) step(ctx context.Context, agreed uint64, id string, out *Step) error {
	hash, _ := w.mined.of(id)
	r, ended := w.end(id)
	if ended {
		hash, out.Final, out.GasPaid = r.Hash, true, r.Cost
		switch r.Outcome {
		case sender.Failed:
			out.Err = revertedIn(r.Hash)
		case sender.Voided:
			out.Err = &msgs.Error{Code: msgs.Reverted, Cause: "the transaction was voided: " + r.Cause, Fix: "ask for it again"}
		}
	}
	if hash == (polymarket.Hash{}) || r.Outcome == sender.Voided {
		return nil
	}
	return w.pool.Read(ctx, func(ctx context.Context, n *evm.Node) error {
		at := sighting{watch: w, n: n}
		tx, err := at.receipt(ctx, hash)
		switch {
		case err != nil:
			return err
		case tx == nil && ended:
			return fmt.Errorf("it does not show transaction %s, which is final", hash)
		case tx == nil:
			return nil
		}
		out.TxHash, out.Block, out.GasPaid = msgs.TxHash(tx.Hash.Hex()), uint64(tx.Block), tx.cost()
		if out.Effect = effectOf(w.who, tx.logs()); tx.Status != 1 {
			out.Err = revertedIn(tx.Hash)
		}
		return nil
	})
}

func revertedIn(hash common.Hash) *msgs.Error {
	return &msgs.Error{Code: msgs.Reverted, Cause: "the transaction reverted on chain", Fix: "look at it: " + strings.ToLower(hash.Hex())}
}
