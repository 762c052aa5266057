package msgs

import (
	"encoding/json"

	"sluice/pkg/money"
)

// Level is one price of a book and what stands there, written as ["0.51","120.5"].
type Level struct {
	Price money.Price
	Size  money.Size
}

// MarshalJSON writes a pair.
func (l Level) MarshalJSON() ([]byte, error) { return l.append(make([]byte, 0, 32)), nil }

func (l Level) append(b []byte) []byte {
	b = append(b, '[', '"')
	b = money.Append(b, l.Price)
	b = append(b, '"', ',', '"')
	b = money.Append(b, l.Size)
	return append(b, '"', ']')
}

// UnmarshalJSON reads a pair.
func (l *Level) UnmarshalJSON(b []byte) error {
	var pair struct{ p, s json.RawMessage }
	if err := json.Unmarshal(b, &[]any{&pair.p, &pair.s}); err != nil {
		return err
	}
	if err := l.Price.UnmarshalJSON(pair.p); err != nil {
		return err
	}
	return l.Size.UnmarshalJSON(pair.s)
}

// MaxLevels is how many levels a published book has on each side.
const MaxLevels = 20

// Book is a token's order book (md.<venue>.book.<token_id>, last value kept): best level first on both sides.
type Book struct {
	V           int         `json:"v"`
	TokenID     TokenID     `json:"token_id"`
	ConditionID ConditionID `json:"condition_id"`
	Bids        Levels      `json:"bids" max:"20"`
	Asks        Levels      `json:"asks" max:"20"`
	TickSize    string      `json:"tick_size"`
	MinSize     money.Size  `json:"min_size"`
	NegRisk     bool        `json:"neg_risk"`
	VenueMS     int64       `json:"venue_ms" doc:"the venue's time stamp"`
	RecvUS      int64       `json:"recv_us" doc:"when it was received, Unix microseconds"`
	Conn        string      `json:"conn" doc:"changes after each reconnect"`
	Seq         uint64      `json:"seq" doc:"without gaps within one conn"`
	Fresh       bool        `json:"fresh" doc:"false: the feed is doubted, stop quoting on it"`
}

// Raw is the venue's own frame with an envelope (md.<venue>.raw.<token_id>).
type Raw struct {
	V       int             `json:"v"`
	TokenID TokenID         `json:"token_id"`
	RecvUS  int64           `json:"recv_us"`
	Conn    string          `json:"conn"`
	Seq     uint64          `json:"seq"`
	Frame   json.RawMessage `json:"frame"`
}

// LastTrade is a public trade (md.<venue>.trade.<token_id>).
type LastTrade struct {
	V           int         `json:"v"`
	TokenID     TokenID     `json:"token_id"`
	ConditionID ConditionID `json:"condition_id"`
	Side        Side        `json:"side" enum:"BUY,SELL" doc:"of the taker"`
	Price       money.Price `json:"price"`
	Size        money.Size  `json:"size"`
	VenueMS     int64       `json:"venue_ms"`
	RecvUS      int64       `json:"recv_us"`
	Conn        string      `json:"conn"`
}

// Market is what a signature needs to know about a market (md.<venue>.market.<condition_id>, last value kept).
type Market struct {
	V           int               `json:"v"`
	ConditionID ConditionID       `json:"condition_id"`
	Slug        string            `json:"slug,omitempty"`
	Question    string            `json:"question,omitempty"`
	Tokens      List[MarketToken] `json:"tokens"`
	TickSize    string            `json:"tick_size"`
	MinSize     money.Size        `json:"min_size"`
	NegRisk     bool              `json:"neg_risk"`
	Domain      string            `json:"domain" doc:"version of the exchange's signing domain: 2 or 3"`
	Accepting   bool              `json:"accepting" doc:"the venue takes orders"`
	Closed      bool              `json:"closed"`
	EndMS       int64             `json:"end_ms,omitempty"`
	FeeRate     *money.Price      `json:"fee_rate,omitempty" doc:"a taker pays shares × fee_rate × (price × (1 − price))^fee_exponent pUSD; absent: not known"`
	FeeExponent int               `json:"fee_exponent,omitempty"`
	QuestionID  string            `json:"question_id,omitempty" doc:"of a neg-risk market: names its event, and its number there"`
	AtMS        int64             `json:"at_ms" doc:"when the venue was asked"`
}

// MarketToken is one outcome of a market.
type MarketToken struct {
	TokenID TokenID `json:"token_id"`
	Outcome string  `json:"outcome"`
	Winner  bool    `json:"winner,omitempty"`
}

// FeedStatus says how a connection to a venue is (md.<venue>.status).
type FeedStatus struct {
	V       int     `json:"v"`
	Venue   string  `json:"venue"`
	Conn    string  `json:"conn"`
	Channel string  `json:"channel" enum:"market,user"`
	Account Account `json:"account,omitempty" doc:"of a user channel"`
	State   string  `json:"state" enum:"up,stale,down"`
	Tokens  int     `json:"tokens"`
	AgeMS   int64   `json:"age_ms" doc:"since the last data"`
	Cause   string  `json:"cause,omitempty"`
	AtMS    int64   `json:"at_ms"`
}

// RefPrice is a reference price (ref.<kind>.<symbol>), of an exchange, an oracle or a chain of sources.
type RefPrice struct {
	V      int        `json:"v"`
	Kind   string     `json:"kind"`
	Symbol string     `json:"symbol"`
	Price  money.Cash `json:"price" schema:"decimal" doc:"US dollars for one"`
	Source string     `json:"source"`
	Fresh  bool       `json:"fresh"`
	AtMS   int64      `json:"at_ms" doc:"the source's time stamp"`
	RecvMS int64      `json:"recv_ms"`
}
