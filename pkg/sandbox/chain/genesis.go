package chain

import (
	"crypto/ecdsa"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"
)

// Account is a wallet that stands on the chain from the start, with its approvals given.
type Account struct {
	Owner common.Address
	Kind  Kind
	// USDCe, PUSD and Shares are what the wallet holds, in millionths; Shares of each outcome of each market.
	USDCe, PUSD, Shares int64
	// Gas is the owner's balance in POL, whole ones.
	Gas int64
	// Bare leaves out the wallet's approvals; Undeployed leaves out the wallet as well.
	Bare, Undeployed bool
}

// Market is a binary question that stands on the chain from the start.
type Market struct {
	Question common.Hash // of an ordinary market
	// NegRisk markets come together under one neg-risk market, in the order given; Question is then set by the chain.
	NegRisk bool
}

// Condition is a market as the chain knows it.
type Condition struct {
	Question, ID common.Hash
	// Tokens are the position ids of Yes and No.
	Tokens  [2]*big.Int
	NegRisk bool
}

// OperatorKey is the venue's key here: it settles, resolves and mints. It is public.
func OperatorKey() *ecdsa.PrivateKey { return publicKey("sluice sandbox chain operator") }

// Operator is the address of OperatorKey.
func Operator() common.Address { return crypto.PubkeyToAddress(OperatorKey().PublicKey) }

// WorkerKey is that of the venue's relayer: it brings and pays for what owners have signed, and is the operator of the
// deposit wallets' factory. It is public.
func WorkerKey() *ecdsa.PrivateKey { return publicKey("sluice sandbox chain relay worker") }

// Worker is the address of WorkerKey.
func Worker() common.Address { return crypto.PubkeyToAddress(WorkerKey().PublicKey) }

func publicKey(seed string) *ecdsa.PrivateKey {
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte(seed)))
	if err != nil {
		panic(fmt.Sprintf("key of %s: %v", seed, err))
	}
	return key
}

// FeeReceiver is who gets the fees of trades.
func FeeReceiver() common.Address {
	return common.BytesToAddress(crypto.Keccak256([]byte("sluice sandbox chain fees"))[12:])
}

// operatorGas is what the operator and the worker start with in POL; it never runs out in any test.
const operatorGas = 1_000_000_000

// negRiskSpare is how many questions the neg-risk market has beyond those asked for, so that there is something to convert into.
const negRiskSpare = 2

func (w *world) genesis(cfg Config) {
	w.contracts()
	w.give(w.oper, operatorGas)
	w.give(Worker(), operatorGas)
	w.markets(cfg.Markets)
	for _, a := range cfg.Accounts {
		w.account(a)
	}
}

// give adds whole POL.
func (w *world) give(to common.Address, pol int64) {
	wei := new(uint256.Int).Mul(uint256.NewInt(uint64(pol)), uint256.NewInt(1_000_000_000_000_000_000))
	w.hooked().AddBalance(to, wei, tracing.BalanceIncreaseGenesisBalance)
}

func (w *world) markets(all []Market) {
	var event common.Hash
	prepare := func() common.Hash {
		if event == (common.Hash{}) {
			event = common.BytesToHash(w.call(w.oper, w.at.NegRiskAdapter, "NegRiskAdapter", "prepareMarket", new(big.Int), []byte(negRiskData)))
		}
		return common.BytesToHash(w.call(w.oper, w.at.NegRiskAdapter, "NegRiskAdapter", "prepareQuestion", event, []byte{}))
	}
	for _, m := range all {
		oracle, under := w.at.Oracle, w.at.USDCe
		if m.NegRisk {
			m.Question = prepare()
			oracle, under = w.at.NegRiskAdapter, w.at.NegRiskCollateral
		} else {
			w.call(w.oper, w.at.CTF, "ConditionalTokens", "prepareCondition", oracle, m.Question, big.NewInt(2))
		}
		c := Condition{Question: m.Question, NegRisk: m.NegRisk}
		c.ID = common.BytesToHash(w.ctf("getConditionId", oracle, m.Question, big.NewInt(2)))
		for i := range c.Tokens {
			collection := common.BytesToHash(w.ctf("getCollectionId", common.Hash{}, c.ID, big.NewInt(int64(i+1))))
			c.Tokens[i] = new(big.Int).SetBytes(w.ctf("getPositionId", under, collection))
		}
		w.chain.conditions = append(w.chain.conditions, c)
	}
	if event != (common.Hash{}) {
		for range negRiskSpare {
			prepare()
		}
	}
}

func (w *world) ctf(function string, args ...any) []byte {
	return w.call(w.oper, w.at.CTF, "ConditionalTokens", function, args...)
}

// account puts up a wallet, fills it, and gives its approvals.
func (w *world) account(a Account) {
	at := WalletOf(a.Owner, a.Kind)
	w.give(a.Owner, a.Gas)
	if !a.Undeployed {
		w.wallet(a.Owner, a.Kind, at)
	}
	w.fund(at, a)
	if !a.Bare && !a.Undeployed {
		w.approve(at)
	}
}

func (w *world) wallet(owner common.Address, kind Kind, at common.Address) {
	p, ok := w.chain.proxies[kind]
	if !ok {
		return // the owner itself
	}
	p.put(w.hooked(), at)
	w.st.Finalise(w.chain.rulesAt(w.header))
	zero := common.Address{}
	switch kind {
	case Safe:
		handler := zero
		if _, ok := w.code["FallbackHandler"]; ok {
			handler = w.at.SafeFallback
		}
		w.call(w.at.SafeFactory, at, "Safe", "setup", []common.Address{owner}, big.NewInt(1), zero, []byte{}, handler, zero, new(big.Int), zero)
	case Deposit:
		w.call(w.at.DepositFactory, at, "DepositWallet", "initialize", owner)
	}
}

// fund mints at the bridge and goes the way everybody goes: wrap, split.
func (w *world) fund(at common.Address, a Account) {
	if a.USDCe > 0 {
		w.call(w.oper, w.at.USDCe, "Token", "mint", at, big.NewInt(a.USDCe))
	}
	if all := a.PUSD + a.Shares*int64(len(w.chain.conditions)); all > 0 {
		w.call(w.oper, w.at.USDCe, "Token", "mint", at, big.NewInt(all))
		w.call(at, w.at.USDCe, "Token", "approve", w.at.Onramp, big.NewInt(all))
		w.call(at, w.at.Onramp, "Onramp", "wrap", w.at.USDCe, at, big.NewInt(all))
	}
	if a.Shares == 0 {
		return
	}
	for _, c := range w.chain.conditions {
		adapter := w.at.adapter(c.NegRisk)
		w.call(at, w.at.PUSD, "Token", "approve", adapter, big.NewInt(a.Shares))
		w.call(at, adapter, "CtfCollateralAdapter", "splitPosition", w.at.PUSD, common.Hash{}, c.ID, []*big.Int{big.NewInt(1), big.NewInt(2)}, big.NewInt(a.Shares))
	}
}

// approve gives the approvals that a trader's wallet has.
func (w *world) approve(at common.Address) {
	all := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	spenders := []common.Address{w.at.Exchange, w.at.NegRiskExchange, w.at.CollateralAdapter, w.at.NegRiskCollateralAdapter}
	for _, s := range spenders {
		w.call(at, w.at.PUSD, "Token", "approve", s, all)
		w.call(at, w.at.CTF, "ConditionalTokens", "setApprovalForAll", s, true)
	}
}

func (c Contracts) adapter(negRisk bool) common.Address {
	if negRisk {
		return c.NegRiskCollateralAdapter
	}
	return c.CollateralAdapter
}
