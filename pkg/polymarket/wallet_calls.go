package polymarket

import "github.com/holiman/uint256"

// Adapter is the contract through which collateral becomes outcome tokens and back, in neg-risk markets or the others.
func (c Contracts) Adapter(negRisk bool) Address {
	if negRisk {
		return c.NegRiskCollateralAdapter
	}
	return c.CollateralAdapter
}

// fullSet are the index sets of a market with two outcomes.
func fullSet() []uint256.Int { return []uint256.Int{Units(IndexYes), Units(IndexNo)} }

// Split turns amount base units of pUSD into as many of both outcomes.
func (c Contracts) Split(negRisk bool, condition Hash, amount uint256.Int) Call {
	return CallOf(c.Adapter(negRisk), SplitPosition{Collateral: c.Collateral, Condition: condition, Partition: fullSet(), Amount: amount})
}

// Merge turns amount base units of both outcomes into as many of pUSD.
func (c Contracts) Merge(negRisk bool, condition Hash, amount uint256.Int) Call {
	return CallOf(c.Adapter(negRisk), MergePositions{Collateral: c.Collateral, Condition: condition, Partition: fullSet(), Amount: amount})
}

// Redeem turns all of the wallet's tokens of a resolved condition into what they pay. It succeeds when there are none.
func (c Contracts) Redeem(negRisk bool, condition Hash) Call {
	return CallOf(c.Adapter(negRisk), RedeemPositions{Collateral: c.Collateral, Condition: condition, IndexSets: fullSet()})
}

// Convert turns amount of No of the event's questions in indexSet (bit i is question i) into Yes of the others.
func (c Contracts) Convert(event Hash, indexSet, amount uint256.Int) Call {
	return CallOf(c.NegRiskCollateralAdapter, ConvertPositions{event, indexSet, amount})
}

// NegRiskEvent takes a neg-risk question id apart: the event it belongs to and its number there.
func NegRiskEvent(question Hash) (event Hash, index uint8) {
	event, index = question, question[word-1]
	event[word-1] = 0
	return event, index
}

// Wrap turns amount of USDC.e into pUSD for the wallet itself.
func (c Contracts) Wrap(wallet Address, amount uint256.Int) Call {
	return CallOf(c.Onramp, Wrap{c.USDCe, wallet, amount})
}

// Unwrap turns amount of pUSD into USDC.e for the wallet itself.
func (c Contracts) Unwrap(wallet Address, amount uint256.Int) Call {
	return CallOf(c.Offramp, Unwrap{c.USDCe, wallet, amount})
}

// Transfer sends amount of an ERC-20 token, Contracts.Collateral or Contracts.USDCe.
func (c Contracts) Transfer(token, to Address, amount uint256.Int) Call {
	return CallOf(token, TransferERC20{to, amount})
}

// TransferPosition sends amount of an outcome token.
func (c Contracts) TransferPosition(wallet, to Address, id TokenID, amount uint256.Int) Call {
	return CallOf(c.ConditionalTokens, TransferToken{From: wallet, To: to, ID: id, Amount: amount})
}

// Approval is one permission that a wallet gives to one of the venue's contracts, for ever and without a bound.
type Approval struct {
	Name      string  // for people: "pUSD for Exchange"
	Token     Address // what may be taken: an ERC-20 token, or the contract of positions
	Spender   Address
	Positions bool // setApprovalForAll instead of approve
}

// Approvals are the permissions that trading, splitting, merging, redeeming and wrapping need on CLOB V2, in a fixed order.
func (c Contracts) Approvals() []Approval {
	return c.existing([]Approval{
		{"pUSD for Exchange", c.Collateral, c.Exchange, false},
		{"pUSD for NegRiskExchange", c.Collateral, c.NegRiskExchange, false},
		{"pUSD for CollateralAdapter", c.Collateral, c.CollateralAdapter, false},
		{"pUSD for NegRiskCollateralAdapter", c.Collateral, c.NegRiskCollateralAdapter, false},
		{"pUSD for Offramp", c.Collateral, c.Offramp, false},
		{"USDC.e for Onramp", c.USDCe, c.Onramp, false},
		{"positions for Exchange", c.ConditionalTokens, c.Exchange, true},
		{"positions for NegRiskExchange", c.ConditionalTokens, c.NegRiskExchange, true},
		{"positions for CollateralAdapter", c.ConditionalTokens, c.CollateralAdapter, true},
		{"positions for NegRiskCollateralAdapter", c.ConditionalTokens, c.NegRiskCollateralAdapter, true},
	})
}

// ProtocolApprovals are what markets of Protocol V2 need besides.
func (c Contracts) ProtocolApprovals() []Approval {
	return c.existing([]Approval{
		{"pUSD for ExchangeV3", c.Collateral, c.ExchangeV3, false},
		{"pUSD for Router", c.Collateral, c.Router, false},
		{"protocol positions for ExchangeV3", c.PositionManager, c.ExchangeV3, true},
		{"protocol positions for Router", c.PositionManager, c.Router, true},
	})
}

// AutoRedeemApprovals let the venue redeem resolved positions by itself. Trading does not need them.
func (c Contracts) AutoRedeemApprovals() []Approval {
	return c.existing([]Approval{
		{"positions for AutoRedeemer", c.ConditionalTokens, c.AutoRedeemer, true},
		{"protocol positions for AutoRedeemer", c.PositionManager, c.AutoRedeemer, true},
	})
}

// existing leaves out what is not on the chain.
func (c Contracts) existing(all []Approval) []Approval {
	out := all[:0]
	for _, a := range all {
		if a.Token != (Address{}) && a.Spender != (Address{}) {
			out = append(out, a)
		}
	}
	return out
}

// Grant is the call that gives the permission.
func (a Approval) Grant() Call {
	if a.Positions {
		return CallOf(a.Token, ApproveAll{a.Spender, true})
	}
	return CallOf(a.Token, ApproveERC20{a.Spender, MaxAllowance()})
}

// Revoke is the call that takes the permission back.
func (a Approval) Revoke() Call {
	if a.Positions {
		return CallOf(a.Token, ApproveAll{a.Spender, false})
	}
	return CallOf(a.Token, ApproveERC20{Spender: a.Spender})
}

// Ask is the free read that tells whether owner, a wallet, has given the permission; Granted reads its answer.
func (a Approval) Ask(owner Address) Call {
	if a.Positions {
		return CallOf(a.Token, ApprovedForAll{owner, a.Spender})
	}
	return CallOf(a.Token, AllowanceOf{owner, a.Spender})
}

// ampleBits: an allowance of at least 2^128 is as good as one without a bound. A token may count an unlimited one down.
const ampleBits = 128

// Granted reads the answer to Ask. An allowance that trading could use up is not one. The error is ErrBadCalldata.
func (a Approval) Granted(answer []byte) (bool, error) {
	if a.Positions {
		return ReadBool(answer)
	}
	v, err := ReadUint(answer)
	return v.BitLen() > ampleBits, err
}
