package judge

import (
	"fmt"
	"math/big"
)

// misplaced lists how the venue's order differs from its command: in what it is about, in its price and amounts, and in what
// is posted beside the signature. An order that was signed elsewhere has its terms in the signature, a replacement those that
// it inherits.
func (a *account) misplaced(o *order, v *venueOrder) []string {
	k := o.owner()
	if k == nil || k.verb != "submit" || k.payload.Signed.wire.salt != "" {
		return nil
	}
	var out []string
	differ := func(name, asked, placed string) {
		if asked != "" && placed != "" && canonical(asked) != canonical(placed) {
			out = append(out, fmt.Sprintf("asked for %s %s, placed %s", name, asked, placed))
		}
	}
	differ("token", a.court.venue.tokenOf(&k.payload), v.token)
	differ("side", string(k.payload.Side), v.side)
	differ("type", string(k.payload.Type), v.kind)
	if !v.immediate() && k.payload.Amount == "" {
		differ("price", string(k.payload.Price), v.price)
		differ("size", string(k.payload.Size), v.size)
	}
	if v.immediate() {
		out = append(out, v.inexact(&k.payload)...)
	}
	if v.sent == nil {
		return out
	}
	for _, p := range v.sent.posts {
		if why := p.strays(&k.payload); len(why) > 0 {
			return append(out, why...)
		}
	}
	return out
}

// inexact lists how the amounts that were signed for an order that does not rest differ from its command. They are rounded, by
// less than a hundredth of a share or of a pUSD.
func (v *venueOrder) inexact(p *commandBody) []string {
	shares, cash := v.wire.shares(), v.wire.cash()
	if shares == nil || cash == nil {
		return nil
	}
	var out []string
	differ := func(name string, asked text, signed, want *big.Rat) {
		if off := new(big.Rat).Sub(signed, want); off.Abs(off).Cmp(big.NewRat(1, 100)) > 0 {
			out = append(out, fmt.Sprintf("asked for %s %s, signed %s shares for %s pUSD", name, asked, show(shares), show(cash)))
		}
	}
	price, size, amount := quantity(string(p.Price)), quantity(string(p.Size)), quantity(string(p.Amount))
	if price != nil {
		differ("price", p.Price, cash, new(big.Rat).Mul(shares, price))
	}
	switch {
	case amount != nil:
		differ("amount", p.Amount, cash, amount)
	case size != nil && v.side == "SELL":
		differ("size", p.Size, shares, size)
	case size != nil && price != nil:
		differ("size", p.Size, cash, new(big.Rat).Mul(size, price))
	}
	return out
}

// venueMinute is how long before its expiration the venue stops an order, in seconds.
const venueMinute = 60

// strays lists how what was posted with an order differs from what its command says.
func (p *post) strays(c *commandBody) []string {
	var out []string
	flag := func(name string, asked text, posted string) {
		if (asked == "true") != (posted == "true") {
			out = append(out, fmt.Sprintf("asked for %s %t, posted %t", name, asked == "true", posted == "true"))
		}
	}
	flag("post_only", c.PostOnly, p.postOnly)
	flag("defer_exec", c.DeferExec, p.deferExec)
	var until int64
	switch {
	case c.Type != "GTD":
	case c.ExpiresMs.set:
		until = plus(plus(c.ExpiresMs.n, 999)/1000, venueMinute)
	case c.Expiration.set:
		until = plus(c.Expiration.n, venueMinute)
	}
	if at := p.expiration; at != "" && until != 0 && canonical(string(at)) != fmt.Sprint(until) {
		out = append(out, fmt.Sprintf("asked to rest until %d with the venue's minute, posted %s", until, at))
	}
	return out
}
