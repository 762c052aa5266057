package sandbox

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/sandbox/engine"
)

// wireLevel is one price level on the wire.
type wireLevel struct {
	Price money.Price `json:"price"`
	Size  money.Size  `json:"size"`
}

// wireBook is the order book of one token, keys in the order that its hash is taken over. Bids ascend and asks
// descend, so that the best level stands last.
type wireBook struct {
	Market         string      `json:"market"`
	AssetID        string      `json:"asset_id"`
	Timestamp      string      `json:"timestamp"`
	Hash           string      `json:"hash"`
	Bids           []wireLevel `json:"bids"`
	Asks           []wireLevel `json:"asks"`
	MinOrderSize   string      `json:"min_order_size"`
	TickSize       string      `json:"tick_size"`
	NegRisk        bool        `json:"neg_risk"`
	LastTradePrice string      `json:"last_trade_price"`
}

// view is the book of one outcome as the venue shows it.
func (m *market) view(outcome int) wireBook {
	bids, asks := m.book.Levels(outcome)
	b := wireBook{
		Market: m.ConditionID, AssetID: m.Tokens[outcome], Timestamp: millis(m.changed),
		Bids: wireLevels(bids), Asks: wireLevels(asks),
		MinOrderSize: minOrderSize.String(), TickSize: m.tick.String(), NegRisk: m.NegRisk,
	}
	if p := m.last[outcome]; p != 0 {
		b.LastTradePrice = p.String()
	}
	b.Hash = hashOf(b)
	return b
}

// hashOf is SHA-1 over the book as compact JSON with an empty hash: the clients' change detector.
func hashOf(b wireBook) string {
	b.Hash = ""
	sum := sha1.Sum(mustJSON(b))
	return hex.EncodeToString(sum[:])
}

func wireLevels(levels []engine.Level) []wireLevel {
	out := make([]wireLevel, len(levels))
	for i, l := range levels {
		out[len(out)-1-i] = wireLevel{l.Price, l.Size}
	}
	return out
}

// best is the best bid and ask of one outcome; a missing bid is 0 and a missing ask 1, as in the venue's frames.
func (m *market) best(outcome int) (bid, ask money.Price) {
	bids, asks := m.book.Levels(outcome)
	ask = money.Unit
	if len(bids) > 0 {
		bid = bids[0].Price
	}
	if len(asks) > 0 {
		ask = asks[0].Price
	}
	return bid, ask
}

// mid is the middle of the best prices, exact.
func (m *market) middle(outcome int) money.Price {
	bid, ask := m.best(outcome)
	return (bid + ask) / 2
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func seconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// mustJSON encodes what this package built itself.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
