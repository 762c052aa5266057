package polymarket

import (
	"bytes"
	"fmt"
	"strings"

	"sluice/pkg/money"
)

// Statuses of an open order, as this package writes them (upper case, without the venue's optional prefix).
const (
	OrderLive                   = "LIVE"
	OrderMatched                = "MATCHED"
	OrderCanceled               = "CANCELED"
	OrderDelayed                = "DELAYED"
	OrderUnmatched              = "UNMATCHED"
	OrderInvalid                = "INVALID"
	OrderCanceledMarketResolved = "CANCELED_MARKET_RESOLVED"
)

// OpenOrder is one order as the venue shows it. Hexadecimal ids are lower case.
type OpenOrder struct {
	ID              string
	Status          string // an Order constant, or a word of tomorrow; "" when not said
	Owner           string // API key
	Maker           string // the wallet
	Market          string // condition id
	AssetID         string // token id
	Side            Side
	OriginalSize    money.Size
	SizeMatched     money.Size // cumulative
	Price           money.Price
	Outcome         string
	Type            OrderType
	Expiration      int64 // Unix seconds, 0 none
	CreatedAt       int64 // Unix seconds
	AssociateTrades []string
}

// Remaining is what is not matched, never below zero.
func (o OpenOrder) Remaining() money.Size { return max(o.OriginalSize-o.SizeMatched, 0) }

func decodeOpenOrder(v value) (OpenOrder, error) {
	var o OpenOrder
	d := strict{}
	for k, f := range v.fields() {
		switch string(k) {
		case "id":
			o.ID = f.id()
		case "status":
			o.Status = plainStatus(f, "ORDER_STATUS_")
		case "owner":
			o.Owner = f.text()
		case "maker_address":
			o.Maker = f.id()
		case "market":
			o.Market = f.id()
		case "asset_id":
			o.AssetID = f.text()
		case "side":
			o.Side = d.side(f)
		case "original_size":
			o.OriginalSize = d.size(k, f)
		case "size_matched":
			o.SizeMatched = d.size(k, f)
		case "price":
			o.Price = d.price(k, f)
		case "outcome":
			o.Outcome = f.text()
		case "order_type":
			o.Type = OrderType(strings.ToUpper(f.text()))
		case "expiration":
			o.Expiration, _ = f.number()
		case "created_at":
			o.CreatedAt, _ = f.number()
		case "associate_trades":
			o.AssociateTrades = f.texts()
		}
	}
	return o, d.err
}

// Statuses of a trade, without the venue's optional prefix. Confirmed and failed are final; treat an unknown one as not.
const (
	TradeMatched               = "MATCHED"
	TradeMatchedNotBroadcasted = "MATCHED_NOT_BROADCASTED"
	TradeMined                 = "MINED"
	TradeConfirmed             = "CONFIRMED"
	TradeRetrying              = "RETRYING"
	TradeFailed                = "FAILED"
)

// Roles in a trade.
const (
	RoleTaker = "TAKER"
	RoleMaker = "MAKER"
)

// Trade is one match. Its own side, size and price are the taker's; Fills tells what it means for an API key.
type Trade struct {
	ID           string
	TakerOrderID string
	Market       string // condition id
	AssetID      string
	Side         Side
	Size         money.Size
	Price        money.Price
	FeeRateBps   string // as written, may be ""
	Status       string // a Trade constant, or a word of tomorrow
	MatchTime    int64  // Unix seconds
	LastUpdate   int64  // Unix seconds
	Outcome      string
	BucketIndex  int64 // one match can settle in several transactions
	Owner        string
	Maker        string // wallet named at the top level
	TxHash       string // may be "", changes while retrying
	TraderSide   string // RoleTaker or RoleMaker, seen from the account that asked
	MakerOrders  []MakerOrder
}

// MakerOrder is one resting order's part in a trade. It may be on the complementary token.
type MakerOrder struct {
	OrderID       string
	Owner         string
	Maker         string
	MatchedAmount money.Size
	Price         money.Price
	AssetID       string
	Outcome       string
	Side          Side // "" when the venue leaves it out
}

// Fill is one order's part in a trade.
type Fill struct {
	OrderID string
	AssetID string
	Side    Side
	Price   money.Price
	Size    money.Size
	Role    string // RoleTaker or RoleMaker
	Leg     int    // 0 for the taker, else 1 + the index in MakerOrders
}

// Final reports whether the status will not change again.
func (t Trade) Final() bool { return t.Status == TradeConfirmed || t.Status == TradeFailed }

// Failed reports whether the trade is as if it had never happened.
func (t Trade) Failed() bool { return t.Status == TradeFailed }

// Fills are the parts of the trade that belong to the orders of an API key: the taker's, maker orders', or both when the
// account traded with itself. A side that the venue leaves out is derived: the opposite of the taker's on the same token, the
// same on the complementary one.
func (t Trade) Fills(apiKey string) []Fill {
	return t.OwnFills(apiKey, func(string) bool { return false })
}

// OwnFills is Fills with further orders that known tells to be the account's own: those placed with an earlier API key.
func (t Trade) OwnFills(apiKey string, known func(orderID string) bool) []Fill {
	taker := t.TraderSide != RoleMaker && (t.Owner == apiKey || t.TraderSide == RoleTaker && t.Owner == "")
	return t.fills(taker || known(t.TakerOrderID), func(m *MakerOrder) bool { return m.Owner == apiKey || known(m.OrderID) })
}

// FillsOfWallet is Fills by the wallet that holds the funds, for a trade of which nothing else says whose it is.
func (t Trade) FillsOfWallet(wallet Address) []Fill {
	is := func(text string) bool { return strings.EqualFold(text, wallet.Hex()) }
	return t.fills(t.TraderSide != RoleMaker && is(t.Maker), func(m *MakerOrder) bool { return is(m.Maker) })
}

func (t Trade) fills(taker bool, maker func(*MakerOrder) bool) []Fill {
	var out []Fill
	if taker {
		out = append(out, Fill{t.TakerOrderID, t.AssetID, t.Side, t.Price, t.Size, RoleTaker, 0})
	}
	for i := range t.MakerOrders {
		m := &t.MakerOrders[i]
		if !maker(m) {
			continue
		}
		side := m.Side
		if side == "" {
			side = t.Side
			if m.AssetID == t.AssetID {
				side = t.Side.Opposite()
			}
		}
		out = append(out, Fill{m.OrderID, m.AssetID, side, m.Price, m.MatchedAmount, RoleMaker, i + 1})
	}
	return out
}

// Opposite is the other side.
func (s Side) Opposite() Side {
	if s == Buy {
		return Sell
	}
	return Buy
}

func decodeTrade(v value) (Trade, error) {
	var t Trade
	d := strict{}
	for k, f := range v.fields() {
		switch string(k) {
		case "id":
			t.ID = f.text()
		case "taker_order_id":
			t.TakerOrderID = f.id()
		case "market":
			t.Market = f.id()
		case "asset_id":
			t.AssetID = f.text()
		case "side":
			t.Side = d.side(f)
		case "size":
			t.Size = d.size(k, f)
		case "price":
			t.Price = d.price(k, f)
		case "fee_rate_bps":
			t.FeeRateBps = f.text()
		case "status":
			t.Status = plainStatus(f, "TRADE_STATUS_")
		case "match_time", "matchtime":
			t.MatchTime, _ = f.number()
		case "last_update":
			t.LastUpdate, _ = f.number()
		case "outcome":
			t.Outcome = f.text()
		case "bucket_index":
			t.BucketIndex, _ = f.number()
		case "owner":
			t.Owner = f.text()
		case "maker_address":
			t.Maker = f.id()
		case "transaction_hash":
			t.TxHash = f.id()
		case "trader_side":
			t.TraderSide = strings.ToUpper(f.text())
		case "maker_orders":
			for e := range f.items() {
				t.MakerOrders = append(t.MakerOrders, decodeMakerOrder(&d, e))
			}
		}
	}
	return t, d.err
}

func decodeMakerOrder(d *strict, v value) MakerOrder {
	var m MakerOrder
	for k, f := range v.fields() {
		switch string(k) {
		case "order_id":
			m.OrderID = f.id()
		case "owner":
			m.Owner = f.text()
		case "maker_address":
			m.Maker = f.id()
		case "matched_amount":
			m.MatchedAmount = d.size(k, f)
		case "price":
			m.Price = d.price(k, f)
		case "asset_id":
			m.AssetID = f.text()
		case "outcome":
			m.Outcome = f.text()
		case "side":
			m.Side = d.side(f)
		}
	}
	return m
}

// plainStatus is upper case without prefix.
func plainStatus(v value, prefix string) string {
	return strings.TrimPrefix(strings.ToUpper(v.text()), prefix)
}

// strict reads fields that must be right if they are there, and keeps the first error. Empty text and null are zero.
type strict struct{ err error }

func (d *strict) price(name []byte, v value) money.Price { return strictMicro[money.Price](d, name, v) }
func (d *strict) size(name []byte, v value) money.Size   { return strictMicro[money.Size](d, name, v) }

func strictMicro[T money.Micro](d *strict, name []byte, v value) T {
	if v.isNull() || string(v) == `""` {
		return 0
	}
	n, ok := micro[T](v)
	if !ok || n < 0 {
		d.fail(string(name), v)
		return 0
	}
	return n
}

func (d *strict) side(v value) Side {
	switch s := v.raw(); {
	case len(s) == 0:
		return ""
	case bytes.EqualFold(s, []byte("BUY")):
		return Buy
	case bytes.EqualFold(s, []byte("SELL")):
		return Sell
	}
	d.fail("side", v)
	return ""
}

func (d *strict) fail(name string, v value) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s is %s", ErrBadFrame, name, quoteBody(v))
	}
}
