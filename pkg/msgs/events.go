package msgs

import (
	"encoding/json"

	"sluice/pkg/money"
)

// Type is family and kind of an event ("order.accepted").
type Type string

// Head is the common part of every event. (account, family of type, n) is its identity.
type Head struct {
	V       int     `json:"v"`
	Type    Type    `json:"type"`
	Account Account `json:"account"`
	Env     Env     `json:"env"`
	N       uint64  `json:"n" doc:"counts 1, 2, 3 … per account and family; a jump is a gap"`
	AtMS    int64   `json:"at_ms"`
	CmdSeq  uint64  `json:"cmd_seq,omitempty" doc:"sequence of the command that led to it, as the broker acknowledged it"`
	ReqID   string  `json:"request_id,omitempty" schema:"id" doc:"of the command that led to it, where it has one"`
	CmdHash string  `json:"cmd_hash,omitempty" doc:"of the content of the command that decided it, to tell a repeat from another command with the same id"`
}

// Event is one thing that happened. The types of this package are the only ones.
type Event interface {
	Kind() Type
	head() *Head
}

func (h *Head) head() *Head { return h }

// Kind is the event's type.
func (h *Head) Kind() Type { return h.Type }

// HeadOf gives the common part of e, to be read or stamped.
func HeadOf(e Event) *Head { return e.head() }

// Kinds of order events.
const (
	KindOwner            Type = "order.owner"
	KindSubmitting       Type = "order.submitting"
	KindAccepted         Type = "order.accepted"
	KindFilled           Type = "order.filled"
	KindSettled          Type = "order.settled"
	KindSettlementFailed Type = "order.settlement_failed"
	KindCancelling       Type = "order.cancelling"
	KindCancelled        Type = "order.cancelled"
	KindRejected         Type = "order.rejected"
	KindUnknown          Type = "order.unknown"
	KindCancelPending    Type = "order.cancel_pending"
	KindCancelRejected   Type = "order.cancel_rejected"
	KindCancelAllDone    Type = "order.cancel_all_done"
	KindForeign          Type = "order.foreign"
	KindHalted           Type = "order.halted"
	KindResumed          Type = "order.resumed"
	KindControlRejected  Type = "order.control_rejected"
	KindAnomaly          Type = "order.anomaly"
	KindCompared         Type = "order.compared"
	KindHeld             Type = "order.held"
)

// Order is the whole state of one order, so that the latest event about it is enough.
type Order struct {
	ClientOrderID ClientOrderID   `json:"client_order_id,omitempty" doc:"absent on orders that were not placed through Sluice"`
	OrderID       OrderID         `json:"order_id,omitempty"`
	TokenID       TokenID         `json:"token_id,omitempty"`
	ConditionID   ConditionID     `json:"condition_id,omitempty"`
	Side          Side            `json:"side,omitempty" enum:"BUY,SELL"`
	OrderType     OrderType       `json:"order_type,omitempty" enum:"GTC,GTD,FOK,FAK"`
	Price         money.Price     `json:"price,omitempty"`
	Size          money.Size      `json:"size,omitempty" doc:"shares asked for; for an order by amount what amount buys at price"`
	Amount        money.Cash      `json:"amount,omitempty" doc:"pUSD to spend, where the order was given so"`
	ExpiresMS     int64           `json:"expires_ms,omitempty"`
	PostOnly      bool            `json:"post_only,omitempty"`
	Filled        money.Size      `json:"filled"`
	Remaining     money.Size      `json:"remaining"`
	AvgPrice      money.Price     `json:"avg_price,omitempty"`
	Unsettled     money.Size      `json:"unsettled,omitempty" doc:"part of filled that is not final on chain"`
	State         State           `json:"state,omitempty" enum:"submitting,open,delayed,unknown,filled,cancelled,rejected"`
	Final         bool            `json:"final" doc:"will not trade again as far as the venue has shown"`
	Late          bool            `json:"late,omitempty" doc:"this event contradicts an earlier final one; believe it"`
	Replaces      ClientOrderID   `json:"replaces,omitempty"`
	Warnings      []string        `json:"warnings,omitempty"`
	Meta          json.RawMessage `json:"meta,omitempty" schema:"object"`
}

// Fill is one leg of a trade.
type Fill struct {
	TradeID TradeID     `json:"trade_id"`
	Leg     int         `json:"leg" doc:"0 for the taker, else 1 + position among the trade's maker orders"`
	Price   money.Price `json:"price"`
	Size    money.Size  `json:"size"`
	Fee     money.Cash  `json:"fee"`
	Role    Role        `json:"role" enum:"MAKER,TAKER"`
}

// OrderOwner is a claim: from here on only this owner writes the family. Under the same epoch it is the owner's last word
// when it crashes while it decides something.
type OrderOwner struct {
	Head
	Owner       string  `json:"owner" doc:"name of the process"`
	Epoch       uint64  `json:"epoch" doc:"rises with each claim"`
	Incarnation string  `json:"incarnation,omitempty" doc:"of the log, as in the envelope"`
	InHand      *InHand `json:"in_hand,omitempty" doc:"not a claim: the owner crashed while it decided this"`
}

// InHand is a command or private event whose decision has crashed its owner.
type InHand struct {
	Lane    string `json:"lane"`
	Seq     uint64 `json:"seq" doc:"of its stream"`
	Crashes int    `json:"crashes" doc:"this one included; at two it is put aside"`
}

// Intent is what the signature of one order covers, and what else is needed to send the very same bytes again.
type Intent struct {
	ClientOrderID ClientOrderID   `json:"client_order_id"`
	OrderID       OrderID         `json:"order_id" doc:"already final"`
	TokenID       TokenID         `json:"token_id"`
	ConditionID   ConditionID     `json:"condition_id"`
	Side          Side            `json:"side" enum:"BUY,SELL"`
	OrderType     OrderType       `json:"order_type" enum:"GTC,GTD,FOK,FAK"`
	Price         money.Price     `json:"price"`
	Size          money.Size      `json:"size"`
	Amount        money.Cash      `json:"amount,omitempty"`
	ExpiresMS     int64           `json:"expires_ms,omitempty" doc:"when it shall stop resting"`
	PostOnly      bool            `json:"post_only,omitempty"`
	DeferExec     bool            `json:"defer_exec,omitempty"`
	ValidUntilMS  int64           `json:"valid_until_ms" doc:"0: for ever"`
	Replaces      ClientOrderID   `json:"replaces,omitempty"`
	SizeIs        SizeIs          `json:"size_is,omitempty" enum:"total,new" doc:"of a replace: whether size shrinks by what the replaced order fills"`
	CmdHash       string          `json:"cmd_hash" doc:"of the command's content, to tell a repeat from another order with the same id"`
	Warnings      []string        `json:"warnings,omitempty"`
	Meta          json.RawMessage `json:"meta,omitempty" schema:"object"`
	ReplyTo       string          `json:"reply_to,omitempty"`

	Salt          uint64 `json:"salt"`
	Maker         string `json:"maker"`
	Signer        string `json:"signer"`
	SignatureType int    `json:"signature_type"`
	MakerAmount   int64  `json:"maker_amount,string" doc:"base units"`
	TakerAmount   int64  `json:"taker_amount,string" doc:"base units"`
	TimestampMS   int64  `json:"timestamp_ms"`
	ExpirationS   int64  `json:"expiration_s,omitempty" doc:"as the venue gets it; seconds"`
	Builder       string `json:"builder,omitempty"`
	Metadata      string `json:"metadata,omitempty"`
	NegRisk       bool   `json:"neg_risk,omitempty"`
	TickSize      string `json:"tick_size"`

	FeeRoom   money.Cash `json:"fee_room,omitempty" doc:"of a purchase: the most that the venue can charge beside the price, as the market's terms were"`
	Signature string     `json:"signature,omitempty" doc:"only of an order signed elsewhere"`
}

// OrderSubmitting is on disk before a byte leaves. It may be about several orders.
type OrderSubmitting struct {
	Head
	Orders []Intent `json:"orders" max:"15"`
}

// OrderAccepted says that the venue has the order.
type OrderAccepted struct {
	Head
	Order
	VenueStatus string `json:"venue_status" enum:"live,matched,delayed"`
}

// OrderFilled is one trade leg, provisional until settled.
type OrderFilled struct {
	Head
	Order
	Fill *Fill `json:"fill"`
}

// OrderSettled says that a fill is final on chain.
type OrderSettled struct {
	Head
	Order
	Fill   *Fill  `json:"fill"`
	TxHash TxHash `json:"tx_hash,omitempty"`
}

// OrderSettlementFailed says that a fill was reversed: filled goes down again.
type OrderSettlementFailed struct {
	Head
	Order
	Fill   *Fill  `json:"fill"`
	TxHash TxHash `json:"tx_hash,omitempty"`
}

// CancelReason says why an order is cancelled.
type CancelReason string

const (
	Requested      CancelReason = "requested"
	Expired        CancelReason = "expired"
	KilledInQueue  CancelReason = "killed_in_queue"
	UnfilledRest   CancelReason = "unfilled_rest"
	ByVenue        CancelReason = "venue"
	MarketResolved CancelReason = "market_resolved"
)

// OrderCancelling is the wish that orders end, on the log so that a restart carries it on. It may be about several.
// Of a cancel_all or a halt it carries the barrier: every matching submit stored before it is dead.
type OrderCancelling struct {
	Head
	Orders  []OrderRef `json:"orders,omitempty"`
	Barrier *Barrier   `json:"barrier,omitempty"`
	Swept   bool       `json:"swept,omitempty" doc:"of a cancel_all without filters: the venue has answered the cancel of whatever rested"`
	ReplyTo string     `json:"reply_to,omitempty"`
}

// OrderRef names an order by either id.
type OrderRef struct {
	ClientOrderID ClientOrderID `json:"client_order_id,omitempty"`
	OrderID       OrderID       `json:"order_id,omitempty"`
}

// Barrier kills every submit that was stored before it and matches its filter.
type Barrier struct {
	Seq      uint64 `json:"seq,omitempty" doc:"in ASK_<account>; submits with a lower one are dead"`
	StoredMS int64  `json:"stored_ms,omitempty" doc:"for a command to all accounts, whose sequence is of another stream: submits stored before are dead"`
	Filter
	ConditionID ConditionID `json:"condition_id,omitempty" doc:"what market was resolved to"`
	Halt        bool        `json:"halt,omitempty" doc:"of a halt with cancel: queued submits are rejected as halted instead"`
}

// OrderCancelled says that an order no longer rests.
type OrderCancelled struct {
	Head
	Order
	Reason CancelReason `json:"reason" enum:"requested,expired,killed_in_queue,unfilled_rest,venue,market_resolved"`
}

// OrderRejected says that a command or an order was refused, and never traded.
type OrderRejected struct {
	Head
	Order
	Error        *Error `json:"error"`
	By           string `json:"by" enum:"sluice,venue"`
	VenueMessage string `json:"venue_message,omitempty"`
}

// OrderUnknown says that the order was sent and the answer was lost. It is being looked up; do not submit it again.
type OrderUnknown struct {
	Head
	Order
	SinceMS int64  `json:"since_ms"`
	Cause   string `json:"cause,omitempty"`
}

// OrderCancelPending says that a cancel is not yet possible and goes on.
type OrderCancelPending struct {
	Head
	Order
	Error *Error `json:"error"`
}

// OrderCancelRejected says that a cancel did not work, and why.
type OrderCancelRejected struct {
	Head
	Order
	Error *Error `json:"error"`
}

// OrderCancelAllDone ends a cancel_all (or a halt with cancel).
type OrderCancelAllDone struct {
	Head
	Cancelled     int        `json:"cancelled"`
	KilledInQueue int        `json:"killed_in_queue"`
	StillOpen     []OrderRef `json:"still_open,omitempty"`
}

// OrderForeign is an order on this account that Sluice did not place.
type OrderForeign struct {
	Head
	Order
	Unexplained bool `json:"unexplained,omitempty" doc:"first seen at a start, before the log was compared: it may be an order of a lost part of this log"`
}

// OrderHalted says that nothing new leaves from here on.
type OrderHalted struct {
	Head
	Reason  string   `json:"reason,omitempty"`
	By      string   `json:"by" enum:"command,sluice"`
	Cancel  bool     `json:"cancel,omitempty"`
	Barrier *Barrier `json:"barrier,omitempty"`
	ReplyTo string   `json:"reply_to,omitempty"`
}

// OrderResumed says that new commands are taken again.
type OrderResumed struct {
	Head
	Reason  string   `json:"reason,omitempty"`
	By      string   `json:"by" enum:"command,sluice"`
	Barrier *Barrier `json:"barrier,omitempty" doc:"what was stored before it, while halted, stays rejected"`

	Accepted    bool   `json:"accepted,omitempty" doc:"the log, which was in doubt, is accepted as it stands"`
	Incarnation string `json:"incarnation,omitempty" doc:"of the log from here on, where it was accepted"`
}

// OrderCompared says that a claimed log agrees with the venue and the ledger, or that the settings let pass what does not:
// from here on orders leave.
type OrderCompared struct {
	Head
	Open        int     `json:"open" doc:"orders that rest at the venue"`
	Ledger      string  `json:"ledger" enum:"agrees,differs,absent,silent" doc:"absent: no ledger answers for the account; silent: it did not answer in time"`
	Doubts      []Error `json:"doubts,omitempty" doc:"what does not agree, and passes by policy"`
	Policy      string  `json:"policy,omitempty" enum:"hold,adopt,cancel,accept" doc:"by which doubts pass"`
	Incarnation string  `json:"incarnation,omitempty" doc:"of the log from here on, where it was accepted"`

	Barrier *Barrier `json:"barrier,omitempty" doc:"with doubts: what was stored before it is rejected"`
	Rewound bool     `json:"rewound,omitempty" doc:"sequences of commands begin anew: those of before mean nothing"`
}

// OrderHeld says that a claimed log does not agree with the venue, the ledger or its lanes: it may be lost, emptied or
// rolled back. No new order leaves until an operator accepts it; cancels work.
type OrderHeld struct {
	Head
	Doubts  []Error `json:"doubts"`
	Rewound bool    `json:"rewound,omitempty" doc:"sequences of commands begin anew: those of before mean nothing"`
}

// Incarnated is the log's incarnation from this event on, empty where it stays.
func (e *OrderResumed) Incarnated() string { return e.Incarnation }

// Incarnated is the log's incarnation from this event on, empty where it stays.
func (e *OrderCompared) Incarnated() string { return e.Incarnation }

// Judged says that what the starts have found is judged with this event.
func (*OrderCompared) Judged() {}

// Judged says that what the starts have found is judged with this event.
func (*OrderHeld) Judged() {}

// OrderControlRejected says that a halt, a resume or a cancel_all could not be understood; nothing was changed by it.
type OrderControlRejected struct {
	Head
	Verb  string `json:"verb"`
	Error *Error `json:"error"`
}

// OrderAnomaly records something that the venue said and that does not fit. The order's state follows the venue.
type OrderAnomaly struct {
	Head
	Order
	Error *Error `json:"error"`
}
