package polymarket

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"sluice/pkg/money"
)

// Whatever part of a purchase trades at whatever better price, its fees are within the room that was left for them, and the
// room is not more than what some price can need.
func TestRoomCoversEveryFeeThatCanCome(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	tight := 0
	for range 1000 {
		f := FeeTerms{Rate: big.NewRat(r.Int64N(100_000), money.Unit), Exponent: r.IntN(3)}
		tick := Tick(10_000)
		limit := money.Price(1+r.IntN(99)) * 10_000
		size := money.Size(r.Int64N(1e9) + 1e6)
		cash, err := money.Cost(size, limit, money.Up)
		if err != nil {
			t.Fatal(err)
		}
		room, roomFor := f.Room(size, limit), f.RoomFor(cash, tick)
		exact := new(big.Rat).Mul(f.perShare(min(limit, money.Unit/2)), big.NewRat(int64(size), 1))
		if over := exact.Sub(big.NewRat(int64(room), 1), exact); over.Sign() < 0 || over.Cmp(big.NewRat(10, 1)) >= 0 || room%10 != 0 {
			t.Fatalf("%+v: %s shares at up to %s have room for %s, which is %s micro-units off", f, size, limit, room, over)
		}
		for price := money.Price(10_000); price <= limit; price += 10_000 {
			fee := f.Fee(size, price)
			if fee > room {
				t.Fatalf("%+v: %s shares at %s cost a fee of %s, and the room up to %s is %s", f, size, price, fee, limit, room)
			}
			if room-fee <= 10 {
				tight++
			}
			bought, err := money.PriceOf(cash, money.Size(price), money.Down) // cash ÷ price
			if err != nil {
				t.Fatal(err)
			}
			if fee := f.Fee(money.Size(bought), price); fee > roomFor {
				t.Fatalf("%+v: %s at %s costs a fee of %s, and the room is %s", f, cash, price, fee, roomFor)
			}
		}
	}
	if tight < 400 {
		t.Errorf("of 1000 purchases only %d need their room", tight)
	}
}

// Without big numbers the room is the same to the last micro-unit, for numbers of every length, also where they do not fit.
func TestRoomIsTheSameWithoutBigNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	any := func() int64 { return int64(r.Uint64()) >> r.IntN(64) }
	is := func(rate int64, exponent int, size money.Size, price money.Price) {
		want := FeeTerms{Rate: big.NewRat(rate, money.Unit), Exponent: exponent}.Room(size, price)
		if got := Room(rate, exponent, size, price); got != want {
			t.Fatalf("rate %d, exponent %d: %s shares at %s have room for %s, want %s", rate, exponent, size, price, got, want)
		}
	}
	edges := []int64{0, 1, -1, 10, HighestRate, money.Unit / 2, money.Unit, math.MaxInt64, math.MinInt64}
	for _, rate := range edges {
		for _, size := range edges {
			for _, price := range edges {
				is(rate, 1, money.Size(size), money.Price(price))
			}
		}
	}
	for range 20_000 {
		is(any(), r.IntN(4), money.Size(any()), money.Price(any()))
		is(r.Int64N(100_000), 1, money.Size(r.Int64N(1e12)), money.Price(r.Int64N(money.Unit)))
	}
}
