package flow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// An order of which nobody knows anything goes again when the venue has denied it so long after its intent: 2 s to leave and 10 s to be
// shown. Whoever writes it when it may leave waits all of that from its arrival, and whoever writes it as early as it may be, shown alone.
const denies, shown = 12 * time.Second, 10 * time.Second

// arrival is one request that places orders, as the venue has seen it.
type arrival struct {
	at     time.Time
	id     int64
	orders []uint64 // their salts
	open   bool     // nobody knows whether the venue has taken them, and it has not
}

// arrivalOf reads one from the venue's journal. One whose connection ended before its body came has no orders, and can have done nothing.
func arrivalOf(l line) (a arrival, err error) {
	if l.Fate == "lost" && l.Body == "" {
		return a, nil
	}
	a.at, a.id = time.UnixMicro(l.AtUS), l.ID
	type order struct{ Order struct{ Salt uint64 } }
	var all []order
	if strings.HasSuffix(l.Path, "s") {
		err = json.Unmarshal([]byte(l.Body), &all)
	} else {
		all = make([]order, 1)
		err = json.Unmarshal([]byte(l.Body), &all[0])
	}
	for _, o := range all {
		a.orders = append(a.orders, o.Order.Salt)
	}
	taken := l.Status == 200 && !strings.Contains(l.Answer, "post-only mode")
	a.open = l.Status == 500 || !taken && l.Fate != "answered"
	return a, err
}

// course is what the least time depends on: a signer's bucket, and when the venue took nothing.
type course struct {
	rate, burst int
	shut        time.Duration // after the first arrival, for down; 0: never
	down        time.Duration
}

// place is the earliest moment of the kth arrival, counted from 1: what the bucket holds
// at the first arrival, what it gains until the venue takes nothing, and from the end of that on, with a full bucket, the rest.
func (c course) place(k int) time.Duration {
	gain := func(n int) time.Duration { return time.Duration(max(0, n)) * time.Second / time.Duration(c.rate) }
	before := gain(k - c.burst)
	if c.down == 0 || before <= c.shut {
		return before
	}
	first := c.burst + int(c.shut*time.Duration(c.rate)/time.Second)
	return c.shut + c.down + gain(k-first-c.burst)
}

// opens is the first moment from t on at which the venue takes orders.
func (c course) opens(t time.Duration) time.Duration {
	if t >= c.shut && t < c.shut+c.down {
		return c.shut + c.down
	}
	return t
}

// least is the least time of whoever tries orders in this turn and meets these faults, keeps to the bucket, and sends an order of which
// nobody knows anything again so long after. Of the arrivals that the venue could have taken, each has its place by what the bucket
// asks, and where its order has met a fault, not before the denial. A fault that an order met while the venue took nothing counts from
// when it was: somebody has to ask whether the venue takes orders again.
func (c course) least(all []arrival, after time.Duration) (most time.Duration) {
	slices.SortFunc(all, func(a, b arrival) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) })
	began, places, denied := all[0].at, 0, map[uint64]time.Duration{}
	for _, a := range all {
		at := a.at.Sub(began)
		shut := c.opens(at) != at
		for _, salt := range a.orders {
			if !shut {
				places++
				at = max(c.place(places), denied[salt])
				most = max(most, at)
			}
			if a.open {
				denied[salt] = c.opens(at + after)
			}
		}
	}
	return most
}

// TestLeastTimeByHand works the bound out for arrivals of which it is known.
func TestLeastTimeByHand(t *testing.T) {
	at := func(s float64, open bool, orders ...uint64) arrival {
		return arrival{at: time.Unix(1000, 0).Add(time.Duration(s * float64(time.Second))), orders: orders, open: open}
	}
	free, shut := course{rate: 2, burst: 3}, course{rate: 2, burst: 3, shut: 1100 * time.Millisecond, down: 10 * time.Second}
	for _, c := range []struct {
		name  string
		c     course
		all   []arrival
		least time.Duration
	}{
		{"what the bucket holds leaves at once", free, []arrival{at(0, false, 1, 2, 3)}, 0},
		{"two more in turn", free, []arrival{at(0, false, 1, 2, 3), at(2, false, 4, 5)}, time.Second},
		{"one fails and goes again", free, []arrival{at(0, true, 1), at(0, false, 2), at(30, false, 1)}, 12 * time.Second},
		{"the third fails twice", free, []arrival{at(0, false, 1, 2), at(1, true, 3), at(20, true, 3), at(40, false, 3)}, 24 * time.Second},
		{"the fifth fails once", free, []arrival{at(0, false, 1, 2, 3, 4), at(1, true, 5), at(13, false, 5)}, 13 * time.Second},
		{"many fail: they take places too", free, []arrival{at(0, true, 1, 2, 3), at(0, false, 4), at(60, false, 1, 2, 3),
			at(70, false, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28)}, 14 * time.Second},
		{"the sixth finds it shut, with a full bucket then", shut, []arrival{at(0, false, 1, 2, 3), at(1, false, 4, 5), at(12, false, 6, 7, 8, 9)}, 11600 * time.Millisecond},
		{"a failure before and one that asked whether it is open", shut, []arrival{at(0, true, 1), at(10, true, 2), at(13, false, 1), at(23, false, 2)}, 22 * time.Second},
		{"refused while it is shut costs nothing", shut, []arrival{at(0, false, 1), at(5, false, 1), at(12, false, 1)}, 0},
	} {
		if got := c.c.least(c.all, denies); got != c.least {
			t.Errorf("%s: %s, want %s", c.name, got, c.least)
		}
	}
}

// TestArrivalsAreReadAsTheyWere reads lines of the journal whose fate is known.
func TestArrivalsAreReadAsTheyWere(t *testing.T) {
	for _, c := range []struct {
		line line
		n    int
		open bool
	}{
		{line{Path: "/order", Body: `{"order":{"salt":1}}`, Status: 200, Fate: "answered"}, 1, false},
		{line{Path: "/order", Body: `{"order":{"salt":1}}`, Status: 200, Fate: "dropped"}, 1, false},
		{line{Path: "/orders", Body: `[{"order":{"salt":1}},{"order":{"salt":2}}]`, Status: 500, Fate: "answered"}, 2, true},
		{line{Path: "/orders", Fate: "lost"}, 0, false},
		{line{Path: "/order", Body: `{"order":{"salt":1}}`, Status: 503, Fate: "answered"}, 1, false},
		{line{Path: "/order", Body: `{"order":{"salt":1}}`, Status: 425, Fate: "dropped"}, 1, true},
		{line{Path: "/orders", Body: `[{"order":{"salt":1}}]`, Status: 200, Fate: "dropped", Answer: fmt.Sprintf("[{%q:%q}]", "errorMsg", sandboxPostOnly)}, 1, true},
	} {
		a, err := arrivalOf(c.line)
		if err != nil || len(a.orders) != c.n || a.open != c.open {
			t.Errorf("%+v: %+v, %v", c.line, a, err)
		}
	}
}

// sandboxPostOnly is how the venue answers an order of a batch that would have to be post-only.
const sandboxPostOnly = "post-only mode: only post-only orders and cancels are allowed"
