package polymarket

import (
	"fmt"
	"slices"
)

// Policy decides what an account's key may sign for its wallet: the venue's own functions on the venue's own contracts, money and
// positions only to listed addresses, permissions only to the venue's contracts. The zero Policy allows nothing. Its lists come
// from the configuration file, never from a message.
type Policy struct {
	Contracts Contracts
	Wallet    Address       // the account's wallet; its key signs for no other
	SendTo    []Address     // who may be sent money and positions
	Others    []AllowedCall // further functions that may be called, for what this package does not know
	Spenders  []Approval    // who may be given permissions besides Approvals
}

// AllowedCall is a function of a contract.
type AllowedCall struct {
	Target   Address
	Selector [selectorLen]byte
}

// Denied is why a call is not signed. Its text says what to do.
type Denied struct {
	Code  string // CodeForbidden or CodeDestinationNotListed
	Cause string
	Fix   string
}

// Codes of Denied.
const (
	CodeForbidden            = "forbidden"
	CodeDestinationNotListed = "destination_not_listed"
)

func (d *Denied) Error() string { return fmt.Sprintf("%s: %s: %s", d.Code, d.Cause, d.Fix) }

// Allow is the policy as signing takes it. The error is *Denied.
func (p Policy) Allow(wallet Address, l Leg) error {
	if wallet == (Address{}) || wallet != p.Wallet {
		return &Denied{CodeForbidden, fmt.Sprintf("wallet %s is not the account's %s", wallet, p.Wallet), "configure the account whose wallet it is"}
	}
	if l.Operation != PlainCall {
		return &Denied{CodeForbidden, "a " + l.Operation.String() + " acts with the wallet's own powers", "send plain calls"}
	}
	if len(l.Data) == 0 {
		return p.mayReceive(l.To, "the chain's coin")
	}
	if !l.Value.IsZero() {
		return &Denied{CodeForbidden, fmt.Sprintf("a call of %s with %s wei", l.To, l.Value.Dec()), "none of the venue's functions takes a value"}
	}
	switch m := l.Method.(type) {
	case ApproveERC20:
		return p.mayPermit(l.To, m.Spender, false, m.Amount.IsZero())
	case ApproveAll:
		return p.mayPermit(l.To, m.Operator, true, !m.Approved)
	case TransferERC20:
		if l.To != p.Contracts.Collateral && l.To != p.Contracts.USDCe {
			return p.unknown(l)
		}
		return p.mayReceive(m.To, "money")
	case TransferToken:
		return p.maySend(l, m.From, m.To, m.Data)
	case TransferTokens:
		return p.maySend(l, m.From, m.To, m.Data)
	}
	if p.trades(wallet, l) || p.listed(l) {
		return nil
	}
	return p.unknown(l)
}

// trades reports whether l is one of the venue's functions on the contract that has it, for the wallet itself.
func (p Policy) trades(wallet Address, l Leg) bool {
	c, at := p.Contracts, l.To
	if at == (Address{}) {
		return false // a contract that this chain has not
	}
	switch m := l.Method.(type) {
	case SplitPosition, MergePositions, RedeemPositions:
		return at == c.CollateralAdapter || at == c.NegRiskCollateralAdapter
	case ConvertPositions:
		return at == c.NegRiskCollateralAdapter
	case Wrap:
		return at == c.Onramp && m.Asset == c.USDCe && m.To == wallet
	case Unwrap:
		return at == c.Offramp && m.Asset == c.USDCe && m.To == wallet
	case RouterSplit, RouterMerge, RouterRedeem:
		return at == c.Router
	}
	return false
}

func (p Policy) listed(l Leg) bool {
	return len(l.Data) >= selectorLen && slices.Contains(p.Others, AllowedCall{l.To, l.Selector()})
}

func (p Policy) unknown(l Leg) error {
	what := fmt.Sprintf("function 0x%x", l.Selector())
	if l.Method != nil {
		what = l.Method.Signature()
	}
	return &Denied{CodeForbidden, fmt.Sprintf("%s of %s is not one of those that may be signed", what, l.To),
		"list target and selector in the configuration file if it is really wanted"}
}

func (p Policy) mayReceive(to Address, what string) error {
	if to != (Address{}) && slices.Contains(p.SendTo, to) {
		return nil
	}
	return &Denied{CodeDestinationNotListed, fmt.Sprintf("%s to %s", what, to), "list the address in the configuration file: no message can"}
}

func (p Policy) maySend(l Leg, from, to Address, data []byte) error {
	if l.To == (Address{}) || l.To != p.Contracts.ConditionalTokens && l.To != p.Contracts.PositionManager {
		return p.unknown(l)
	}
	if from != p.Wallet || len(data) > 0 {
		return &Denied{CodeForbidden, fmt.Sprintf("positions of %s with %d bytes for the receiver", from, len(data)), "send the wallet's own, without data"}
	}
	return p.mayReceive(to, "positions")
}

// mayPermit: what is taken back may be taken back from anybody.
func (p Policy) mayPermit(token, spender Address, positions, takenBack bool) error {
	known := slices.Concat(p.Contracts.Approvals(), p.Contracts.ProtocolApprovals(), p.Contracts.AutoRedeemApprovals(), p.Spenders)
	for _, a := range known {
		if a.Token == token && a.Positions == positions && (takenBack || a.Spender == spender) {
			return nil
		}
	}
	return &Denied{CodeForbidden, fmt.Sprintf("permission on %s for %s, which is none of the venue's contracts", token, spender),
		"only the venue's contracts may be permitted to take money or positions"}
}
