package sandbox

import (
	"math/big"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	evm "sluice/pkg/sandbox/chain"
	"sluice/pkg/sandbox/relay"
)

// chargeLine is a unit that the relayer has charged for a request.
type chargeLine struct {
	Kind    string `json:"kind"`
	AtUS    int64  `json:"at_us"`
	Request int64  `json:"request"`
	Account string `json:"account"`
	Used    int    `json:"used"` // in the rolling day, with this one
}

// relayLine is a new state of a submission. Key names what was signed.
type relayLine struct {
	Kind          string `json:"kind"`
	AtUS          int64  `json:"at_us"`
	Request       int64  `json:"request"`
	TransactionID string `json:"transaction_id"`
	Account       string `json:"account"` // who pays
	Type          string `json:"type"`
	Wallet        string `json:"wallet"`
	Nonce         string `json:"nonce"`
	Key           string `json:"key"`
	State         string `json:"state"`
	TxHash        string `json:"tx_hash"`
	Reason        string `json:"reason"`
}

func (s *Sandbox) recordRelayed(r *relayed) {
	l := relayLine{
		Kind: "relay", AtUS: r.updated.UnixMicro(), Request: r.request, TransactionID: r.id, Account: r.payer, Type: r.job.Type,
		Wallet: lower(r.job.Wallet), Key: r.job.Key.Hex(), State: r.state, TxHash: r.hash, Reason: r.reason,
	}
	if r.job.Nonce != nil {
		l.Nonce = r.job.Nonce.String()
	}
	s.journal.add(l)
}

// executionLine is what a transaction did for a wallet, whoever brought it. Wallet is empty when nothing tells.
type executionLine struct {
	Kind    string `json:"kind"`
	AtUS    int64  `json:"at_us"`
	TxHash  string `json:"tx_hash"`
	Block   uint64 `json:"block"`
	Carrier string `json:"carrier"` // "relayer" or "own_gas"
	Sender  string `json:"sender"`
	Account string `json:"account"` // of the wallet; empty for a stranger's
	Type    string `json:"type"`
	Wallet  string `json:"wallet"`
	Key     string `json:"key"`
	OK      bool   `json:"ok"`
	GasUsed uint64 `json:"gas_used"`
	GasWei  string `json:"gas_wei"`          // paid by the sender
	Undone  bool   `json:"undone,omitempty"` // written before, and stands on the chain no more
}

// executions are what a transaction did for wallets.
func (s *Sandbox) executions(r *types.Receipt) (out []executionLine) {
	tx := s.evm.Transaction(r.TxHash)
	if tx == nil {
		return nil
	}
	from, err := types.Sender(types.LatestSignerForChainID(big.NewInt(evm.ID)), tx)
	if err != nil {
		return nil // the chain takes none that is not signed
	}
	carrier := "own_gas"
	if from == evm.Worker() {
		carrier = "relayer"
	}
	gas := new(big.Int).Mul(r.EffectiveGasPrice, new(big.Int).SetUint64(r.GasUsed))
	done := s.relayer.reader.Executions(from, tx, r)
	if w := s.wallets[from]; w != nil && len(done) == 0 { // a wallet that is its owner
		done = []relay.Execution{{Type: "EOA", Wallet: from, OK: r.Status == types.ReceiptStatusSuccessful}}
	}
	for _, e := range done {
		l := executionLine{
			Kind: "execution", TxHash: r.TxHash.Hex(), Block: r.BlockNumber.Uint64(), Carrier: carrier, Sender: lower(from),
			Type: e.Type, OK: e.OK, GasUsed: r.GasUsed, GasWei: gas.String(),
		}
		if e.Wallet != (common.Address{}) {
			l.Wallet = lower(e.Wallet)
		}
		if e.Key != (common.Hash{}) {
			l.Key = e.Key.Hex()
		}
		if w := s.wallets[e.Wallet]; w != nil {
			l.Account = w.name
		}
		out = append(out, l)
	}
	return out
}

// recordExecutions writes down what a transaction did for wallets, or that it has not done it after all.
func (s *Sandbox) recordExecutions(done []executionLine, undone bool) {
	for _, l := range done {
		l.AtUS, l.Undone = time.Now().UnixMicro(), undone
		s.journal.add(l)
	}
}

// cameTo reports whether a transaction has done for wallets what it had done before, in whatever block.
func cameTo(now, before []executionLine) bool {
	return slices.EqualFunc(now, before, func(x, y executionLine) bool { return x.OK == y.OK && x.Key == y.Key && x.Wallet == y.Wallet })
}
