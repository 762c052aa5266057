package sandbox

import (
	"slices"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/money"
	"sluice/pkg/sandbox/engine"
)

// The states of a trade.
const (
	statusMatched   = "MATCHED"
	statusMined     = "MINED"
	statusConfirmed = "CONFIRMED"
	statusRetrying  = "RETRYING"
	statusFailed    = "FAILED"
)

// trade is one settlement: a taker and the makers that it met at one price. A taker that sweeps several prices makes
// one trade for each, with rising bucket.
type trade struct {
	id      string
	market  *market
	bucket  int
	status  string
	matched time.Time
	updated time.Time
	txHash  string
	errMsg  string
	legs    []leg // the taker first
}

// leg is one side of a trade, in its own token and at its own price.
type leg struct {
	order *order
	size  money.Size
	price money.Price
	cash  money.Cash // paid by a purchase, received by a sale
	fee   money.Cash
}

func (t *trade) taker() *leg { return &t.legs[0] }

// settleFills books the fills of one submission and groups them into trades.
func (s *Sandbox) settleFills(o *order, fills []engine.Fill) (trades []*trade) {
	for _, f := range fills {
		if n := len(trades); n == 0 || trades[n-1].taker().price != f.TakerPrice {
			trades = append(trades, s.newTrade(o, f.TakerPrice, len(trades)))
		}
		t := trades[len(trades)-1]
		t.taker().size += f.Size
		t.taker().cash += f.TakerCash
		t.legs = append(t.legs, leg{order: s.orders[f.Maker.ID], size: f.Size, price: f.MakerPrice, cash: f.MakerCash})
	}
	for _, t := range trades {
		t.taker().fee = t.market.fee(t.taker().size, t.taker().price)
		s.fees += t.taker().fee
		for i := range t.legs {
			t.legs[i].move(1)
			t.legs[i].order.trades = append(t.legs[i].order.trades, t.id)
		}
	}
	return trades
}

// newTrade opens a trade. Its id comes from the taker's order and its place, so it never meets that of another run.
func (s *Sandbox) newTrade(o *order, price money.Price, bucket int) *trade {
	place := strconv.FormatInt(o.seq, 10) + " " + strconv.Itoa(bucket)
	t := &trade{
		id: uuid(crypto.Keccak256([]byte("sluice sandbox trade " + o.id + " " + place))), market: o.market, bucket: bucket,
		matched: time.Now(), legs: []leg{{order: o, price: price}},
	}
	s.trades = append(s.trades, t)
	return t
}

// advance brings a trade to a status, tells everyone and plans the next one.
func (s *Sandbox) advance(t *trade, status string) {
	if status == statusMined && !s.settle(t) {
		// The chain refused: the venue tries once more, and then gives up.
		if status = statusRetrying; t.status == statusRetrying {
			status, t.errMsg = statusFailed, "execution reverted"
		}
	}
	t.status, t.updated = status, time.Now()
	mine, confirm := s.cfg.MineAfter, max(0, s.cfg.ConfirmAfter-s.cfg.MineAfter)
	switch status {
	case statusMatched:
		next := statusMined
		if s.faults.FailSettlement.strikes(s.rng, "") {
			next, t.errMsg = statusRetrying, "execution reverted"
		} else if s.faults.RetrySettlement.strikes(s.rng, "") {
			next = statusRetrying
		}
		s.after(mine, func() { s.advance(t, next) })
	case statusRetrying:
		next := statusMined
		if t.errMsg != "" {
			next = statusFailed
		}
		s.after(confirm, func() { s.advance(t, next) })
	case statusMined:
		if s.evm == nil {
			t.txHash = hexutil.Encode(crypto.Keccak256([]byte("sluice sandbox transaction " + t.id)))
			s.mineTrade(t)
		}
		s.after(confirm, func() { s.advance(t, statusConfirmed) })
	case statusFailed:
		s.reverse(t)
	}
	s.recordTrade(t)
	s.tellTrade(t)
	if status == statusFailed {
		for i := range t.legs {
			s.cancelShort(t.legs[i].order.wallet)
		}
	}
}

// reverse takes back what a trade moved. The orders keep their fills: the venue does not bring them back.
func (s *Sandbox) reverse(t *trade) {
	for i := range t.legs {
		t.legs[i].move(-1)
		s.notify(t.legs[i].order, noticeFailed)
	}
	s.fees -= t.taker().fee
}

// cancelShort cancels the youngest orders of a wallet that no longer covers them.
func (s *Sandbox) cancelShort(w *wallet) {
	for _, o := range slices.Backward(s.resting(func(o *order) bool { return o.wallet == w })) {
		if o.short() {
			s.finish(o, stateCancelled, "not enough balance / allowance")
		}
	}
}
