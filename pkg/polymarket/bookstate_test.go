package polymarket

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/pkg/money"
)

func at(price, size int64) Level { return Level{money.Price(price), money.Size(size)} }

func snapshotOf(ms int64) Book {
	return Book{AssetID: "1", TimestampMS: ms, Bids: []Level{at(490_000, 20), at(480_000, 30)}, Asks: []Level{at(520_000, 25)}, Tick: Tick001}
}

func bidAt(ms int64, price, size, bestBid money.Price) PriceChange {
	return PriceChange{TimestampMS: ms, Changes: []Change{{AssetID: "2", Side: Sell, Price: 1, Size: 1},
		{AssetID: "1", Side: Buy, Price: price, Size: money.Size(size), BestBid: bestBid, HasBestBid: true, BestAsk: 520_000, HasBestAsk: true}}}
}

func TestBookBeforeItsSnapshotIsNotBelieved(t *testing.T) {
	b := BookState{AssetID: "1"}
	if got := b.Apply(bidAt(1, 500_000, 5, 500_000)); got != Early || b.Ready() {
		t.Errorf("%s, ready %t", got, b.Ready())
	}
	if got := b.Apply(snapshotOf(2)); got != Updated || !b.Ready() || b.Tick != Tick001 {
		t.Errorf("%s, ready %t, tick %s", got, b.Ready(), b.Tick)
	}
}

func TestMissedChangeIsSeenByItsBestPrice(t *testing.T) {
	b := BookState{AssetID: "1"}
	b.Apply(snapshotOf(1))
	if got := b.Apply(bidAt(2, 500_000, 5, 500_000)); got != Updated {
		t.Fatal(got)
	}
	// The venue took 0.50 away in a message that did not arrive, then changed 0.48.
	if got := b.Apply(bidAt(4, 480_000, 7, 490_000)); got != Gap || b.Ready() {
		t.Errorf("%s, ready %t", got, b.Ready())
	}
	if got := b.Apply(bidAt(5, 480_000, 8, 490_000)); got != Early {
		t.Errorf("after the gap: %s", got)
	}
	// The snapshot that heals may carry the time of the last trade, older than the change that showed the gap.
	if got := b.Apply(snapshotOf(3)); got != Updated || !b.Ready() {
		t.Errorf("healing: %s, ready %t", got, b.Ready())
	}
}

func TestOldEventsDoNotTurnABookBack(t *testing.T) {
	b := BookState{AssetID: "1"}
	b.Apply(snapshotOf(10))
	b.Apply(bidAt(12, 500_000, 5, 500_000))
	if got := b.Apply(snapshotOf(11)); got != Late {
		t.Errorf("old snapshot: %s", got)
	}
	if got := b.Apply(bidAt(11, 500_000, 0, 490_000)); got != Late {
		t.Errorf("old change: %s", got)
	}
	if bid, _ := b.BestBid(); bid != at(500_000, 5) {
		t.Errorf("best bid %v", bid)
	}
	b.Reset()
	if _, any := b.BestBid(); any || b.Ready() {
		t.Error("a reset book still shows something")
	}
}

func TestEmptySidesAgreeWithTheVenuesSpelling(t *testing.T) {
	for _, ask := range []money.Price{0, money.Unit} {
		b := BookState{AssetID: "1"}
		b.Apply(Book{AssetID: "1", Bids: []Level{at(490_000, 20)}})
		got := b.Apply(PriceChange{Changes: []Change{{AssetID: "1", Side: Buy, Price: 490_000, BestBid: 0, HasBestBid: true, BestAsk: ask, HasBestAsk: true}}})
		if bids, asks := b.Depth(); got != Updated || bids != 0 || asks != 0 {
			t.Errorf("best ask %s: %s, %d and %d levels", ask, got, bids, asks)
		}
	}
}

func TestTickChangeReachesTheBook(t *testing.T) {
	b := BookState{AssetID: "1"}
	if got := b.Apply(TickSizeChange{AssetID: "1", New: Tick0001}); got != Updated || b.Tick != Tick0001 {
		t.Errorf("%s, %s", got, b.Tick)
	}
	if got := b.Apply(TickSizeChange{AssetID: "2", New: Tick01}); got != NotMine || b.Tick != Tick0001 {
		t.Errorf("%s, %s", got, b.Tick)
	}
}

// A book kept by changes equals a map of its levels, whatever the order of the changes.
func TestBookEqualsAMapOfLevels(t *testing.T) {
	for range 50 {
		b := BookState{AssetID: "1"}
		b.Apply(Book{AssetID: "1"})
		want := map[Side]map[money.Price]money.Size{Buy: {}, Sell: {}}
		for i := range int64(400) {
			side, p, s := Buy, money.Price(1+rand.IntN(99))*10_000, money.Size(rand.IntN(3))
			if rand.IntN(2) == 0 {
				side = Sell
			}
			if want[side][p] = s; s == 0 {
				delete(want[side], p)
			}
			b.Apply(PriceChange{TimestampMS: i, Changes: []Change{{AssetID: "1", Side: side, Price: p, Size: s}}})
		}
		for side, have := range map[Side][]Level{Buy: b.Bids(nil, 100), Sell: b.Asks(nil, 100)} {
			prices := slices.SortedFunc(maps.Keys(want[side]), func(x, y money.Price) int {
				if side == Buy {
					x, y = y, x
				}
				return cmp.Compare(x, y)
			})
			if len(prices) != len(have) {
				t.Fatalf("%s: %d levels, want %d", side, len(have), len(prices))
			}
			for i, p := range prices {
				if have[i] != (Level{p, want[side][p]}) {
					t.Fatalf("%s: level %d is %v, want %s × %s", side, i, have[i], p, want[side][p])
				}
			}
		}
	}
}
