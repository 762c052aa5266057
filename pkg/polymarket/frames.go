package polymarket

import (
	"bytes"
	"fmt"
	"strings"

	"sluice/pkg/money"
)

// Event is one message of the market or user channel: Book, PriceChange, LastTrade, TickSizeChange, BestBidAsk, NewMarket,
// MarketResolved, UserOrder, UserTrade, or Unrecognised.
type Event interface {
	// EventType is the venue's word, "book" for instance.
	EventType() string
}

// Names of the events on the wire.
const (
	EventBook           = "book"
	EventPriceChange    = "price_change"
	EventLastTrade      = "last_trade_price"
	EventTickSizeChange = "tick_size_change"
	EventBestBidAsk     = "best_bid_ask"
	EventNewMarket      = "new_market"
	EventMarketResolved = "market_resolved"
	EventOrder          = "order"
	EventTrade          = "trade"
)

// FrameKind says what a text frame was.
type FrameKind uint8

const (
	// FrameEvents is JSON; Events may still be empty.
	FrameEvents FrameKind = iota
	// FrameControl is a word of the protocol: PONG, NO NEW ASSETS, INVALID OPERATION.
	FrameControl
	// FrameMalformed is neither.
	FrameMalformed
)

// Frame is one decoded text frame.
type Frame struct {
	Kind   FrameKind
	Events []Event
	// Ignored counts the Unrecognised among Events.
	Ignored int
	// Text is the control word, or the start of what was malformed.
	Text string
}

// Unrecognised is a message of an unknown kind, or of a known kind that cannot be read. It is an event so that a reader can
// count and record it.
type Unrecognised struct {
	Type string // "" when the message had none
	Raw  []byte // the message; valid only as long as the frame's buffer
	Err  error  // why a known kind was not read; nil for an unknown kind
}

// EventType is the venue's word.
func (u Unrecognised) EventType() string { return u.Type }

// PriceChange is a change of one or more levels, usually of both tokens of a market.
type PriceChange struct {
	Market      string
	TimestampMS int64
	Changes     []Change
}

// Change is one level's new absolute size; zero removes it.
type Change struct {
	AssetID string
	Side    Side // Buy: bids, Sell: asks
	Price   money.Price
	Size    money.Size
	Hash    string
	// BestBid and BestAsk are the book's top after the change, for cross-checking; the Has fields tell whether they were
	// sent. A side without orders is written as 0 or 1.
	BestBid, BestAsk       money.Price
	HasBestBid, HasBestAsk bool
}

// LastTrade is a trade that took place.
type LastTrade struct {
	Market, AssetID string
	Price           money.Price
	Size            money.Size
	Side            Side // the taker's
	FeeRateBps      string
	TimestampMS     int64
	TxHash          string
}

// TickSizeChange says that a market's tick is another from now on; orders off the new grid are refused.
type TickSizeChange struct {
	Market, AssetID string
	Old, New        Tick // zero for a tick this package does not know
	TimestampMS     int64
}

// BestBidAsk is the top of a book; zero where a side is empty.
type BestBidAsk struct {
	Market, AssetID          string
	BestBid, BestAsk, Spread money.Price
	TimestampMS              int64
}

// NewMarket announces a market.
type NewMarket struct {
	ID, Market, Slug, Question string
	AssetIDs, Outcomes         []string // in the same order
	Tick                       Tick     // zero when not said
	Active                     bool
	TimestampMS                int64
}

// MarketResolved tells a market's winner. It can be missed: ask the catalogue as well.
type MarketResolved struct {
	ID, Market                     string
	AssetIDs                       []string
	WinningAssetID, WinningOutcome string
	TimestampMS                    int64
}

// Kinds of UserOrder.
const (
	OrderPlacement    = "PLACEMENT"
	OrderUpdate       = "UPDATE"
	OrderCancellation = "CANCELLATION"
)

// UserOrder is a change of an own order.
type UserOrder struct {
	OpenOrder
	Kind        string // OrderPlacement, OrderUpdate or OrderCancellation
	TimestampMS int64
}

// UserTrade is a change of an own trade: one event for each status. The same status can come again; ID and Status tell.
type UserTrade struct {
	Trade
	TimestampMS int64
}

// EventType is "book".
func (Book) EventType() string { return EventBook }

// EventType is "price_change".
func (PriceChange) EventType() string { return EventPriceChange }

// EventType is "last_trade_price".
func (LastTrade) EventType() string { return EventLastTrade }

// EventType is "tick_size_change".
func (TickSizeChange) EventType() string { return EventTickSizeChange }

// EventType is "best_bid_ask".
func (BestBidAsk) EventType() string { return EventBestBidAsk }

// EventType is "new_market".
func (NewMarket) EventType() string { return EventNewMarket }

// EventType is "market_resolved".
func (MarketResolved) EventType() string { return EventMarketResolved }

// EventType is "order".
func (UserOrder) EventType() string { return EventOrder }

// EventType is "trade".
func (UserTrade) EventType() string { return EventTrade }

// maxControl is the longest text taken for a control word.
const maxControl = 64

// DecodeFrame reads one text frame of either channel: one message or an array of them. It is total. Events hold no reference
// to data, except Unrecognised.Raw.
func DecodeFrame(data []byte) Frame {
	trimmed := bytes.Trim(data, jsonSpace)
	v, ok := readJSON(trimmed)
	if !ok || !v.isObject() && !v.isArray() {
		return wordFrame(trimmed)
	}
	var f Frame
	if v.isObject() {
		f.add(v)
	}
	for e := range v.items() {
		f.add(e)
	}
	return f
}

func (f *Frame) add(v value) {
	e := decodeEvent(v)
	if _, unknown := e.(Unrecognised); unknown {
		f.Ignored++
	}
	f.Events = append(f.Events, e)
}

// wordFrame tells the venue's words from garbage: short, upper case, or a plain string.
func wordFrame(b []byte) Frame {
	s := string(b[:min(len(b), maxControl)])
	for _, r := range s {
		if (r < 'A' || r > 'Z') && !strings.ContainsRune(" _-.!:\"", r) {
			return Frame{Kind: FrameMalformed, Text: s}
		}
	}
	if s == "" || len(b) > maxControl {
		return Frame{Kind: FrameMalformed, Text: s}
	}
	return Frame{Kind: FrameControl, Text: strings.Trim(s, `"`)}
}

// IsPong reports whether the frame answers a PING.
func (f Frame) IsPong() bool { return f.Kind == FrameControl && f.Text == "PONG" }

func decodeEvent(v value) Event {
	kind := ""
	for k, f := range v.fields() {
		if string(k) == "event_type" {
			kind = f.text()
		}
	}
	e, err := decodeKind(kind, v)
	if err != nil || e == nil {
		return Unrecognised{Type: kind, Raw: v, Err: err}
	}
	return e
}

// decodeKind returns nil and no error for a kind it does not know.
func decodeKind(kind string, v value) (Event, error) {
	switch kind {
	case EventBook:
		return decodeBook(v)
	case EventPriceChange:
		return decodePriceChange(v)
	case EventLastTrade:
		return decodeLastTrade(v)
	case EventTickSizeChange:
		return decodeTickSizeChange(v)
	case EventBestBidAsk:
		return decodeBestBidAsk(v)
	case EventNewMarket:
		return decodeNewMarket(v), nil
	case EventMarketResolved:
		return decodeMarketResolved(v), nil
	case EventOrder:
		return decodeUserOrder(v)
	case EventTrade:
		return decodeUserTrade(v)
	}
	return nil, nil
}

// need returns an error naming what a message lacks.
func need(kind, field string, present bool, err error) error {
	if err == nil && !present {
		return fmt.Errorf("%w: %s without %s", ErrBadFrame, kind, field)
	}
	return err
}
