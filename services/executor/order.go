package executor

import (
	"math/bits"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// order is one order in the state: what readers see, and what deciding needs beside it.
type order struct {
	msgs.Order
	Serial  uint64       // n of the first event about it: fixes the order of every walk
	N       uint64       // of the latest event about it
	AtMS    int64        // of the latest event about it
	CmdSeq  uint64       // of the command that asked for it
	Hash    string       // of that command's content; empty when it is not known
	Intent  *msgs.Intent // nil for orders that were refused or not placed by us
	SentMS  int64        // when the latest intent was decided
	Tries   int          // intents written
	Ending  ending       // how it ended, for whoever asks again
	Venue   string       // the latest venue_status, empty while the venue has not accepted
	Wish    *wish        // someone wants it cancelled
	Doomed  bool         // someone has wanted so, whatever came of it: it is never sent again
	Legs    []leg
	Held    bool       // waits for the end of the order it replaces
	HeldAt  money.Size // what that one had filled when the wait began
	Foreign bool       // not placed by us
	Named   bool       // only its id is known, from a cancel

	Taken       bool `json:",omitempty"` // the venue has refused to cancel it, because it has matched it
	Unexplained bool `json:",omitempty"` // foreign as it seems, or of a lost part of this log: the comparison says

	counted counted // in the state's exposure
}

// ending is what the event that ended an order said beside the order itself.
type ending struct {
	Reason  msgs.CancelReason `json:",omitempty"`
	Error   *msgs.Error       `json:",omitempty"`
	By      string            `json:",omitempty"`
	Message string            `json:",omitempty"`
}

// wish is a cancel that is not answered yet.
type wish struct {
	CmdSeq  uint64         `json:"s,omitempty"`
	Request msgs.RequestID `json:"r,omitempty"`
}

// leg is one fill and how far its settlement has come.
type leg struct {
	msgs.Fill
	End msgs.TradeStatus `json:"end,omitempty"` // Confirmed or Failed once final
}

// pending reports whether the order may be at the venue without its having said so.
func (o *order) pending() bool { return o.State == msgs.Submitting || o.State == msgs.Unknown }

// held reports whether the order waits for the end of the one it replaces: its intent is written, nothing has left.
func (o *order) held() bool { return o.Held && !o.Final }

// spends reports whether the order's target is the cash it gives, not a number of shares.
func (o *order) spends() bool { return o.Side == msgs.Buy && !o.OrderType.Rests() && o.OrderType != "" }

// settled reports whether nothing more can be expected: final, every fill final too.
func (o *order) settled() bool {
	if !o.Final {
		return false
	}
	for i := range o.Legs {
		if o.Legs[i].End == "" {
			return false
		}
	}
	return true
}

func (o *order) leg(id msgs.TradeID, n int) *leg {
	for i := range o.Legs {
		if o.Legs[i].TradeID == id && o.Legs[i].Leg == n {
			return &o.Legs[i]
		}
	}
	return nil
}

// clone is a copy whose legs can be changed.
func (o *order) clone() *order {
	c := *o
	c.Legs = append([]leg(nil), o.Legs...)
	return &c
}

// gross is everything that was ever matched, failed settlements included: so much the venue no longer fills.
func (o *order) gross() money.Size {
	var s money.Size
	for i := range o.Legs {
		s += o.Legs[i].Size
	}
	return s
}

// tally brings the figures up to the legs.
func (o *order) tally() {
	var gross, unsettled money.Size
	var net, hi, lo uint64
	for i := range o.Legs {
		l := &o.Legs[i]
		gross += l.Size
		if l.End == msgs.Failed {
			continue
		}
		if l.End == "" {
			unsettled += l.Size
		}
		net += uint64(l.Size)
		ph, pl := bits.Mul64(uint64(l.Price), uint64(l.Size))
		var carry uint64
		lo, carry = bits.Add64(lo, pl, 0)
		hi, _ = bits.Add64(hi, ph, carry)
	}
	o.Filled, o.Unsettled = money.Size(net), unsettled
	o.Remaining = max(0, o.Size-gross)
	if o.State == msgs.Filled {
		o.Remaining = 0
	}
	o.AvgPrice = 0
	if net > 0 && hi < net {
		q, rest := bits.Div64(hi, lo, net)
		if rest >= net-rest {
			q++
		}
		o.AvgPrice = money.Price(q)
	}
}

// spent is the cash that all matched legs took, failed ones included, each rounded up.
func (o *order) spent() money.Cash {
	var c money.Cash
	for i := range o.Legs {
		c += notional(o.Legs[i].Price, o.Legs[i].Size)
	}
	return c
}

// whole reports whether what is matched is all that the order asked for.
func (o *order) whole() bool {
	if !o.spends() || o.Intent == nil {
		return o.Size > 0 && o.gross() >= o.Size
	}
	// What is left buys less than the smallest step of a size.
	left := money.Cash(o.Intent.MakerAmount) - o.spent()
	return left <= 0 || left < notional(o.Price, sizeStep)
}

// sizeStep is the venue's smallest step of a size: two decimals.
const sizeStep = money.Size(money.Unit / 100)

// notional is size × price, rounded up; what does not fit is as much as there can be.
func notional(p money.Price, s money.Size) money.Cash {
	c, err := money.Cost(s, p, money.Up)
	if err != nil {
		return maxCash
	}
	return c
}

// maxCash stands for more than anyone has; sums of a few still fit.
const maxCash = money.Cash(1 << 60)

// stake is what the order can still take: the notional of what is not matched.
func (o *order) stake() money.Cash {
	switch {
	case o.Final:
		return 0
	case o.spends() && o.Intent != nil:
		return max(0, money.Cash(o.Intent.MakerAmount)-o.spent())
	}
	return notional(o.Price, max(0, o.Size-o.gross()))
}
