package sandbox

import (
	"crypto/hmac"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// userAsk is what a client of the user channel says. The credentials come as they are.
type userAsk struct {
	Type      string   `json:"type"`
	Operation string   `json:"operation"`
	Markets   []string `json:"markets"`
	Auth      struct {
		APIKey     string `json:"apiKey"`
		Secret     string `json:"secret"`
		Passphrase string `json:"passphrase"`
	} `json:"auth"`
}

func (s *Sandbox) serveUserSocket(w http.ResponseWriter, r *http.Request) {
	s.serveSocket(w, r, s.hearUser)
}

// hearUser authenticates the first frame and changes the markets with later ones. Wrong credentials end the socket.
func (s *Sandbox) hearUser(c *socket, frame []byte) {
	var ask userAsk
	if json.Unmarshal(frame, &ask) != nil {
		c.push([]byte("INVALID OPERATION"))
		return
	}
	if c.key == nil || ask.Auth.APIKey != "" {
		k := s.keys[ask.Auth.APIKey]
		if k == nil || k.revoked || !hmac.Equal([]byte(k.secret), []byte(ask.Auth.Secret)) ||
			!hmac.Equal([]byte(k.passphrase), []byte(ask.Auth.Passphrase)) {
			c.drop()
			return
		}
		c.key = k
	}
	for _, condition := range ask.Markets {
		if ask.Operation == "unsubscribe" {
			delete(c.conds, strings.ToLower(condition))
		} else {
			c.conds[strings.ToLower(condition)] = true
		}
	}
}

// follows reports whether a socket wants the private frames of an owner about a market.
func (c *socket) follows(owner common.Address, m *market) bool {
	return c.key != nil && c.key.owner == owner && (len(c.conds) == 0 || c.conds[m.ConditionID])
}

type orderFrame struct {
	EventType       string   `json:"event_type"`
	ID              string   `json:"id"`
	Owner           string   `json:"owner"`
	Market          string   `json:"market"`
	AssetID         string   `json:"asset_id"`
	Side            string   `json:"side"`
	OrderOwner      string   `json:"order_owner"`
	OriginalSize    string   `json:"original_size"`
	SizeMatched     string   `json:"size_matched"`
	Price           string   `json:"price"`
	AssociateTrades []string `json:"associate_trades"`
	Outcome         string   `json:"outcome"`
	Type            string   `json:"type"`
	CreatedAt       string   `json:"created_at"`
	Expiration      string   `json:"expiration"`
	OrderType       string   `json:"order_type"`
	Status          string   `json:"status"`
	MakerAddress    string   `json:"maker_address"`
	Timestamp       string   `json:"timestamp"`
}

// tellOrder tells an order's owner what became of it: PLACEMENT, UPDATE or CANCELLATION.
func (s *Sandbox) tellOrder(o *order, what string) {
	s.cast(func(c *socket) bool { return c.follows(o.key.owner, o.market) }, func() any {
		return orderFrame{
			EventType: "order", ID: o.id, Owner: o.key.id, Market: o.market.ConditionID, AssetID: o.token(), Side: o.eng.Side.String(),
			OrderOwner: o.key.id, OriginalSize: o.size().String(), SizeMatched: o.eng.Filled.String(), Price: o.eng.Price.String(),
			AssociateTrades: o.trades, Outcome: strings.ToUpper(outcomes()[o.eng.Outcome]), Type: what, CreatedAt: seconds(o.created),
			Expiration: strconv.FormatInt(o.expiration, 10), OrderType: o.kind, Status: o.wireStatus(),
			MakerAddress: o.wallet.address.Hex(), Timestamp: millis(time.Now()),
		}
	})
}

type tradeFrame struct {
	EventType string `json:"event_type"`
	Type      string `json:"type"`
	wireTrade
	TradeOwner string `json:"trade_owner"`
	Timestamp  string `json:"timestamp"`
}

// tellTrade tells every party of a trade its present status, once for each party.
func (s *Sandbox) tellTrade(t *trade) {
	told := map[common.Address]bool{}
	for _, l := range t.legs {
		owner := l.order.key.owner
		if told[owner] {
			continue
		}
		told[owner] = true
		s.cast(func(c *socket) bool { return c.follows(owner, t.market) }, func() any {
			w := t.wire(t.role(l.order.key))
			w.MatchTimeNano, w.Outcome = "", strings.ToUpper(w.Outcome)
			for i := range w.MakerOrders {
				w.MakerOrders[i].Outcome = strings.ToUpper(w.MakerOrders[i].Outcome)
			}
			return tradeFrame{"trade", "TRADE", w, l.order.key.id, millis(t.updated)}
		})
	}
}
