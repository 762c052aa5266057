package sandbox

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"sluice/pkg/money"
	evm "sluice/pkg/sandbox/chain"
	"sluice/pkg/sandbox/engine"
	"sluice/pkg/sandbox/relay"
)

const (
	// ownerGas is what the owner of each wallet has for gas, in POL.
	ownerGas = 1000
	// bridged is what each wallet has of USDC.e, which is not in the books until it is wrapped.
	bridged = 10_000 * money.Unit
)

// startChain puts the sandbox's accounts and markets on a chain. It is called before they trade.
func (s *Sandbox) startChain(accounts []Account) error {
	cfg := evm.Config{Log: s.log}
	for _, m := range s.markets {
		cfg.Markets = append(cfg.Markets, m.onChain())
	}
	for _, name := range s.cfg.Unmade {
		if !slices.ContainsFunc(accounts, func(a Account) bool { return a.Name == name }) {
			return fmt.Errorf("leave a wallet unmade: the sandbox has no account %q", name)
		}
	}
	for _, a := range accounts {
		w := s.wallets[common.HexToAddress(a.Funder)]
		var shares int64
		for _, h := range w.shares {
			shares = h.have
		}
		cfg.Accounts = append(cfg.Accounts, evm.Account{Owner: w.owner, Kind: evm.Kind(w.kind), USDCe: bridged, PUSD: w.cash, Shares: shares, Gas: ownerGas,
			Undeployed: slices.Contains(s.cfg.Unmade, a.Name)})
	}
	c, err := evm.New(cfg)
	if err != nil {
		return err
	}
	s.evm, s.relayer.reader = newOnChain(c), relay.NewReader(evm.Worker())
	s.after(blockEvery, s.block)
	return nil
}

// OnChain is the EVM that trades settle on; nil without Config.Chain.
func (s *Sandbox) OnChain() *evm.Chain {
	if s.evm == nil {
		return nil
	}
	return s.evm.Chain
}

// block makes the next block by time.
func (s *Sandbox) block() {
	s.evm.Mine()
	s.follow()
	s.after(blockEvery, s.block)
}

// settle brings a trade into a block, and says whether that succeeded. Without a chain it always does.
func (s *Sandbox) settle(t *trade) bool {
	if s.evm == nil {
		return true
	}
	makers := make([]evm.Leg, 0, len(t.legs)-1)
	for i := range t.legs[1:] {
		makers = append(makers, t.legs[1+i].onChain())
	}
	m := evm.ConditionOf(t.market.onChain(), 0)
	hash, err := s.evm.Settle(m, t.taker().onChain(), makers)
	if err != nil {
		s.log.Error("trade not settled", "trade", t.id, "error", err)
		return false
	}
	t.txHash = hash.Hex()
	s.evm.settling[hash] = t
	s.evm.Mine()
	s.follow()
	r := s.evm.Receipt(hash)
	return r != nil && r.Status == types.ReceiptStatusSuccessful
}

func (l *leg) onChain() evm.Leg {
	token, good := new(big.Int).SetString(l.order.token(), 10)
	if !good {
		panic(fmt.Sprintf("token %q of our own market is no number", l.order.token()))
	}
	out := evm.Leg{
		OrderHash: common.HexToHash(l.order.id), Maker: l.order.wallet.address, TokenId: token,
		Shares: big.NewInt(int64(l.size)), Cash: big.NewInt(int64(l.cash)), Fee: big.NewInt(int64(l.fee)),
	}
	if l.order.eng.Side == engine.Sell {
		out.Side = 1
	}
	return out
}

// book books a transaction that has come into a block.
func (s *Sandbox) book(r *types.Receipt, number uint64) {
	b := &booked{block: number, seq: len(s.chain.txs), logs: s.logsIn(r), done: s.executions(r), trade: s.evm.settling[r.TxHash]}
	s.recordExecutions(b.done, false)
	s.evm.booked[r.TxHash] = b
	if len(b.logs) == 0 {
		return
	}
	if b.trade == nil {
		for _, l := range b.logs {
			s.moved(l)
		}
	}
	delete(s.evm.settling, r.TxHash)
	s.chain.add(transaction{hash: r.TxHash.Hex(), logs: b.write, open: true})
}

// unbook takes back a transaction that a reorganisation has dropped, or let come to something else. What a trade has moved
// stays as it was matched: its settlement comes again.
func (s *Sandbox) unbook(hash common.Hash) {
	b := s.evm.booked[hash]
	b.undone = true
	s.recordExecutions(b.done, true)
	if len(b.logs) == 0 {
		return
	}
	if b.trade != nil {
		s.evm.settling[hash] = b.trade
	} else {
		for _, l := range slices.Backward(b.logs) {
			l.From, l.To = l.To, l.From
			s.moved(l)
		}
	}
	s.chain.add(transaction{hash: hash.Hex(), logs: b.write, open: true, undone: true})
}

// booked is a transaction of the last blocks.
type booked struct {
	block  uint64
	seq    int // how many were told before it
	logs   []ChainLog
	done   []executionLine
	trade  *trade // whose transfers were booked when it was matched
	undone bool
}

func (b *booked) write(w *txWriter) {
	for _, l := range b.logs {
		w.add(l)
	}
}

func (s *Sandbox) logsIn(r *types.Receipt) (logs []ChainLog) {
	for _, l := range r.Logs {
		logs = append(logs, s.chainLogs(l)...)
	}
	return logs
}

// moved books a transfer that no trade made.
func (s *Sandbox) moved(l ChainLog) {
	if l.Kind != logTransfer {
		return
	}
	amount, good := new(big.Int).SetString(l.Amount, 10)
	if !good || !amount.IsInt64() {
		panic(fmt.Sprintf("transfer of %q units on our own chain", l.Amount))
	}
	add := func(address string, n int64) *wallet {
		w := s.wallets[common.HexToAddress(address)]
		switch {
		case w == nil:
		case l.Asset == assetCash:
			w.cash += n
		default:
			w.holding(l.TokenID).have += n
		}
		return w
	}
	add(l.To, amount.Int64())
	if w := add(l.From, -amount.Int64()); w != nil {
		s.cancelShort(w)
	}
}

// chainLogs reads the logs that concern the books: transfers of pUSD and of outcome shares, and fills.
func (s *Sandbox) chainLogs(l *types.Log) []ChainLog {
	at := evm.Polygon()
	party := func(i int) string { return lower(common.BytesToAddress(l.Topics[i].Bytes())) }
	num := func(i int) *big.Int { return new(big.Int).SetBytes(l.Data[32*i : 32*i+32]) }
	transfer := ChainLog{Kind: logTransfer}
	switch {
	case l.Address == at.PUSD && l.Topics[0] == common.HexToHash(topicTransfer):
		transfer.Asset, transfer.From, transfer.To, transfer.Amount = assetCash, party(1), party(2), num(0).String()
		return nonZero(transfer)
	case l.Address == at.CTF && l.Topics[0] == common.HexToHash(topicSingle):
		transfer.TokenID, transfer.From, transfer.To, transfer.Amount = num(0).String(), party(2), party(3), num(1).String()
		return nonZero(transfer)
	case l.Address == at.CTF && l.Topics[0] == common.HexToHash(topicBatch):
		var out []ChainLog
		n := int(num(2).Int64()) // two arrays of equal length follow two offsets
		for i := range n {
			transfer.TokenID, transfer.From, transfer.To, transfer.Amount = num(3+i).String(), party(2), party(3), num(4+n+i).String()
			out = append(out, nonZero(transfer)...)
		}
		return out
	case (l.Address == at.Exchange || l.Address == at.NegRiskExchange) && l.Topics[0] == common.HexToHash(topicFilled):
		return []ChainLog{{
			Kind: logFilled, OrderID: strings.ToLower(l.Topics[1].Hex()), Maker: party(2), Side: engine.Side(num(0).Int64()).String(),
			TokenID: num(1).String(), Making: num(2).String(), Taking: num(3).String(), Fee: num(4).String(),
		}}
	}
	return nil
}

// The topics of what is read.
const (
	topicTransfer = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef" // Transfer(address,address,uint256)
	topicSingle   = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62" // TransferSingle(address,address,address,uint256,uint256)
	topicBatch    = "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb" // TransferBatch(address,address,address,uint256[],uint256[])
	topicFilled   = "0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee" // OrderFilled(…)
)

func nonZero(l ChainLog) []ChainLog {
	if l.Amount == "0" {
		return nil
	}
	return []ChainLog{l}
}
