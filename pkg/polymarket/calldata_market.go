package polymarket

import (
	"github.com/holiman/uint256"
)

// SplitPosition turns Amount of collateral into a full set of outcome tokens. Through an adapter, regular or neg-risk,
// Collateral, Parent and Partition are ignored, and Collateral is pUSD by convention (Contracts.Split).
type SplitPosition struct {
	Collateral Address
	Parent     Hash
	Condition  Hash
	Partition  []uint256.Int
	Amount     uint256.Int
}

// MergePositions turns full sets back into Amount of collateral; arguments as for SplitPosition.
type MergePositions struct {
	Collateral Address
	Parent     Hash
	Condition  Hash
	Partition  []uint256.Int
	Amount     uint256.Int
}

// RedeemPositions turns a resolved condition's tokens into collateral. It takes the wallet's whole balance of both outcomes
// and does not fail when there is none.
type RedeemPositions struct {
	Collateral Address
	Parent     Hash
	Condition  Hash
	IndexSets  []uint256.Int
}

// NegRiskSplit is the older adapter's splitPosition; the relayer takes it no longer.
type NegRiskSplit struct {
	Condition Hash
	Amount    uint256.Int
}

// NegRiskMerge is the older adapter's mergePositions; the relayer takes it no longer.
type NegRiskMerge struct {
	Condition Hash
	Amount    uint256.Int
}

// NegRiskRedeem is the older adapter's redeemPositions: amounts of Yes and No. The relayer takes it no longer.
type NegRiskRedeem struct {
	Condition Hash
	Amounts   []uint256.Int
}

// ConvertPositions turns Amount of No of each question in IndexSet (bit i is question i of the event) into Yes of every
// other question and collateral.
type ConvertPositions struct {
	Market   Hash // the neg-risk event, last byte 0
	IndexSet uint256.Int
	Amount   uint256.Int
}

// Wrap turns USDC.e into pUSD for To at the onramp; Asset is USDC.e.
type Wrap struct {
	Asset, To Address
	Amount    uint256.Int
}

// Unwrap turns pUSD into USDC.e for To at the offramp; Asset is USDC.e.
type Unwrap struct {
	Asset, To Address
	Amount    uint256.Int
}

// ProtocolID is a condition of Protocol V2, 31 bytes.
type ProtocolID [31]byte

// RouterSplit is a split in a market of Protocol V2.
type RouterSplit struct {
	Condition ProtocolID
	Amount    uint256.Int
}

// RouterMerge is a merge in a market of Protocol V2.
type RouterMerge struct {
	Condition ProtocolID
	Amount    uint256.Int
}

// RouterRedeem redeems one outcome of a market of Protocol V2.
type RouterRedeem struct {
	Condition ProtocolID
	Outcome   uint256.Int
	Amount    uint256.Int
}

// PrepareCondition makes a combination of positions of Protocol V2.
type PrepareCondition struct{ Legs []uint256.Int }

// Signature names the function.
func (SplitPosition) Signature() string {
	return "splitPosition(address,bytes32,bytes32,uint256[],uint256)"
}

// Signature names the function.
func (MergePositions) Signature() string {
	return "mergePositions(address,bytes32,bytes32,uint256[],uint256)"
}

// Signature names the function.
func (RedeemPositions) Signature() string {
	return "redeemPositions(address,bytes32,bytes32,uint256[])"
}

// Signature names the function.
func (NegRiskSplit) Signature() string { return "splitPosition(bytes32,uint256)" }

// Signature names the function.
func (NegRiskMerge) Signature() string { return "mergePositions(bytes32,uint256)" }

// Signature names the function.
func (NegRiskRedeem) Signature() string { return "redeemPositions(bytes32,uint256[])" }

// Signature names the function.
func (ConvertPositions) Signature() string { return "convertPositions(bytes32,uint256,uint256)" }

// Signature names the function.
func (Wrap) Signature() string { return "wrap(address,address,uint256)" }

// Signature names the function.
func (Unwrap) Signature() string { return "unwrap(address,address,uint256)" }

// Signature names the function.
func (RouterSplit) Signature() string { return "split(bytes31,uint256)" }

// Signature names the function.
func (RouterMerge) Signature() string { return "merge(bytes31,uint256)" }

// Signature names the function.
func (RouterRedeem) Signature() string { return "redeem(bytes31,uint256,uint256)" }

// Signature names the function.
func (PrepareCondition) Signature() string { return "prepareCondition(uint256[])" }

// Calldata encodes the call.
func (m SplitPosition) Calldata() []byte { return onCTF(selSplit, m) }

// Calldata encodes the call.
func (m MergePositions) Calldata() []byte { return onCTF(selMerge, SplitPosition(m)) }

func onCTF(selector string, m SplitPosition) []byte {
	w := newArgs(5)
	w.address(m.Collateral)
	w.word(m.Parent)
	w.word(m.Condition)
	w.uints(m.Partition)
	w.uint(m.Amount)
	return w.call(selector)
}

// Calldata encodes the call.
func (m RedeemPositions) Calldata() []byte {
	w := newArgs(4)
	w.address(m.Collateral)
	w.word(m.Parent)
	w.word(m.Condition)
	w.uints(m.IndexSets)
	return w.call(selRedeem)
}

// Calldata encodes the call.
func (m NegRiskSplit) Calldata() []byte { return words(selNegRiskSplit, m.Condition, m.Amount) }

// Calldata encodes the call.
func (m NegRiskMerge) Calldata() []byte { return words(selNegRiskMerge, m.Condition, m.Amount) }

// Calldata encodes the call.
func (m NegRiskRedeem) Calldata() []byte {
	w := newArgs(2)
	w.word(m.Condition)
	w.uints(m.Amounts)
	return w.call(selNegRiskRedeem)
}

// Calldata encodes the call.
func (m ConvertPositions) Calldata() []byte { return words(selConvert, m.Market, m.IndexSet, m.Amount) }

// Calldata encodes the call.
func (m Wrap) Calldata() []byte { return ramp(selWrap, m) }

// Calldata encodes the call.
func (m Unwrap) Calldata() []byte { return ramp(selUnwrap, Wrap(m)) }

func ramp(selector string, m Wrap) []byte {
	w := newArgs(3)
	w.address(m.Asset)
	w.address(m.To)
	w.uint(m.Amount)
	return w.call(selector)
}

// Calldata encodes the call.
func (m RouterSplit) Calldata() []byte { return words(selRouterSplit, m.Condition.word(), m.Amount) }

// Calldata encodes the call.
func (m RouterMerge) Calldata() []byte { return words(selRouterMerge, m.Condition.word(), m.Amount) }

// Calldata encodes the call.
func (m RouterRedeem) Calldata() []byte {
	return words(selRouterRedeem, m.Condition.word(), m.Outcome, m.Amount)
}

// Calldata encodes the call.
func (m PrepareCondition) Calldata() []byte {
	w := newArgs(1)
	w.uints(m.Legs)
	return w.call(selPrepareCondition)
}

// words is a function whose arguments are a fixed value and numbers.
func words(selector string, first Hash, rest ...uint256.Int) []byte {
	w := newArgs(1 + len(rest))
	w.word(first)
	for _, v := range rest {
		w.uint(v)
	}
	return w.call(selector)
}

// word is the id at the left of its word.
func (id ProtocolID) word() (h Hash) {
	copy(h[:], id[:])
	return h
}

func (r *abiReader) protocolID() ProtocolID {
	w := r.word()
	return ProtocolID(w[:word-1])
}

// readMarketMethod reads the functions of markets; known is false for other selectors, the method nil when it is not spelled
// right.
func readMarketMethod(selector string, b []byte) (m Method, known bool) {
	two, three := readArgs(b, 2), readArgs(b, 3)
	switch selector {
	case selSplit:
		m := readOnCTF(b)
		if m == nil {
			return nil, true
		}
		return *m, true
	case selMerge:
		m := readOnCTF(b)
		if m == nil {
			return nil, true
		}
		return MergePositions(*m), true
	case selRedeem:
		in := readArgs(b, 4)
		return taken(in, RedeemPositions{in.address(), in.hash(), in.hash(), in.uints()}), true
	case selNegRiskSplit:
		return taken(two, NegRiskSplit{two.hash(), two.uint()}), true
	case selNegRiskMerge:
		return taken(two, NegRiskMerge{two.hash(), two.uint()}), true
	case selNegRiskRedeem:
		return taken(two, NegRiskRedeem{two.hash(), two.uints()}), true
	case selConvert:
		return taken(three, ConvertPositions{three.hash(), three.uint(), three.uint()}), true
	case selWrap:
		return taken(three, Wrap{three.address(), three.address(), three.uint()}), true
	case selUnwrap:
		return taken(three, Unwrap{three.address(), three.address(), three.uint()}), true
	case selRouterSplit:
		return taken(two, RouterSplit{two.protocolID(), two.uint()}), true
	case selRouterMerge:
		return taken(two, RouterMerge{two.protocolID(), two.uint()}), true
	case selRouterRedeem:
		return taken(three, RouterRedeem{three.protocolID(), three.uint(), three.uint()}), true
	case selPrepareCondition:
		in := readArgs(b, 1)
		return taken(in, PrepareCondition{in.uints()}), true
	}
	return nil, false
}

func readOnCTF(b []byte) *SplitPosition {
	in := readArgs(b, 5)
	m := SplitPosition{in.address(), in.hash(), in.hash(), in.uints(), in.uint()}
	if !in.done() {
		return nil
	}
	return &m
}
