package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/pkg/money"
)

func limit(id string, outcome int, side Side, price money.Price, shares money.Size) *Order {
	return &Order{ID: id, Outcome: outcome, Side: side, Price: price, Shares: shares, Cash: cost(shares, price)}
}

func submit(t *testing.T, b *Book, o *Order) []Fill {
	t.Helper()
	fills, err := b.Submit(o)
	if err != nil {
		t.Fatalf("%s: %v", o.ID, err)
	}
	return fills
}

const share = money.Size(money.Unit)

func TestBetterPriceTradesFirstThenEarlierOrder(t *testing.T) {
	var b Book
	submit(t, &b, limit("late-good", 0, Sell, 510_000, 10*share))
	submit(t, &b, limit("first", 0, Sell, 520_000, 10*share))
	submit(t, &b, limit("second", 1, Buy, 480_000, 10*share)) // same interest, on the other token
	submit(t, &b, limit("third", 0, Sell, 520_000, 10*share))
	var got []string
	for _, f := range submit(t, &b, limit("taker", 0, Buy, 530_000, 35*share)) {
		got = append(got, fmt.Sprintf("%s %d %s@%s", f.Maker.ID, f.Kind, f.Size, f.TakerPrice))
	}
	want := []string{"late-good 0 10@0.51", "first 0 10@0.52", "second 1 10@0.52", "third 0 5@0.52"}
	if !slices.Equal(got, want) {
		t.Errorf("fills %q, want %q", got, want)
	}
}

func TestBuyersOfBothOutcomesMintAndSellersMerge(t *testing.T) {
	var b Book
	submit(t, &b, limit("no", 1, Buy, 470_000, 10*share))
	if f := submit(t, &b, limit("yes", 0, Buy, 540_000, 10*share)); len(f) != 1 || f[0].Kind != Mint ||
		f[0].MakerPrice != 470_000 || f[0].TakerPrice != 530_000 || f[0].MakerCash+f[0].TakerCash != 10*money.Unit {
		t.Errorf("mint: %+v", f)
	}
	submit(t, &b, limit("sell no", 1, Sell, 450_000, 10*share))
	if f := submit(t, &b, limit("sell yes", 0, Sell, 500_000, 10*share)); len(f) != 1 || f[0].Kind != Merge ||
		f[0].MakerPrice != 450_000 || f[0].TakerPrice != 550_000 || f[0].MakerCash+f[0].TakerCash != 10*money.Unit {
		t.Errorf("merge: %+v", f)
	}
}

func TestCashTargetBringsMoreSharesAtABetterPrice(t *testing.T) {
	var b Book
	submit(t, &b, limit("ask", 0, Sell, 500_000, 100*share))
	o := limit("taker", 0, Buy, 520_000, 10*share)
	o.Life = TakesAndDies
	submit(t, &b, o)
	if o.Filled != 10_400_000 || o.Paid != 5_200_000 {
		t.Errorf("filled %s for %s, want 10.4 for 5.2", o.Filled, o.Paid)
	}
}

func TestRefusedOrderChangesNothing(t *testing.T) {
	var b Book
	submit(t, &b, limit("ask", 0, Sell, 520_000, 10*share))
	post := limit("post", 0, Buy, 520_000, 5*share)
	post.PostOnly = true
	fok := limit("fok", 0, Buy, 520_000, 11*share)
	fok.Life = FillsOrDies
	fok2 := limit("fok sell", 1, Buy, 470_000, 11*share)
	fok2.Life = FillsOrDies
	fak := limit("fak", 0, Buy, 510_000, 11*share)
	fak.Life = TakesAndDies
	for o, want := range map[*Order]error{post: Crosses, fok: NotWhole, fok2: NotWhole, fak: NoMatch} {
		if _, err := b.Submit(o); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", o.ID, err, want)
		}
		if got := b.SizeAt(0, Sell, 520_000); got != 10*share || len(b.resting) != 1 {
			t.Errorf("%s: book changed: %s", o.ID, got)
		}
	}
}

func TestCancelTakesOutExactlyThatOrder(t *testing.T) {
	var b Book
	submit(t, &b, limit("a", 0, Buy, 400_000, 10*share))
	submit(t, &b, limit("b", 1, Sell, 600_000, 7*share))
	if got := b.SizeAt(0, Buy, 400_000); got != 17*share {
		t.Fatalf("level holds %s, want 17", got)
	}
	if !b.Cancel("a") || b.Cancel("a") || b.SizeAt(1, Sell, 600_000) != 7*share {
		t.Error("cancel of a did not leave b alone")
	}
}

// Random orders on every tick: cash and sets add up, nobody gets more than asked or pays more than allowed, each fill
// is within both prices, queue order holds, and the book is never left crossed.
func TestCashAndSharesAreConserved(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		tick := []money.Price{100_000, 10_000, 5_000, 2_500, 1_000, 100}[seed%6]
		var b Book
		var all []*Order
		count := map[*Order]int{}
		for i := range 400 {
			o := randomOrder(r, tick, i)
			all = append(all, o)
			earlier := snapshot(&b)
			fills, err := b.Submit(o)
			checkFills(t, o, fills, err, earlier)
			for _, f := range fills {
				count[f.Maker]++
				count[o]++
			}
			if r.IntN(6) == 0 {
				b.Cancel(all[r.IntN(len(all))].ID)
			}
			bids, asks := b.Levels(0)
			if len(bids) > 0 && len(asks) > 0 && bids[0].Price >= asks[0].Price {
				t.Fatalf("seed %d: crossed: bid %s, ask %s", seed, bids[0].Price, asks[0].Price)
			}
		}
		for _, o := range all {
			checkBounds(t, o, count[o])
		}
	}
}

func randomOrder(r *rand.Rand, tick money.Price, i int) *Order {
	steps := int64(money.Unit) / int64(tick)
	o := limit(fmt.Sprint(i), r.IntN(2), Side(r.IntN(2)), tick*money.Price(1+r.Int64N(steps-1)), money.Size(1+r.Int64N(5000))*10_000)
	o.Life = Life(max(0, r.IntN(5)-2))
	if o.CashTarget() { // as a market order: cash in cents, shares derived
		o.Cash = money.Cash(1+r.Int64N(1000)) * 10_000
		o.Shares = sharesFor(o.Cash, o.Price)
	}
	return o
}

// snapshot is who rests, in trading priority, for each side.
func snapshot(b *Book) map[bool][]string {
	out := map[bool][]string{}
	for o := range b.Orders() {
		out[o.up()] = append(out[o.up()], o.ID)
	}
	return out
}

func checkFills(t *testing.T, o *Order, fills []Fill, err error, earlier map[bool][]string) {
	t.Helper()
	if err != nil && (len(fills) > 0 || o.Filled != 0) {
		t.Fatalf("order %s refused (%v) and filled", o.ID, err)
	}
	for i, f := range fills {
		if f.Maker.ID != earlier[!o.up()][i] {
			t.Fatalf("fill %d of %s is with %s, first in the queue was %s", i, o.ID, f.Maker.ID, earlier[!o.up()][i])
		}
		sum, want := f.MakerCash-f.TakerCash, money.Cash(0)
		if f.Kind != Direct {
			sum, want = f.MakerCash+f.TakerCash, money.Cash(f.Size)
		}
		if sum != want || f.Size <= 0 || f.MakerCash < 0 || f.TakerCash < 0 {
			t.Fatalf("fill does not add up: %+v", f)
		}
		if o.Side == Buy && f.TakerPrice > o.Price || o.Side == Sell && f.TakerPrice < o.Price {
			t.Fatalf("order %s at %s filled at %s", o.ID, o.Price, f.TakerPrice)
		}
	}
}

// checkBounds allows a seller one millionth of rounding for each fill.
func checkBounds(t *testing.T, o *Order, fills int) {
	t.Helper()
	switch {
	case !o.CashTarget() && o.Filled > o.Shares:
		t.Fatalf("order %s filled %s of %s", o.ID, o.Filled, o.Shares)
	case o.Side == Buy && o.Paid > o.Cash:
		t.Fatalf("order %s paid %s of %s", o.ID, o.Paid, o.Cash)
	case o.Side == Sell && o.Paid < cost(o.Filled, o.Price)-money.Cash(fills):
		t.Fatalf("order %s received %s for %s at %s", o.ID, o.Paid, o.Filled, o.Price)
	case o.Life == FillsOrDies && o.Filled > 0 && !o.done:
		t.Fatalf("FOK %s filled in part: %s of %s", o.ID, o.Filled, o.Shares)
	}
}
