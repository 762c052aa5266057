package polymarket

import (
	"encoding/json"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"sluice/pkg/money"
)

func TestAmountsAreTheRecommendedIntegers(t *testing.T) {
	f := vectors[struct {
		Vectors []struct {
			Tick, Kind, Side, Price, Quantity string
			Recommended                       struct{ MakerAmount, TakerAmount string }
		}
	}](t, "rounding_amounts.json")
	for _, v := range some(t, f.Vectors) {
		tick, err := ParseTick(v.Tick)
		if err != nil {
			t.Fatal(err)
		}
		price := mustMicro[money.Price](t, v.Price)
		var maker, taker int64
		switch {
		case v.Kind == "limit":
			maker, taker, err = LimitAmounts(Side(v.Side), price, mustMicro[money.Size](t, v.Quantity), tick)
		case v.Side == "BUY":
			maker, taker, err = MarketBuyAmounts(mustMicro[money.Cash](t, v.Quantity), price, tick)
		default:
			maker, taker, err = MarketSellAmounts(mustMicro[money.Size](t, v.Quantity), price, tick)
		}
		if w := v.Recommended; err != nil || strconv.FormatInt(maker, 10) != w.MakerAmount || strconv.FormatInt(taker, 10) != w.TakerAmount {
			t.Errorf("%+v: %d, %d, %v", v, maker, taker, err)
		}
	}
}

func TestPriceMustLieOnTheTick(t *testing.T) {
	for _, c := range []struct {
		tick, price string
		want        error
	}{
		{"0.1", "0.1", nil}, {"0.1", "0.9", nil}, {"0.1", "0.95", ErrOffTick}, {"0.1", "1", ErrOffTick}, {"0.1", "0", ErrOffTick},
		{"0.01", "0.99", nil}, {"0.01", "0.995", ErrOffTick}, {"0.005", "0.015", nil}, {"0.005", "0.003", ErrOffTick},
		{"0.005", "0.995", nil}, {"0.005", "0.996", ErrOffTick}, {"0.0025", "0.0025", nil}, {"0.0025", "0.0024", ErrOffTick},
		{"0.0025", "0.9975", nil}, {"0.001", "0.999", nil}, {"0.001", "0.9991", ErrOffTick}, {"0.0001", "0.0001", nil}, {"0.0001", "0.99995", ErrOffTick},
	} {
		tick, err := ParseTick(c.tick)
		if err != nil {
			t.Fatal(err)
		}
		if err := tick.Valid(mustMicro[money.Price](t, c.price)); !errors.Is(err, c.want) {
			t.Errorf("%s on %s: %v, want %v", c.price, c.tick, err, c.want)
		}
		if _, _, err := LimitAmounts(Buy, mustMicro[money.Price](t, c.price), 10*money.Unit, tick); !errors.Is(err, c.want) {
			t.Errorf("amounts at %s on %s: %v, want %v", c.price, c.tick, err, c.want)
		}
	}
	for _, s := range []string{"", "0", "1", "0.02", "0.010001", "-0.01", "0.00001", "x"} {
		if tick, err := ParseTick(s); !errors.Is(err, ErrUnknownTick) {
			t.Errorf("ParseTick(%q) = %s, %v", s, tick, err)
		}
	}
	if err := Tick(0).Valid(500_000); !errors.Is(err, ErrUnknownTick) {
		t.Errorf("zero tick: %v", err)
	}
}

func TestNothingLeftAfterRoundingIsRefused(t *testing.T) {
	if _, _, err := LimitAmounts(Buy, 500_000, 9_999, Tick001); !errors.Is(err, ErrTooSmall) {
		t.Errorf("limit: %v", err)
	}
	if _, _, err := MarketBuyAmounts(9_999, 500_000, Tick001); !errors.Is(err, ErrTooSmall) {
		t.Errorf("market buy: %v", err)
	}
	if _, _, err := MarketSellAmounts(0, 500_000, Tick001); !errors.Is(err, ErrTooSmall) {
		t.Errorf("market sell: %v", err)
	}
	if _, _, err := LimitAmounts(Buy, 500_000, -money.Unit, Tick001); err == nil {
		t.Error("negative size passed")
	}
	if _, _, err := LimitAmounts("buy", 500_000, money.Unit, Tick001); err == nil {
		t.Error("unknown side passed")
	}
}

// The price that the venue derives from a market BUY's amounts is never below the limit given, else an ask exactly at the
// limit would not be lifted.
func TestMarketBuyReachesItsOwnLimit(t *testing.T) {
	for _, tick := range []Tick{Tick01, Tick001, Tick0005, Tick00025, Tick0001, Tick00001} {
		for p := int64(tick); p < money.Unit; p += max(int64(tick), 7_700/int64(tick)*int64(tick)) {
			for cash := int64(1_000_000); cash < 40_000_000; cash += 1_270_000 {
				m, k, err := MarketBuyAmounts(money.Cash(cash), money.Price(p), tick)
				if err != nil {
					t.Fatal(err)
				}
				if new(big.Int).Mul(big.NewInt(m), big.NewInt(money.Unit)).Cmp(new(big.Int).Mul(big.NewInt(k), big.NewInt(p))) < 0 {
					t.Fatalf("%d at %d: %d/%d is below the limit", cash, p, m, k)
				}
			}
		}
	}
}

func FuzzTickAndAmounts(f *testing.F) {
	for _, s := range []string{"0.1", "0.01", ".005", "0.0025", "1e-3", "0.0001", "x"} {
		f.Add(s, int64(520_000), int64(12_340_000))
	}
	f.Fuzz(func(t *testing.T, s string, price, quantity int64) {
		tick, err := ParseTick(s)
		if err != nil {
			return
		}
		if back, err := ParseTick(tick.String()); err != nil || back != tick {
			t.Fatalf("%q → %s → %s, %v", s, tick, back, err)
		}
		for _, side := range []Side{Buy, Sell} {
			m, k, err := LimitAmounts(side, money.Price(price), money.Size(quantity), tick)
			if err != nil {
				continue
			}
			cash, shares := m, k
			if side == Sell {
				cash, shares = k, m
			}
			// What goes out is exactly on the venue's grid: cash = price × shares.
			want := new(big.Int).Mul(big.NewInt(shares), big.NewInt(price))
			if want.Cmp(new(big.Int).Mul(big.NewInt(cash), big.NewInt(money.Unit))) != 0 || shares > quantity {
				t.Fatalf("%s %d at %d on %s: %d/%d", side, quantity, price, tick, m, k)
			}
		}
	})
}

func TestMarketPriceEqualsTheOfficialClient(t *testing.T) {
	f := vectors[struct {
		Book    struct{ Bids, Asks json.RawMessage }
		Vectors []struct{ Side, Amount, OrderType, Expected string }
	}](t, "market_price.json")
	bids, err := decodeLevels(value(f.Book.Bids), Buy)
	if err != nil {
		t.Fatal(err)
	}
	asks, err := decodeLevels(value(f.Book.Asks), Sell)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range some(t, f.Vectors) {
		levels := asks
		if v.Side == "SELL" {
			levels = bids
		}
		got, err := MarketPrice(Side(v.Side), levels, mustMicro[int64](t, v.Amount), OrderType(v.OrderType))
		if strings.HasPrefix(v.Expected, "error") {
			if !errors.Is(err, ErrNoMatch) {
				t.Errorf("%+v: %s, %v", v, got, err)
			}
		} else if err != nil || got.String() != v.Expected {
			t.Errorf("%+v: %s, %v", v, got, err)
		}
	}
	if _, err := MarketPrice(Buy, nil, 1, FAK); !errors.Is(err, ErrEmptyBook) {
		t.Errorf("empty book: %v", err)
	}
}

func TestFeeHeadroomEqualsTheOfficialClient(t *testing.T) {
	f := vectors[struct {
		Vectors []struct {
			Amount, Price, Balance, FeeRate, BuilderTakerFeeRate, SlippagePercent, Expected json.Number
			FeeExponent                                                                     int
		}
	}](t, "fee_adjust.json")
	rat := func(n json.Number) *big.Rat {
		r, ok := new(big.Rat).SetString(n.String())
		if !ok {
			t.Fatalf("%q", n)
		}
		return r
	}
	for _, v := range some(t, f.Vectors) {
		terms := FeeTerms{Rate: rat(v.FeeRate), Exponent: v.FeeExponent, BuilderRate: rat(v.BuilderTakerFeeRate)}
		got := terms.Headroom(mustMicro[money.Cash](t, v.Amount.String()), mustMicro[money.Cash](t, v.Balance.String()),
			mustMicro[money.Price](t, v.Price.String()), new(big.Rat).Quo(rat(v.SlippagePercent), big.NewRat(100, 1)))
		diff := new(big.Rat).Sub(got, rat(v.Expected))
		if diff.Abs(diff).Cmp(big.NewRat(1, 1_000_000_000)) > 0 {
			t.Errorf("%+v: %s", v, got.FloatString(12))
		}
	}
}

// Notional and fees of what Spend allows never exceed the limit, and one cent more would.
func TestSpendLeavesExactlyTheFees(t *testing.T) {
	terms := FeeTerms{Rate: big.NewRat(7, 100), Exponent: 1, BuilderRate: big.NewRat(1, 200)}
	total := func(spend money.Cash, p money.Price) *big.Rat {
		per := terms.perPUSD(p)
		per.Add(per, terms.BuilderRate).Add(per, big.NewRat(1, 1))
		return per.Mul(per, big.NewRat(int64(spend), 1))
	}
	for p := money.Price(10_000); p < money.Unit; p += 10_000 {
		limit := money.Cash(100 * money.Unit)
		got := terms.Spend(limit, limit, p)
		if total(got, p).Cmp(big.NewRat(int64(limit), 1)) > 0 || total(got+10_000, p).Cmp(big.NewRat(int64(limit), 1)) <= 0 {
			t.Errorf("at %s: %s", p, got)
		}
		if got := terms.Spend(limit/2, limit, p); got != limit/2 {
			t.Errorf("at %s: %s of an amount that fits", p, got)
		}
	}
	if got := terms.Fee(100*money.Unit, 500_000); got != 1_750_000 {
		t.Errorf("fee of 100 shares at 0.5: %s, want 1.75", got)
	}
}
