package msgs

import "sluice/pkg/money"

// Kinds of ledger events.
const (
	KindBalance     Type = "ledger.balance"
	KindReconciled  Type = "ledger.reconciled"
	KindDiscrepancy Type = "ledger.discrepancy"
	KindHead        Type = "ledger.head"
)

// Anchor is where the chain of a ledger's entries stood when an event was decided. Kept outside of the ledger's database,
// it shows an entry that was changed there later, even when every hash after it was computed anew.
type Anchor struct {
	Book  string `json:"book,omitempty" doc:"which chain: drawn when the database was made"`
	Entry uint64 `json:"entry,omitempty" doc:"number of the last entry that the hash covers"`
	Hash  string `json:"hash,omitempty" doc:"of that entry and all before it"`
}

// AnchorOf gives the place in the chain of entries that e bears, to be read or stamped; that of an event which is not of the
// ledger's family is empty and nobody's.
func AnchorOf(e Event) *Anchor {
	if e, ok := e.(interface{ anchor() *Anchor }); ok {
		return e.anchor()
	}
	return &Anchor{}
}

func (a *Anchor) anchor() *Anchor { return a }

// LedgerBalance is one change of one balance.
type LedgerBalance struct {
	Head
	Asset   string     `json:"asset"`
	TokenID *TokenID   `json:"token_id"`
	Balance money.Cash `json:"balance"`
	Change  money.Cash `json:"change"`
	Reason  string     `json:"reason"`
	Final   bool       `json:"final"`
	Ref     Ref        `json:"ref"`
	Anchor
}

// Ref says what a posting or a comparison is about.
type Ref struct {
	ClientOrderID ClientOrderID `json:"client_order_id,omitempty"`
	OrderID       OrderID       `json:"order_id,omitempty"`
	TradeID       TradeID       `json:"trade_id,omitempty"`
	RequestID     RequestID     `json:"request_id,omitempty"`
	TxHash        TxHash        `json:"tx_hash,omitempty"`
}

// LedgerReconciled compares what was expected with what the chain shows; ledger.discrepancy has the same fields.
type LedgerReconciled struct {
	Head
	Subject     string     `json:"subject"`
	Ref         Ref        `json:"ref"`
	Asset       string     `json:"asset"`
	Expected    money.Cash `json:"expected"`
	Actual      money.Cash `json:"actual"`
	Discrepancy money.Cash `json:"discrepancy"`
	Tolerance   money.Cash `json:"tolerance"`
	Match       bool       `json:"match"`
	Explanation string     `json:"explanation,omitempty"`
	Block       uint64     `json:"block"`
	Anchor
}

// LedgerHead says where the chain of entries stands when entries were made that no other event tells of.
type LedgerHead struct {
	Head
	Anchor
}

// BalancesAnswer is the reply to svc.ledger.<account>.balances.
type BalancesAnswer struct {
	Account    Account            `json:"account"`
	Env        Env                `json:"env"`
	Wallet     string             `json:"wallet"`
	Includes   Includes           `json:"includes"`
	Cash       CashBalance        `json:"cash"`
	Positions  List[Position]     `json:"positions"`
	Other      List[OtherBalance] `json:"other"`
	Reconciled *ReconcileState    `json:"reconciled,omitempty"`
}

// Includes says up to where each source is in the answer.
type Includes struct {
	OrderN uint64 `json:"order_n"`
	TxN    uint64 `json:"tx_n"`
	Block  uint64 `json:"block"`
}

// CashBalance: total is what the chain shows; available = total − held − unsettled_out.
type CashBalance struct {
	Asset        string     `json:"asset"`
	Total        money.Cash `json:"total"`
	Held         money.Cash `json:"held"`
	UnsettledIn  money.Cash `json:"unsettled_in"`
	UnsettledOut money.Cash `json:"unsettled_out"`
	Available    money.Cash `json:"available"`
}

// Position is what is held of one outcome.
type Position struct {
	TokenID      TokenID     `json:"token_id"`
	ConditionID  ConditionID `json:"condition_id"`
	Outcome      string      `json:"outcome"`
	Total        money.Size  `json:"total"`
	Held         money.Size  `json:"held"`
	UnsettledIn  money.Size  `json:"unsettled_in"`
	UnsettledOut money.Size  `json:"unsettled_out,omitempty" doc:"sold and not yet settled; absent on none"`
	Available    money.Size  `json:"available"`
	AvgPrice     money.Price `json:"avg_price"`
	Redeemable   bool        `json:"redeemable"`
}

// OtherBalance is an asset beside the collateral.
type OtherBalance struct {
	Asset string     `json:"asset"`
	Total money.Cash `json:"total"`
}

// ReconcileState is the outcome of the last comparison with the chain.
type ReconcileState struct {
	AtMS        int64      `json:"at_ms"`
	Block       uint64     `json:"block"`
	Match       bool       `json:"match"`
	Discrepancy money.Cash `json:"discrepancy"`
}

// PositionsAnswer is the reply to svc.ledger.<account>.positions.
type PositionsAnswer struct {
	Account   Account        `json:"account"`
	Env       Env            `json:"env"`
	Includes  Includes       `json:"includes"`
	Positions List[Position] `json:"positions"`
}

// HistoryQuestion is svc.ledger.<account>.history: a page of changes, oldest first.
type HistoryQuestion struct {
	Asset   string  `json:"asset,omitempty"`
	TokenID TokenID `json:"token_id,omitempty"`
	FromMS  int64   `json:"from_ms,omitempty" doc:"not before"`
	UntilMS int64   `json:"until_ms,omitempty" doc:"before"`
	Limit   int     `json:"limit,omitempty" doc:"at most 500, which is also the default"`
	After   string  `json:"after,omitempty" doc:"next of the page before"`
}

// HistoryAnswer is one page; next is empty on the last one.
type HistoryAnswer struct {
	Includes Includes            `json:"includes"`
	Changes  List[LedgerBalance] `json:"changes"`
	Next     string              `json:"next"`
}

// HoldsAnswer is the reply to svc.ledger.<account>.holds.
type HoldsAnswer struct {
	Includes Includes   `json:"includes"`
	Holds    List[Hold] `json:"holds"`
}

// Hold is what one order or request keeps from being spent.
type Hold struct {
	Asset   string     `json:"asset"`
	TokenID TokenID    `json:"token_id,omitempty"`
	Amount  money.Cash `json:"amount" schema:"decimal"`
	SinceMS int64      `json:"since_ms"`
	Ref     Ref        `json:"ref"`
}

// LedgerPosition is the reply to svc.ledger.<account>.position: what the ledger has booked of the account's streams. A log
// that is behind it was rolled back or wiped.
type LedgerPosition struct {
	Account Account       `json:"account"`
	Env     Env           `json:"env"`
	Order   OrderPosition `json:"order"`
	FeedSeq uint64        `json:"feed_seq" doc:"last sequence of ASK_<account> that is booked"`
	Block   uint64        `json:"block" doc:"last block of which transfers are booked"`
}

// OrderPosition is the last event of evt.order.<account> that is booked.
type OrderPosition struct {
	Incarnation string `json:"incarnation" doc:"of the log, as its owner events say it; empty where they do not"`
	N           uint64 `json:"n"`
	Seq         uint64 `json:"seq" doc:"of its message in LOG_<account>"`
	Doubt       bool   `json:"doubt,omitempty" doc:"the log was found to be another than the one of which this is booked, and was not compared since"`
}
