package ledger

import (
	"context"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"sluice/pkg/evm"
	"sluice/pkg/msgs"
)

// begin looks at the first block of a local chain: what the chain is called, and what wallets have there.
func (f *finalLogs) begin(ctx context.Context) error {
	var first *evm.Header
	var given *Tx
	err := f.cfg.Pool.Read(ctx, func(ctx context.Context, n *evm.Node) (err error) {
		if err := n.Client.Client().CallContext(ctx, &first, "eth_getBlockByNumber", "earliest", false); err != nil {
			return err
		}
		if first == nil {
			return errNoBlock
		}
		given, err = f.cfg.held(ctx, n, first)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the first block of a local chain: %w", err)
	}
	f.chain = "evm " + strconv.FormatUint(f.cfg.Pool.ChainID(), 10) + " " + first.Hash.Hex()
	f.cfg.From, f.given = uint64(first.Number)+1, given
	return nil
}

// Selectors of what is asked for.
const (
	selBalance = "0x70a08231" // balanceOf(address)
	selShares  = "0x00fdd58e" // balanceOf(address,uint256)
)

// held is what wallets have at a block, as a transaction that gives it to them; nil when it is nothing.
func (c *Onchain) held(ctx context.Context, n *evm.Node, at *evm.Header) (*Tx, error) {
	x := &Tx{Seq: uint64(at.Number) << txBits, Block: uint64(at.Number), AtMS: at.At().UnixMilli(), Hash: msgs.TxHash(at.Hash.Hex()), Final: true}
	var batch []rpc.BatchElem
	var logs []Log
	put := func(to common.Address, data []byte, wallet common.Address, asset Asset) {
		call := map[string]any{"to": to, "data": hexutil.Bytes(data)}
		batch = append(batch, rpc.BatchElem{Method: "eth_call", Args: []any{call, map[string]any{"blockHash": at.Hash}}, Result: new(hexutil.Bytes)})
		logs = append(logs, Log{Transfer: &Transfer{Asset: asset, From: zeroAddress, To: strings.ToLower(wallet.Hex())}})
	}
	for _, w := range c.Wallets {
		put(c.Cash, append(hexutil.MustDecode(selBalance), common.LeftPadBytes(w.Bytes(), 32)...), w, Cash)
		for _, token := range c.Held {
			data := append(hexutil.MustDecode(selShares), common.LeftPadBytes(w.Bytes(), 32)...)
			put(c.Positions, append(data, token.FillBytes(make([]byte, 32))...), w, Asset(token.String()))
		}
	}
	if err := n.Client.Client().BatchCallContext(ctx, batch); err != nil {
		return nil, err
	}
	for i, b := range batch {
		if b.Error != nil {
			return nil, b.Error
		}
		if logs[i].Transfer.Amount = number(*b.Result.(*hexutil.Bytes)); logs[i].Transfer.Amount != 0 {
			x.Logs = append(x.Logs, logs[i])
		}
	}
	if len(x.Logs) == 0 {
		return nil, nil
	}
	return x, nil
}

// TokenIDs reads outcome tokens, for Held.
func TokenIDs(tokens []msgs.TokenID) (ids []*big.Int, err error) {
	for _, t := range tokens {
		id, ok := new(big.Int).SetString(string(t), 10)
		if !ok || id.Sign() < 0 || id.BitLen() > 256 {
			return nil, fmt.Errorf("read token %q: not a whole number of 256 bits", t)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
