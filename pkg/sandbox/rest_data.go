package sandbox

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	roleTaker = "TAKER"
	roleMaker = "MAKER"
)

// wireOrder is an order as its owner reads it.
type wireOrder struct {
	ID              string   `json:"id"`
	Status          string   `json:"status"`
	Owner           string   `json:"owner"`
	MakerAddress    string   `json:"maker_address"`
	Market          string   `json:"market"`
	AssetID         string   `json:"asset_id"`
	Side            string   `json:"side"`
	OriginalSize    string   `json:"original_size"`
	SizeMatched     string   `json:"size_matched"`
	Price           string   `json:"price"`
	Outcome         string   `json:"outcome"`
	Expiration      string   `json:"expiration"`
	OrderType       string   `json:"order_type"`
	AssociateTrades []string `json:"associate_trades"`
	CreatedAt       int64    `json:"created_at"`
}

func (o *order) wire() wireOrder {
	return wireOrder{
		ID: o.id, Status: o.wireStatus(), Owner: o.key.id, MakerAddress: o.wallet.address.Hex(), Market: o.market.ConditionID,
		AssetID: o.token(), Side: o.eng.Side.String(), OriginalSize: o.size().String(), SizeMatched: o.eng.Filled.String(),
		Price: o.eng.Price.String(), Outcome: outcomes()[o.eng.Outcome], Expiration: strconv.FormatInt(o.expiration, 10),
		OrderType: o.kind, AssociateTrades: append([]string{}, o.trades...), CreatedAt: o.created.Unix(),
	}
}

func (o *order) wireStatus() string {
	switch o.state {
	case stateLive:
		return "LIVE"
	case stateMatched:
		return "MATCHED"
	case stateDelayed:
		return "DELAYED"
	case stateKilled:
		return "UNMATCHED"
	}
	return "CANCELED"
}

func (s *Sandbox) getOrders(q *request) answer {
	all := []wireOrder{}
	for _, o := range s.resting(func(o *order) bool { return o.key.owner == q.key.owner }) {
		id := q.query.Get("id")
		if (id == "" || strings.EqualFold(id, o.id)) && o.in(q.query.Get("market"), q.query.Get("asset_id")) {
			all = append(all, o.wire())
		}
	}
	return paged(s, q, all)
}

func (s *Sandbox) getOrder(q *request) answer {
	id := strings.ToLower(q.param("id"))
	if !isOrderID(id) {
		return refuse(http.StatusBadRequest, "Invalid orderID")
	}
	o := s.orders[id]
	if o == nil || o.key.owner != q.key.owner || s.faults.forgets(o) {
		return refuse(http.StatusNotFound, "order not found")
	}
	return ok(o.wire())
}

// wireTrade is a trade as one of its parties reads it. What stands at the top is the taker's.
type wireTrade struct {
	ID              string           `json:"id"`
	TakerOrderID    string           `json:"taker_order_id"`
	Market          string           `json:"market"`
	AssetID         string           `json:"asset_id"`
	Side            string           `json:"side"`
	Size            string           `json:"size"`
	FeeRateBps      string           `json:"fee_rate_bps"`
	Price           string           `json:"price"`
	Status          string           `json:"status"`
	MatchTime       string           `json:"match_time"`
	MatchTimeNano   string           `json:"match_time_nano,omitempty"`
	LastUpdate      string           `json:"last_update"`
	Outcome         string           `json:"outcome"`
	BucketIndex     int              `json:"bucket_index"`
	Owner           string           `json:"owner"`
	MakerAddress    string           `json:"maker_address"`
	TransactionHash string           `json:"transaction_hash"`
	ErrMsg          *string          `json:"err_msg"`
	TraderSide      string           `json:"trader_side"`
	MakerOrders     []wireMakerOrder `json:"maker_orders"`
}

type wireMakerOrder struct {
	OrderID       string `json:"order_id"`
	Owner         string `json:"owner"`
	MakerAddress  string `json:"maker_address"`
	MatchedAmount string `json:"matched_amount"`
	Price         string `json:"price"`
	FeeRateBps    string `json:"fee_rate_bps"`
	AssetID       string `json:"asset_id"`
	Outcome       string `json:"outcome"`
	OutcomeIndex  int    `json:"outcome_index"`
	Side          string `json:"side"`
	BuilderFee    string `json:"builder_fee"`
	BuilderCode   string `json:"builder_code"`
}

const zeroBuilder = "0x0000000000000000000000000000000000000000000000000000000000000000"

// wire is the trade as seen by a party; role is its side of it.
func (t *trade) wire(role string) wireTrade {
	l := t.taker()
	w := wireTrade{
		ID: t.id, TakerOrderID: l.order.id, Market: t.market.ConditionID, AssetID: l.order.token(), Side: l.order.eng.Side.String(),
		Size: l.size.String(), FeeRateBps: "0", Price: l.price.String(), Status: t.status,
		MatchTime: seconds(t.matched), MatchTimeNano: strconv.FormatInt(t.matched.UnixNano(), 10), LastUpdate: seconds(t.updated),
		Outcome: outcomes()[l.order.eng.Outcome], BucketIndex: t.bucket, Owner: l.order.key.id,
		MakerAddress: l.order.wallet.address.Hex(), TransactionHash: t.txHash, TraderSide: role,
	}
	if t.errMsg != "" {
		w.ErrMsg = &t.errMsg
	}
	for _, l := range t.legs[1:] {
		w.MakerOrders = append(w.MakerOrders, wireMakerOrder{
			OrderID: l.order.id, Owner: l.order.key.id, MakerAddress: l.order.wallet.address.Hex(), MatchedAmount: l.size.String(),
			Price: l.price.String(), AssetID: l.order.token(), Outcome: outcomes()[l.order.eng.Outcome],
			OutcomeIndex: l.order.eng.Outcome, Side: l.order.eng.Side.String(), BuilderFee: "0", BuilderCode: cmp.Or(l.order.builder, zeroBuilder),
		})
	}
	return w
}

// role is the part that the owner of a key has in the trade, or "".
func (t *trade) role(key *apiKey) string {
	for i, l := range t.legs {
		if l.order.key.owner == key.owner {
			if i == 0 {
				return roleTaker
			}
			return roleMaker
		}
	}
	return ""
}

// getTrades lists the caller's trades, newest first.
func (s *Sandbox) getTrades(q *request) answer {
	keep, err := tradeFilter(q)
	if err != nil {
		return refuse(http.StatusBadRequest, "Invalid payload")
	}
	all := []wireTrade{}
	for _, t := range slices.Backward(s.trades) {
		if role := t.role(q.key); role != "" && keep(t) {
			w := t.wire(role)
			w.Status = "TRADE_STATUS_" + w.Status
			all = append(all, w)
		}
	}
	return paged(s, q, all)
}

// tradeFilter reads the filters of GET /data/trades. Times are unix seconds, both ends inclusive.
func tradeFilter(q *request) (func(*trade) bool, error) {
	before, after := time.Unix(1<<40, 0), time.Unix(0, 0)
	for name, to := range map[string]*time.Time{"before": &before, "after": &after} {
		if text := q.query.Get(name); text != "" {
			sec, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, err
			}
			*to = time.Unix(sec, 0)
		}
	}
	get := q.query.Get
	return func(t *trade) bool {
		at := time.Unix(t.matched.Unix(), 0)
		return (get("id") == "" || get("id") == t.id) && !at.After(before) && !at.Before(after) &&
			t.touches(get("market"), get("asset_id"), get("maker_address"))
	}, nil
}

// touches reports whether some leg is on that market, token and wallet, where given.
func (t *trade) touches(condition, token, wallet string) bool {
	return slices.ContainsFunc(t.legs, func(l leg) bool {
		return l.order.in(condition, token) && (wallet == "" || strings.EqualFold(wallet, l.order.wallet.address.Hex()))
	})
}

func (s *Sandbox) getNothing(q *request) answer { return paged(s, q, []wireOrder{}) }

func (s *Sandbox) getScoring(*request) answer { return ok(map[string]bool{"scoring": false}) }

func (s *Sandbox) postScoring(q *request) answer {
	var ids []string
	if json.Unmarshal(q.body, &ids) != nil {
		return refuse(http.StatusBadRequest, "Invalid payload")
	}
	out := map[string]bool{}
	for _, id := range ids {
		out[id] = false
	}
	return ok(out)
}
