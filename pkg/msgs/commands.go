package msgs

import (
	"encoding/json"

	"sluice/pkg/money"
)

// Bounds of commands.
const (
	MaxCommand    = 64 << 10 // bytes of one command; more than any honest one, small enough to hold many
	MaxMeta       = 1 << 10  // bytes of meta: it is copied into every event about the command
	MaxCancelIDs  = 1000     // ids in one cancel, which is also what the venue takes at once
	MaxPostOrders = 15       // orders in one post: the venue's figure
)

// Common is what every command may carry.
type Common struct {
	V      int             `json:"v,omitempty" max:"1" doc:"version of the contract; 1"`
	SentMS int64           `json:"sent_ms,omitempty" doc:"sender's clock when it was sent; protects against old repeats for ever"`
	Meta   json.RawMessage `json:"meta,omitempty" schema:"object" doc:"object of at most 1 KiB, given back in every event about the command"`
}

// Submit asks for an order (cmd.order.<account>.submit).
type Submit struct {
	Common
	ClientOrderID ClientOrderID `json:"client_order_id"`
	TokenID       TokenID       `json:"token_id,omitempty" doc:"or market and outcome"`
	Market        string        `json:"market,omitempty" doc:"slug or condition id"`
	Outcome       string        `json:"outcome,omitempty" doc:"with market"`
	Side          Side          `json:"side,omitempty" enum:"BUY,SELL"`
	Type          OrderType     `json:"type" enum:"GTC,GTD,FOK,FAK"`
	Price         *money.Price  `json:"price,omitempty" doc:"0 < p < 1, on the tick; for FOK and FAK the worst price"`
	MaxSlippage   *money.Price  `json:"max_slippage,omitempty" doc:"FOK and FAK: from the best price of the live book"`
	Size          *money.Size   `json:"size,omitempty" doc:"shares, at most 2 decimals"`
	Amount        *money.Cash   `json:"amount,omitempty" schema:"shares" doc:"pUSD to spend; BUY with FOK or FAK"`
	ExpiresMS     int64         `json:"expires_ms,omitempty" doc:"GTD: when it shall stop resting"`
	PostOnly      bool          `json:"post_only,omitempty"`
	DeferExec     bool          `json:"defer_exec,omitempty"`
	ValidUntilMS  *int64        `json:"valid_until_ms,omitempty" doc:"age of the command, not of the resting order; 0 waits for ever"`
	Builder       string        `json:"builder,omitempty" schema:"hex32" doc:"builder code, 32 bytes in hex"`
	Signed        *SignedOrder  `json:"signed,omitempty" doc:"an order signed elsewhere"`
	FeeRateBPS    *int64        `json:"fee_rate_bps,omitempty" doc:"accepted, without effect on CLOB V2"`
	Nonce         *int64        `json:"nonce,omitempty" doc:"accepted, without effect on CLOB V2"`
	Expiration    int64         `json:"expiration,omitempty" max:"253402300799" doc:"seconds; the same as expires_ms / 1000"`
}

// SignedOrder is an order signed elsewhere, spelled as the venue spells it, with owner left out. Its integers are
// base units in decimal strings.
type SignedOrder struct {
	Salt          json.Number `json:"salt" schema:"uint64"`
	Maker         string      `json:"maker" schema:"address"`
	Signer        string      `json:"signer" schema:"address"`
	TokenID       TokenID     `json:"tokenId"`
	MakerAmount   string      `json:"makerAmount" schema:"units"`
	TakerAmount   string      `json:"takerAmount" schema:"units"`
	Side          Side        `json:"side" enum:"BUY,SELL"`
	SignatureType int         `json:"signatureType" max:"3" doc:"0 EOA, 1 proxy, 2 Safe, 3 deposit wallet"`
	Timestamp     string      `json:"timestamp" schema:"digits"`
	Expiration    string      `json:"expiration,omitempty" schema:"digits"`
	Metadata      string      `json:"metadata" schema:"hex32"`
	Builder       string      `json:"builder" schema:"hex32"`
	Signature     string      `json:"signature" schema:"signature"`
}

// Cancel asks that orders end (cmd.order.<account>.cancel): exactly one of its four id fields is given.
type Cancel struct {
	Common
	RequestID      RequestID       `json:"request_id,omitempty"`
	ClientOrderID  ClientOrderID   `json:"client_order_id,omitempty"`
	OrderID        OrderID         `json:"order_id,omitempty"`
	ClientOrderIDs []ClientOrderID `json:"client_order_ids,omitempty" max:"1000"`
	OrderIDs       []OrderID       `json:"order_ids,omitempty" max:"1000"`
}

// CancelAll asks that everything that matches ends, queued submits included (cmd.order.<account>.cancel_all).
type CancelAll struct {
	Common
	RequestID RequestID `json:"request_id"`
	Filter
}

// Filter narrows a cancel_all; empty fields match everything.
type Filter struct {
	Market  string  `json:"market,omitempty" doc:"slug or condition id"`
	TokenID TokenID `json:"token_id,omitempty"`
	Side    Side    `json:"side,omitempty" enum:"BUY,SELL"`
	Prefix  string  `json:"prefix,omitempty" schema:"id" doc:"of client_order_id"`
}

// SizeIs says what the size of a replace means.
type SizeIs string

const (
	TotalSize SizeIs = "total" // new size = size − what the old order filled
	NewSize   SizeIs = "new"   // exactly size
)

// Replace asks for a new order in place of an old one (cmd.order.<account>.replace); what is not given is inherited.
type Replace struct {
	Common
	ClientOrderID ClientOrderID `json:"client_order_id"`
	Replaces      ClientOrderID `json:"replaces"`
	Price         *money.Price  `json:"price,omitempty"`
	Size          *money.Size   `json:"size,omitempty"`
	SizeIs        SizeIs        `json:"size_is,omitempty" enum:"total,new"`
	Type          OrderType     `json:"type,omitempty" enum:"GTC,GTD,FOK,FAK"`
	ExpiresMS     int64         `json:"expires_ms,omitempty"`
	PostOnly      *bool         `json:"post_only,omitempty"`
	ValidUntilMS  *int64        `json:"valid_until_ms,omitempty"`
}

// Halt asks that nothing new leaves (cmd.control.<account>.halt); it survives restarts.
type Halt struct {
	Common
	RequestID RequestID `json:"request_id"`
	Reason    string    `json:"reason,omitempty"`
	Cancel    bool      `json:"cancel,omitempty" doc:"also cancel everything open"`
}

// Resume allows new commands again (cmd.control.<account>.resume).
type Resume struct {
	Common
	RequestID RequestID `json:"request_id"`
	Accept    bool      `json:"accept,omitempty" doc:"also accept a log that was in doubt at the last start (order.held) as it stands"`
}
