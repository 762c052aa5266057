package sandbox

import (
	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/money"
	"sluice/pkg/sandbox/engine"
)

// wallet is one holder of collateral and outcome shares, all in millionths.
//
// What is held is promised to open orders and cannot be promised twice. A failed settlement can leave less than is
// held, or less than nothing: then the youngest orders are cancelled, as the venue does.
type wallet struct {
	name    string
	address common.Address
	owner   common.Address
	kind    int
	known   bool // funded by the sandbox: has its approvals
	cash    int64
	held    int64
	shares  map[string]*holding
}

// holding is the shares of one token.
type holding struct{ have, held int64 }

// walletOf returns the wallet of a kind that belongs to owner; an empty one when it has never been seen.
func (s *Sandbox) walletOf(owner common.Address, kind int) *wallet {
	address := funderOf(owner, kind)
	w := s.wallets[address]
	if w == nil {
		w = &wallet{name: address.Hex(), address: address, owner: owner, kind: kind, shares: map[string]*holding{}}
		s.wallets[address] = w
	}
	return w
}

func (s *Sandbox) fund(w *wallet, name string, cash money.Cash, shares money.Size) {
	w.name, w.known, w.cash = name, true, int64(cash)
	for token := range s.byToken {
		w.shares[token] = &holding{have: int64(shares)}
	}
	s.mineFunds(w, cash, shares)
}

func (w *wallet) holding(token string) *holding {
	h := w.shares[token]
	if h == nil {
		h = &holding{}
		w.shares[token] = h
	}
	return h
}

// need is what an order can still take: cash of a purchase, shares of a sale.
func (o *order) need() int64 {
	if o.eng.Side == engine.Sell {
		return int64(o.eng.Left())
	}
	return int64(o.eng.CashLeft())
}

// afford checks an order against its wallet, in the venue's words.
func (o *order) afford() error {
	if !o.wallet.known {
		return refusef("%s: the allowance is not enough -> spender: %s, allowance: 0", errBalance, o.market.spender())
	}
	have, held, need := o.wallet.cash, o.wallet.held, o.need()
	if o.eng.Side == engine.Sell {
		h := o.wallet.holding(o.token())
		have, held = h.have, h.held
	} else {
		need += o.market.feeRoom(o.eng.CashLeft())
	}
	if have-held < need {
		return refusef("%s: the balance is not enough -> balance: %d, sum of active orders: %d, order amount: %d",
			errBalance, have, held, need)
	}
	return nil
}

// hold brings what is held for an order to what it can still take.
func (o *order) hold() {
	var want int64
	if o.open() {
		want = o.need()
	}
	if o.eng.Side == engine.Sell {
		o.wallet.holding(o.token()).held += want - o.held
	} else {
		o.wallet.held += want - o.held
	}
	o.held = want
}

// move books one side of a fill; sign −1 takes it back.
func (l *leg) move(sign int64) {
	cash, size := sign*int64(l.cash), sign*int64(l.size)
	if l.order.eng.Side == engine.Buy {
		cash = -cash
	} else {
		size = -size
	}
	l.order.wallet.cash += cash - sign*int64(l.fee)
	l.order.wallet.holding(l.order.token()).have += size
}

// short reports whether an order's wallet no longer covers what is held for its side.
func (o *order) short() bool {
	if o.eng.Side == engine.Sell {
		h := o.wallet.holding(o.token())
		return h.have < h.held
	}
	return o.wallet.cash < o.wallet.held
}
