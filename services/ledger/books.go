package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// Asset is what is counted: Cash, or a token id. Both have six decimals on chain, so amounts are whole millionths.
type Asset string

// Cash is the collateral.
const Cash Asset = "pUSD"

// The books of an account. The first four are facts: they move by what the chain shows alone, and wallet is what the
// chain shows. The others are the overlay: what orders hold and what trades have promised.
const (
	bookWallet   = "wallet"
	bookClearing = "clearing"  // the other side of every trade
	bookFees     = "fees"      // what trades cost beside their price
	bookMint     = "mint"      // where what is made comes from, and what is burned goes to
	bookExternal = "external:" // + address: deposits and withdrawals
	bookHold     = "hold:"     // + order id: what an open order can still take
	bookOut      = "out:"      // + trade/leg: matched and leaving, not yet settled
	bookIn       = "in:"       // + trade/leg: matched and coming, not yet settled
	bookFree     = "free"      // less what is held and leaving; wallet + free is what can be spent
	bookExpected = "expected"  // less what is coming
	bookReset    = "reset"     // what a chain had shown that is no more
)

// Line is one book in one asset.
type Line struct {
	Book  string
	Asset Asset
}

// Posting moves one line. The postings of an entry sum to zero for each asset.
type Posting struct {
	Book   string `json:"book"`
	Asset  Asset  `json:"asset"`
	Amount int64  `json:"amount,string"`
}

// postings lists deltas in a fixed order, without those that cancelled out.
func postings(delta map[Line]int64) []Posting {
	out := make([]Posting, 0, len(delta))
	for l, n := range delta {
		if n != 0 {
			out = append(out, Posting{l.Book, l.Asset, n})
		}
	}
	slices.SortFunc(out, func(a, b Posting) int { return cmp.Or(cmp.Compare(a.Asset, b.Asset), cmp.Compare(a.Book, b.Book)) })
	return out
}

// unbalanced names the first asset whose postings do not sum to zero.
func unbalanced(ps []Posting) (Asset, int64) {
	sums := map[Asset]int64{}
	for _, p := range ps {
		sums[p.Asset] += p.Amount
	}
	for _, p := range ps {
		if sums[p.Asset] != 0 {
			return p.Asset, sums[p.Asset]
		}
	}
	return "", 0
}

// maxBalance bounds what a line can hold: a million million units, a thousand times what any market has seen. What the
// chain says beyond it (anybody can send any number of a worthless token) is reported and not booked, so that a sum that
// does not fit is our own mistake.
const maxBalance = 1e18

// add is a + b.
func add(a, b int64) int64 {
	if !fits(a, b) {
		panic(fmt.Sprintf("ledger: %d + %d does not fit", a, b))
	}
	return a + b
}

// fits reports whether a + b is a number.
func fits(a, b int64) bool { return (a+b >= a) == (b >= 0) }

// legID names one leg of one trade.
type legID struct {
	Trade msgs.TradeID `json:"trade"`
	Leg   int          `json:"leg"`
}

func (l legID) String() string { return string(l.Trade) + "/" + strconv.Itoa(l.Leg) }

// assetOf is the asset of a token.
func assetOf(t msgs.TokenID) Asset { return Asset(t) }

// token is the token of an asset, nil for collateral.
func (a Asset) token() *msgs.TokenID {
	if a == Cash {
		return nil
	}
	return new(msgs.TokenID(a))
}

// isHold reports the order of a hold's book.
func isHold(book string) (msgs.OrderID, bool) {
	id, ok := strings.CutPrefix(book, bookHold)
	return msgs.OrderID(id), ok
}

// cost is size × price; what does not fit counts as nothing, after its size was bounded.
func cost(size money.Size, price money.Price, r money.Rounding) money.Cash {
	c, err := money.Cost(size, price, r)
	if err != nil {
		return 0
	}
	return c
}
