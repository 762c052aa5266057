package polymarket

import (
	"math/big"
	"math/bits"

	"sluice/pkg/money"
)

// maxFeeExponent bounds the exponent of a fee formula; markets have 0, 1 or 2.
const maxFeeExponent = 16

// FeeTerms are a market's taker fee: shares × Rate × (p × (1−p))^Exponent pUSD, plus a builder's share of the notional.
// Nil rates are zero.
type FeeTerms struct {
	Rate        *big.Rat
	Exponent    int
	BuilderRate *big.Rat // fraction of the notional
}

// feeDecimals is how finely the venue charges.
const feeDecimals = 5

// Fee is the taker's fee for size shares at price, rounded half up to five decimals.
func (f FeeTerms) Fee(size money.Size, price money.Price) money.Cash {
	fee := new(big.Rat).Mul(f.perShare(price), whole6(int64(size)))
	return toCash(fee.Mul(fee, big.NewRat(money.Unit, 1)), money.Step(feeDecimals), true)
}

// HighestRate is the highest that the venue documents, in micro-units; its exponent is 1.
const HighestRate = 70_000

// HighestFee is what a market of unknown terms is taken for.
func HighestFee() FeeTerms { return FeeTerms{Rate: big.NewRat(HighestRate, money.Unit), Exponent: 1} }

// Room is the most that a purchase of size shares for at most price each can be charged, builder fees apart. A better price
// can make the fee of a share higher: it is highest at one half.
func (f FeeTerms) Room(size money.Size, price money.Price) money.Cash {
	p := int64(min(price, money.Unit/2))
	num, den := new(big.Int).Mul(rate(f.Rate).Num(), big.NewInt(int64(size))), new(big.Int).Set(rate(f.Rate).Denom())
	pq, whole := big.NewInt(p*(money.Unit-p)), big.NewInt(money.Unit*money.Unit)
	for range min(f.Exponent, maxFeeExponent) {
		num.Mul(num, pq)
		den.Mul(den, whole)
	}
	return ceiling(num, den)
}

// Room is FeeTerms.Room of a market whose rate is in micro-units. Where the exponent is 1, as the venue documents it, and the
// amounts are what people trade, it needs no big numbers: every purchase that rests asks for it while it waits.
func Room(microRate int64, exponent int, size money.Size, price money.Price) money.Cash {
	p := uint64(min(price, money.Unit/2))
	over, rated := bits.Mul64(uint64(microRate), uint64(size))
	if exponent != 1 || microRate < 0 || size < 0 || price < 0 || over > 0 {
		return FeeTerms{Rate: big.NewRat(microRate, money.Unit), Exponent: exponent}.Room(size, price)
	}
	const whole = money.Unit * money.Unit * money.Unit // of rate, p and 1−p
	step := uint64(money.Step(feeDecimals))
	hi, lo := bits.Mul64(rated, p*(money.Unit-p))
	steps, rest := bits.Div64(hi, lo, whole*step) // rated < 2⁶⁴ and p × (1−p) ≤ ¼ × 10¹², so hi is below 10¹²
	if rest > 0 {
		steps++
	}
	return money.Cash(steps * step)
}

// RoomFor is Room for a purchase that spends cash, at a price not below tick.
func (f FeeTerms) RoomFor(cash money.Cash, tick Tick) money.Cash {
	room := new(big.Rat).Mul(rate(f.Rate), whole6(int64(cash)))
	if f.Exponent == 0 && tick > 0 { // by the share: the cheaper they are, the more
		room.Quo(room, whole6(int64(tick)))
	}
	room.Mul(room, big.NewRat(money.Unit, 1))
	return ceiling(room.Num(), room.Denom())
}

// ceiling rounds a fee of num/den micro-units up to what the venue charges in; what is not positive is zero.
func ceiling(num, den *big.Int) money.Cash {
	step := money.Step(feeDecimals)
	by := new(big.Int).Mul(den, big.NewInt(step))
	q, rest := new(big.Int).QuoRem(num, by, new(big.Int))
	if rest.Sign() > 0 {
		q.Add(q, big.NewInt(1))
	}
	if q.Mul(q, big.NewInt(step)); q.Sign() <= 0 || !q.IsInt64() {
		return 0
	}
	return money.Cash(q.Int64())
}

// Spend is how much of maxSpend a market BUY of amount can use when fees come on top: amount when that and its fees stay
// below maxSpend, else the part for which notional and fees make maxSpend. It is cut to two decimals.
func (f FeeTerms) Spend(amount, maxSpend money.Cash, price money.Price) money.Cash {
	if price <= 0 {
		return 0
	}
	per := f.perPUSD(price)
	per.Add(per, rate(f.BuilderRate)).Add(per, big.NewRat(1, 1))
	total := new(big.Rat).Mul(big.NewRat(int64(amount), 1), per)
	spend := big.NewRat(int64(amount), 1)
	if ceiling := big.NewRat(int64(maxSpend), 1); ceiling.Cmp(total) <= 0 {
		spend = ceiling.Quo(ceiling, per)
	}
	return toCash(spend, money.Step(SizeDecimals), false)
}

// Headroom is the older rule of the venue's imperative client: when the balance does not cover amount and fees, the fees of
// the smaller of both are taken off the balance. slippage is a fraction added to the platform fee (0.05 for 5 %). The result
// is pUSD and exact; floor it to two decimals before use.
func (f FeeTerms) Headroom(amount, balance money.Cash, price money.Price, slippage *big.Rat) *big.Rat {
	if price <= 0 {
		return new(big.Rat)
	}
	base := whole6(int64(min(amount, balance)))
	fees := f.perPUSD(price)
	fees.Mul(fees, new(big.Rat).Add(big.NewRat(1, 1), rate(slippage)))
	fees.Add(fees, rate(f.BuilderRate)).Mul(fees, base)

	a, b := whole6(int64(amount)), whole6(int64(balance))
	if b.Cmp(new(big.Rat).Add(a, fees)) > 0 {
		return a
	}
	if b.Sub(b, fees); b.Sign() < 0 {
		return new(big.Rat)
	}
	return b
}

// perShare is the platform fee of one share.
func (f FeeTerms) perShare(price money.Price) *big.Rat {
	p := whole6(int64(price))
	pq := new(big.Rat).Sub(big.NewRat(1, 1), p)
	pq.Mul(pq, p)
	out := new(big.Rat).Set(rate(f.Rate))
	for range min(f.Exponent, maxFeeExponent) {
		out.Mul(out, pq)
	}
	return out
}

// perPUSD is the platform fee of one pUSD spent.
func (f FeeTerms) perPUSD(price money.Price) *big.Rat {
	return f.perShare(price).Quo(f.perShare(price), whole6(int64(price)))
}

func rate(r *big.Rat) *big.Rat {
	if r == nil {
		return new(big.Rat)
	}
	return r
}

// whole6 is a quantity in whole units.
func whole6(micro int64) *big.Rat { return big.NewRat(micro, money.Unit) }

// toCash brings micro-units onto a grid, down or half up; negative values become zero.
func toCash(r *big.Rat, step int64, halfUp bool) money.Cash {
	num, den := new(big.Int).Set(r.Num()), new(big.Int).Mul(r.Denom(), big.NewInt(step))
	if halfUp {
		num.Lsh(num, 1).Add(num, den)
		den.Lsh(den, 1)
	}
	if num.Sign() <= 0 {
		return 0
	}
	q := num.Quo(num, den)
	q.Mul(q, big.NewInt(step))
	if !q.IsInt64() {
		return 0
	}
	return money.Cash(q.Int64())
}
