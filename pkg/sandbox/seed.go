package sandbox

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/money"
	evm "sluice/pkg/sandbox/chain"
)

// The wallet kinds, as the venue numbers them.
const (
	KindEOA     = 0
	KindProxy   = 1
	KindSafe    = 2
	KindDeposit = 3
)

const (
	// fundedCash and fundedShares are what each account starts with: enough for long tests, small enough to run out.
	fundedCash   = money.Cash(100_000 * money.Unit)
	fundedShares = money.Size(10_000 * money.Unit)
	// makerCash and makerShares are the liquidity maker's: never exhausted by all accounts together.
	makerCash   = money.Cash(1_000_000_000 * money.Unit)
	makerShares = money.Size(1_000_000_000 * money.Unit)
	// minOrderSize is the venue's usual minimum of a resting order.
	minOrderSize = money.Size(5 * money.Unit)
)

// Account is a throw-away trading identity of the sandbox. Never fund it anywhere else: its key is public.
type Account struct {
	Name          string `json:"name"`
	PrivateKey    string `json:"private_key"`    // 0x and 64 hex digits
	Address       string `json:"address"`        // of the key that signs
	Funder        string `json:"funder"`         // of the wallet that holds the money
	SignatureType int    `json:"signature_type"` // one of the Kind constants
}

// Accounts returns the funded accounts, one for each wallet kind and a second Safe; the same at every start.
func Accounts() []Account {
	return []Account{
		account("main", KindSafe), account("eoa", KindEOA), account("proxy", KindProxy),
		account("deposit", KindDeposit), account("second", KindSafe),
	}
}

func account(name string, kind int) Account {
	raw := crypto.Keccak256([]byte("sluice sandbox account " + name))
	key, err := crypto.ToECDSA(raw)
	if err != nil {
		panic(fmt.Sprintf("sandbox account %s: %v", name, err))
	}
	owner := crypto.PubkeyToAddress(key.PublicKey)
	return Account{
		Name: name, PrivateKey: hexutil.Encode(raw), Address: owner.Hex(),
		Funder: funderOf(owner, kind).Hex(), SignatureType: kind,
	}
}

// Market is one market of the sandbox. Its outcomes are Yes and No, in the order of Tokens.
type Market struct {
	Slug        string    `json:"slug"`
	Question    string    `json:"question"`
	ConditionID string    `json:"condition_id"`
	Tokens      [2]string `json:"tokens"`
	TickSize    string    `json:"tick_size"` // at the start; a fault can change it
	NegRisk     bool      `json:"neg_risk"`
}

// Markets returns the markets in a fixed order: one for each tick, one of them README's sandbox-coin, and a neg-risk one.
func Markets() []Market {
	specs := marketSpecs()
	out := make([]Market, len(specs))
	for i, s := range specs {
		out[i] = s.Market
	}
	return out
}

// marketSpec is a market and how the liquidity maker quotes it when it starts.
type marketSpec struct {
	Market
	questionID common.Hash
	bestAsk    money.Price // of Yes
	spread     int         // between best bid and best ask, in ticks
	step       int         // between quoted levels, in ticks
}

// marketSpecs is the table of markets. On the ticks finer than a cent both outcomes are offered at 0.4 or 0.625: any
// purchase of whole cents then comes out in four decimals of a share, which is what the venue takes and what the
// official clients do not see to.
func marketSpecs() []marketSpec {
	return []marketSpec{
		spec("sandbox-coin", "Will the sandbox coin land on heads?", "0.01", 520_000, 1, 1),
		spec("sandbox-dime", "Will the sandbox dime land on its edge?", "0.1", 500_000, 1, 1),
		spec("sandbox-half-cent", "Will half a cent be enough?", "0.005", 400_000, 5, 1),
		spec("sandbox-quarter", "Will a quarter of a cent be enough?", "0.0025", 625_000, 10, 2),
		spec("sandbox-mill", "Will the mill turn tomorrow?", "0.001", 400_000, 25, 3),
		spec("sandbox-pip", "Will one pip decide?", "0.0001", 625_000, 250, 7),
		spec("sandbox-election", "Will the first candidate win the sandbox election?", "0.01", 340_000, 2, 1),
	}
}

func spec(slug, question, tick string, bestAsk money.Price, spread, step int) marketSpec {
	m := Market{Slug: slug, Question: question, TickSize: tick, NegRisk: slug == negRiskSlug}
	c := evm.ConditionOf(m.onChain(), 0)
	m.ConditionID, m.Tokens = c.ID.Hex(), [2]string{c.Tokens[0].String(), c.Tokens[1].String()}
	return marketSpec{Market: m, questionID: c.Question, bestAsk: bestAsk, spread: spread, step: step}
}

// negRiskSlug is the one neg-risk market.
const negRiskSlug = "sandbox-election"

// onChain is the market as the chain is told of it.
func (m Market) onChain() evm.Market {
	return evm.Market{Question: crypto.Keccak256Hash([]byte("sluice sandbox question " + m.Slug)), NegRisk: m.NegRisk}
}

func outcomes() [2]string { return [2]string{"Yes", "No"} }
