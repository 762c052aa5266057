package executor

import (
	"time"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Asked is one stored command, decoded as far as it could be, with what its decision may use of the world.
type Asked struct {
	Seq     uint64    // cmd_seq
	Stored  time.Time // the broker's time stamp
	All     bool      // from the stream of every account, whose sequence is another
	Verb    string
	Command msgs.Command // nil when Err says that it could not be decoded
	Err     *msgs.Error  // what is wrong with the message itself

	Client  msgs.ClientOrderID // as far as it could be recovered
	Request msgs.RequestID
	Hash    string // of the content
	ReplyTo string // a valid inbox, or empty
	Salt    uint64 // of the order that would come of it; computed, so that a repeated decision is the same

	Full  string     // what has no room for new orders, empty while there is some
	Facts *Facts     // market facts at the moment of reading; never nil
	Book  *msgs.Book // of the token, when the command needs one
}

// head is the common part of an event that the command leads to.
func (a *Asked) head(kind msgs.Type) msgs.Head {
	return msgs.Head{Type: kind, CmdSeq: a.Seq, CmdHash: a.Hash}
}

// request is head for a command that has a request id.
func (a *Asked) request(kind msgs.Type, id msgs.RequestID) msgs.Head {
	h := a.head(kind)
	h.ReqID = string(id)
	return h
}

// Fed is one private event of the venue; exactly one of the two is set.
type Fed struct {
	Order  *msgs.FeedOrder
	Trade  *msgs.FeedTrade
	Stored time.Time // the broker's time stamp
}

// Posted is what became of a Post.
type Posted struct {
	OrderID msgs.OrderID
	Outcome polymarket.Outcome
}

// CancelAnswer is the venue's answer to a cancel of some orders, or of everything.
type CancelAnswer struct {
	Everything bool // it was asked to cancel whatever rests
	For        wish // of that CancelEverything
	Cancelled  []msgs.OrderID
	Refused    []CancelRefusal
}

// CancelRefusal is why the venue did not cancel one order.
type CancelRefusal struct {
	OrderID msgs.OrderID
	Code    msgs.Code
	Message string
}

// Found is what the venue knows of an order that was looked up.
type Found struct {
	OrderID msgs.OrderID
	Order   VenueOrder
	Alone   bool // of the Lookup
	AskedMS int64
}

// Denied says that the venue, asked at or after the moment that the Lookup named, does not know the order.
type Denied struct {
	OrderID msgs.OrderID
	Try     int  // of the Lookup
	Alone   bool // of the Lookup
}

// Again reminds of an order that waited: to be sent again when Try is set, else to be cancelled again.
type Again struct {
	OrderID msgs.OrderID
	Try     int
}

// OpenOrders is everything that rested at the venue for the account at AsOfMS.
type OpenOrders struct {
	AsOfMS int64
	Orders []VenueOrder
	Once   bool // of the Audit
}

// VenueOrder is an order as the venue tells it.
type VenueOrder struct {
	OrderID     msgs.OrderID
	Status      string // LIVE, MATCHED, CANCELED, DELAYED, UNMATCHED, INVALID, CANCELED_MARKET_RESOLVED, or newer
	TokenID     msgs.TokenID
	ConditionID msgs.ConditionID
	Side        msgs.Side
	OrderType   msgs.OrderType
	Price       money.Price
	Size        money.Size // original
	Matched     money.Size
	ExpiresMS   int64
}

// Post sends one order. Again is set when it was sent before: then a permit has still to be taken.
type Post struct {
	Intent msgs.Intent
	Again  bool
	After  uint64 // number of the event after which it was decided

	made *made // what the intent was made of; nil: it has to be read out of it
}

// Leaves makes a post wait behind what was stored to stop it, whatever it follows from: a submit, another try, or the end of the order
// that it replaces.
func (Post) Leaves() {}

// CancelOrders asks the venue to end orders. It is asked again until the venue has answered.
type CancelOrders struct{ OrderIDs []msgs.OrderID }

// CancelEverything asks the venue to end whatever rests for the account, also what Sluice did not place. Own are the
// orders of ours that are meant: those of them that have not left yet must not leave.
type CancelEverything struct {
	Own []msgs.OrderID
	For wish // of the command that asked, given back
}

// HoldBack stops orders that have not left yet: their posts that were decided up to an event end as never left.
type HoldBack struct {
	OrderIDs []msgs.OrderID
	Upto     uint64 // number of that event
}

// Lookup asks the venue about an order until it is found, or denied at or after DeniedMS. A venue that does not answer
// is asked on.
type Lookup struct {
	OrderID  msgs.OrderID
	FromMS   int64 // not asked before
	DeniedMS int64
	Try      int  // of the order, given back: a denial says nothing about a later try
	Alone    bool // no post of the order is under way, given back: else a denial says nothing
	Single   bool // not asked while another one of the order that is single still asks
	Many     bool // one of many that a list has brought up: few of those are asked about at a time, and each order once
}

// Audit lists what rests at the venue, at FromMS; it gives OpenOrders. A venue that does not answer is asked on.
type Audit struct {
	FromMS int64
	Once   bool // given back: no other one follows
}

// Wait gives Again at UntilMS. One for another try gives it sooner when the venue takes orders again: those of the least Turn first.
type Wait struct {
	UntilMS int64
	Then    Again
	Turn    uint64 // the order's serial
	EachMS  int64  // of all that wait with it and whose time has come, one ends in so long: it asks for all; 0: each ends at its own time
	LastMS  int64  // it ends by then all the same; 0: at no time
}

// Reply sends a copy of the present state to an inbox.
type Reply struct {
	To    string
	Event msgs.Event
}
