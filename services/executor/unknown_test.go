package executor

import (
	"reflect"
	"strconv"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// kinds of orders, and what each is worth when its outcome is not known: after how long a denial counts, and whether the
// same bytes may go again then.
func kinds() []struct {
	kind   msgs.OrderType
	counts time.Duration
	again  bool
} {
	const sendBy, visible, taken = 2 * time.Second, 10 * time.Second, 30 * time.Second
	return []struct {
		kind   msgs.OrderType
		counts time.Duration
		again  bool
	}{{msgs.GTC, sendBy + visible, true}, {msgs.GTD, sendBy + visible, true}, {msgs.FOK, taken, false}, {msgs.FAK, taken, false}}
}

// open submits an order of a kind that is valid for a minute and returns its first post.
func (b *bench) open(kind msgs.OrderType) Post {
	b.t.Helper()
	more := []string{"valid_until_ms=" + msText(b.now.Add(time.Minute))}
	if kind == msgs.GTD {
		more = append(more, "expires_ms="+msText(b.now.Add(time.Hour)))
	}
	return postIn(b.t, b.tell(b.message(append([]string{"submit", "o", "BUY", string(kind), "0.5", "10"}, more...))))
}

func msText(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

func postIn(t testing.TB, d actor.Decision) Post {
	t.Helper()
	for _, x := range d.Deeds {
		if p, ok := x.(Post); ok {
			return p
		}
	}
	t.Fatalf("nothing is posted: %+v", d)
	return Post{}
}

// TestSuccessorWaitsUntilADenialCounts restarts on an open intent of each kind: the order is looked up, not sent, and a denial
// counts from the moment at which the venue must show what the one before may have sent.
func TestSuccessorWaitsUntilADenialCounts(t *testing.T) {
	for _, k := range kinds() {
		t.Run(string(k.kind), func(t *testing.T) {
			b := newBench(t, Rules{})
			b.open(k.kind)
			b.core = b.replayed()
			var looks []Lookup
			for d := range b.core.Open() {
				l, ok := d.(Lookup)
				if !ok {
					t.Fatalf("taken up with %T, want a look-up alone", d)
				}
				looks = append(looks, l)
			}
			if len(looks) != 1 || looks[0].DeniedMS != b.now.Add(k.counts).UnixMilli() {
				t.Errorf("looked up as %+v, want a denial to count from %s on", looks, k.counts)
			}
		})
	}
}

// TestOnlyWhatRestsGoesAgainAfterADenial loses the answer of a post of each kind, and has the venue deny the order: what rests
// goes again as the very same bytes, once for each denial and not when its command is too old; what does not is never sent
// again, and a fill that comes later all the same is booked and told as odd.
func TestOnlyWhatRestsGoesAgainAfterADenial(t *testing.T) {
	for _, k := range kinds() {
		t.Run(string(k.kind), func(t *testing.T) {
			b := newBench(t, Rules{})
			first := b.open(k.kind)
			b.tell(Posted{first.Intent.OrderID, polymarket.Unknown{Cause: polymarket.ErrVenueFailed}})
			b.now = b.now.Add(k.counts)
			d := b.tell(Denied{first.Intent.OrderID, 1, true})
			if k.again {
				if p := postIn(t, d); !p.Again || !reflect.DeepEqual(p.Intent, first.Intent) {
					t.Errorf("sent again as %+v, want %+v", p.Intent, first.Intent)
				}
				if d = b.tell(Denied{first.Intent.OrderID, 1, true}); len(d.Deeds) != 0 {
					t.Errorf("a denial of the first try sends a third one: %+v", d.Deeds)
				}
				b.tell(Posted{first.Intent.OrderID, polymarket.Unknown{Cause: polymarket.ErrVenueFailed}})
				b.now = b.now.Add(time.Minute)
				d = b.tell(Denied{first.Intent.OrderID, 2, true})
			}
			ord := b.core.byID[first.Intent.OrderID]
			if len(d.Deeds) != 0 || ord.State != msgs.Rejected || ord.Ending.Error.Code != msgs.NotPlaced {
				t.Fatalf("in the end %+v, and the order is %s: %+v", d.Deeds, ord.State, ord.Ending)
			}
			d = b.tell(&Fed{Trade: &msgs.FeedTrade{TradeID: "late", Status: msgs.Matched, Legs: []msgs.FeedLeg{{OrderID: first.Intent.OrderID, TokenID: "111",
				Side: msgs.Buy, Price: 500_000, Size: 4_000_000, Role: msgs.Taker}}}})
			if ord.Filled != 4_000_000 || !ord.Late || len(d.Events) != 2 || d.Events[1].Kind() != msgs.KindAnomaly {
				t.Errorf("a late fill: %s filled, late %v, %d events", ord.Filled, ord.Late, len(d.Events))
			}
			b.consistent()
		})
	}
}

// TestWhatNeverLeftIsNotUnknown: an order of which no byte has left goes again without a look-up, whatever its kind, as long as
// its command is valid.
func TestWhatNeverLeftIsNotUnknown(t *testing.T) {
	for _, k := range kinds() {
		t.Run(string(k.kind), func(t *testing.T) {
			b := newBench(t, Rules{})
			first := b.open(k.kind)
			d := b.tell(Posted{first.Intent.OrderID, polymarket.NeverLeft{Cause: polymarket.ErrTooLate}})
			if len(d.Events) != 0 || len(d.Deeds) != 1 {
				t.Fatalf("it says %+v and does %+v, want a wait alone", d.Events, d.Deeds)
			}
			w, ok := d.Deeds[0].(Wait)
			if !ok {
				t.Fatalf("it does %T, want a wait", d.Deeds[0])
			}
			b.now = time.UnixMilli(w.UntilMS)
			if p := postIn(t, b.tell(w.Then)); !reflect.DeepEqual(p.Intent, first.Intent) {
				t.Errorf("sent as %+v, want %+v", p.Intent, first.Intent)
			}
			b.tell(Posted{first.Intent.OrderID, polymarket.NeverLeft{Cause: polymarket.ErrTooLate}})
			b.now = b.now.Add(time.Minute)
			b.tell(Again{first.Intent.OrderID, 2})
			if ord := b.core.byID[first.Intent.OrderID]; ord.State != msgs.Rejected || ord.Ending.Error.Code != msgs.ExpiredInQueue {
				t.Errorf("too old, it is %s: %+v", ord.State, ord.Ending)
			}
		})
	}
}
