package relayer

import (
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// approvals is what is known of the wallet's permissions: read from the chain once, and again when it is old or doubted.
type approvals struct {
	ReadMS  int64             `json:"read_ms"` // 0: not known, or doubted
	Block   uint64            `json:"block"`
	Missing []msgs.TxApproval `json:"missing,omitempty"`
}

// missing lists the permissions of trading that the wallet lacks.
func (a *approvals) missing(c polymarket.Contracts) (out []polymarket.Approval) {
	for _, p := range c.Approvals() {
		if slices.Contains(a.Missing, approvalText(p)) {
			out = append(out, p)
		}
	}
	return out
}

func approvalText(p polymarket.Approval) msgs.TxApproval {
	return msgs.TxApproval{Name: p.Name, Token: addressText(p.Token), Spender: addressText(p.Spender), Positions: p.Positions}
}

// readApprovals records what a look has read.
func (t *decision) readApprovals(l *Looked) *msgs.TxApprovals {
	e := &msgs.TxApprovals{Head: msgs.Head{Type: msgs.KindTxApprovals}, ReadMS: l.AtMS, Block: l.Block}
	for _, p := range l.Missing {
		e.Missing = append(e.Missing, approvalText(p))
	}
	return e
}

// doubtApprovals has them read again.
func (t *decision) doubtApprovals() {
	t.emit(&msgs.TxApprovals{Head: msgs.Head{Type: msgs.KindTxApprovals}, Block: t.approvals.Block, Missing: t.approvals.Missing})
}

// granted records that an executed unit has given permissions.
func (t *decision) granted(u *unit, block uint64) {
	left := slices.Clone(t.approvals.Missing)
	for _, p := range t.id.Contracts.Approvals() {
		grant := callText(p.Grant())
		if slices.ContainsFunc(u.Payload.Calls, func(c msgs.TxCall) bool { return c.To == grant.To && c.Data == grant.Data }) {
			left = slices.DeleteFunc(left, func(a msgs.TxApproval) bool { return a == approvalText(p) })
		}
	}
	if len(left) == len(t.approvals.Missing) {
		return
	}
	t.emit(&msgs.TxApprovals{Head: msgs.Head{Type: msgs.KindTxApprovals}, ReadMS: t.approvals.ReadMS, Block: block, Missing: left})
}

// needs is the permission that a call of a contract of the venue takes, ok false where it takes none.
func needs(c polymarket.Contracts, verb string, negRisk bool) (token, spender common.Address, ok bool) {
	switch verb {
	case msgs.VerbSplit:
		return c.Collateral, c.Adapter(negRisk), true
	case msgs.VerbMerge, msgs.VerbRedeem:
		return c.ConditionalTokens, c.Adapter(negRisk), true
	case msgs.VerbConvert:
		return c.ConditionalTokens, c.NegRiskCollateralAdapter, true
	case msgs.VerbWrap:
		return c.USDCe, c.Onramp, true
	case msgs.VerbUnwrap:
		return c.Collateral, c.Offramp, true
	}
	return token, spender, false
}
