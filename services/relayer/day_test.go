package relayer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/limits/quota"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// wish is one request of a day: when it comes and when it must have left.
type wish struct {
	id           msgs.RequestID
	from, until  time.Time
	verb, fields string
}

// wishesOf makes a day of a thousand requests: 8 that must leave within a minute, 92 within half an hour, 900 within twelve hours.
// Seven of ten come in bursts.
func wishesOf(r *rand.Rand, start time.Time) (out []wish) {
	bursts := make([]time.Duration, 30)
	for i := range bursts {
		bursts[i] = time.Duration(r.Int64N(int64(24 * time.Hour)))
	}
	for i := range 1000 {
		at := time.Duration(r.Int64N(int64(24 * time.Hour)))
		if r.IntN(10) < 7 {
			at = bursts[r.IntN(len(bursts))] + time.Duration(r.ExpFloat64()*float64(90*time.Second))
		}
		w := wish{id: msgs.RequestID(fmt.Sprintf("w%d", i)), from: start.Add(at.Truncate(time.Millisecond))}
		within := time.Hour + time.Duration(r.Int64N(int64(11*time.Hour)))
		switch {
		case i < 8:
			within = 30*time.Second + time.Duration(r.Int64N(int64(30*time.Second)))
		case i < 100:
			within = 5*time.Minute + time.Duration(r.Int64N(int64(25*time.Minute)))
		}
		w.until = w.from.Add(within.Truncate(time.Millisecond))
		w.verb, w.fields = "split", fmt.Sprintf(`"condition_id":%q,"amount":"%d"`, []string{testCondition, otherMarket}[r.IntN(2)], 1+r.IntN(9))
		switch r.IntN(4) {
		case 0:
			w.verb, w.fields = "wrap", fmt.Sprintf(`"amount":"%d"`, 1+r.IntN(9))
		case 1:
			w.verb, w.fields = "transfer", fmt.Sprintf(`"asset":"pUSD","amount":"%d","to":%q`, 1+r.IntN(9), listed)
		}
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b wish) int { return a.from.Compare(b.from) })
	return out
}

// optimum is how few units could have carried everything, for somebody who knows the day in advance, needs no time for anything and
// has no bound on a unit: the fewest moments such that each request's time holds one.
func optimum(wishes []wish) (n int) {
	byEnd := slices.SortedFunc(slices.Values(wishes), func(a, b wish) int { return a.until.Compare(b.until) })
	var last time.Time
	for _, w := range byEnd {
		if last.IsZero() || w.from.After(last) {
			n, last = n+1, w.until
		}
	}
	return n
}

// dayWorld is a chain and a relayer in good health, with the book of an Unverified builder's units.
type dayWorld struct {
	*trial
	r      *rand.Rand
	book   *quota.Book
	nonce  uint64
	due    []happening
	left   map[msgs.RequestID]time.Time
	units  int
	minute []time.Time
}

// happening is an outcome that is on its way.
type happening struct {
	at time.Time
	m  any
}

func (w *dayWorld) later(d time.Duration, m any) {
	w.due = append(w.due, happening{w.now.Add(d), m})
	slices.SortStableFunc(w.due, func(a, b happening) int { return a.at.Compare(b.at) })
}

func (w *dayWorld) hear(m any) {
	d := w.tell(m)
	for _, x := range slices.Concat(d.Early, d.Deeds) {
		w.perform(x)
	}
}

func (w *dayWorld) perform(x actor.Deed) {
	latency := func(ms int) time.Duration { return time.Duration(ms+w.r.IntN(ms)) * time.Millisecond }
	switch x := x.(type) {
	case Look:
		if slices.ContainsFunc(w.due, func(h happening) bool { _, is := h.m.(Looked); return is }) {
			return
		}
		l := w.looks(w.nonce)
		l.OwnGas, l.Quota = Door{Code: msgs.NoGas, Cause: "none", Fix: "none"}, w.book.View(w.now)
		w.later(latency(300), l)
	case Rehearse:
		if slices.ContainsFunc(w.due, func(h happening) bool { _, is := h.m.(Rehearsed); return is }) {
			return
		}
		w.later(latency(300), Rehearsed{Pack: x.Pack, Failed: -1, Nonce: w.nonce})
	case Submit:
		w.submit(x, latency)
	case Follow:
		seen := Seen{Unit: x.Unit.Unit, TxHash: "0x01", Block: 100 + w.nonce, Executed: true}
		w.later(latency(2000), seen)
		seen.Final = true
		w.later(5*time.Second+latency(10_000), seen)
	}
}

func (w *dayWorld) submit(x Submit, latency func(int) time.Duration) {
	e, ok, err := w.book.Reserve(w.now, x.Unit.Unit, x.Purpose)
	if none, is := errors.AsType[*quota.Exhausted](err); is {
		w.later(latency(10), Submitted{Unit: x.Unit.Unit, Exhausted: none})
		return
	}
	if ok {
		w.book.Apply(uint64(w.units+1), e)
	}
	w.minute = slices.DeleteFunc(w.minute, func(t time.Time) bool { return w.now.Sub(t) > time.Minute })
	if w.minute = append(w.minute, w.now); len(w.minute) > 25 {
		w.t.Fatalf("%d submits within a minute", len(w.minute))
	}
	if x.SendBy != 0 && w.now.UnixMilli() > x.SendBy {
		w.t.Fatalf("unit %s is submitted %d ms after its deadline", x.Unit.Unit, w.now.UnixMilli()-x.SendBy)
	}
	for _, id := range x.Unit.RequestIDs {
		w.left[id] = w.now
	}
	w.units++
	w.nonce++
	w.later(latency(400), Submitted{Unit: x.Unit.Unit, ID: "id-" + x.Unit.Unit})
}

// maxMoments bounds a day, which has some 30,000: with a unit that hangs there is no end of them, of a millisecond each.
const maxMoments = 200_000

// run lets a day pass, from one moment at which something happens to the next.
func (w *dayWorld) run(wishes []wish) {
	for n := 0; len(wishes) > 0 || len(w.due) > 0 || len(w.core.requests) > 0; n++ {
		if n > maxMoments {
			w.t.Fatalf("after %d moments, at %s, %d requests have no end, and the unit is %s", n, w.now, len(w.core.requests), text(w.core.unit))
		}
		next := w.now.Add(time.Second)
		if len(w.due) > 0 && w.due[0].at.Before(next) {
			next = w.due[0].at
		}
		if len(wishes) > 0 && len(w.due) == 0 { // nothing under way: on to what comes first
			next = wishes[0].from
			for _, r := range w.core.requests {
				if by := time.UnixMilli(r.LeavesByMS); by.Before(next) {
					next = by
				}
			}
			next = slices.MaxFunc([]time.Time{next, w.now.Add(time.Millisecond)}, time.Time.Compare)
		} else if len(wishes) > 0 && wishes[0].from.Before(next) {
			next = wishes[0].from
		}
		w.now = next
		for len(wishes) > 0 && !wishes[0].from.After(w.now) {
			x := wishes[0]
			wishes = wishes[1:]
			w.hear(w.asked(x.verb, fmt.Sprintf(`{"request_id":%q,"deadline_ms":%d,%s}`, x.id, x.until.UnixMilli(), x.fields)))
		}
		for len(w.due) > 0 && !w.due[0].at.After(w.now) {
			h := w.due[0]
			w.due = w.due[1:]
			w.hear(h.m)
		}
		w.hear(actor.Tick{})
	}
}

// A thousand requests in a virtual day with an Unverified builder's hundred units: every deadline is kept, and at most a fifth more
// units are spent than somebody would who knew the day in advance. Own gas is shut, so that nothing else can carry.
func TestThousandRequestsOfADayKeepTheirDeadlinesInFewUnits(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1000))
		w := &dayWorld{trial: begun(t, polymarket.Safe), r: r, book: quota.NewBook(100), left: map[msgs.RequestID]time.Time{}}
		wishes := wishesOf(r, w.now)
		best := optimum(wishes)
		w.run(wishes)
		late, longest := 0, time.Duration(0)
		for _, x := range wishes {
			at, ok := w.left[x.id]
			if !ok || at.After(x.until) {
				late++
				t.Errorf("seed %d: %s, asked at %s, had to leave by %s and left at %s", seed, x.id, x.from.UTC(), x.until.UTC(), at.UTC())
			}
			longest = max(longest, at.Sub(x.from))
		}
		confirmed := 0
		for _, e := range w.log {
			if e.Kind() == msgs.KindTxConfirmed {
				confirmed++
			}
		}
		if confirmed != len(wishes) || 10*w.units > 12*best {
			t.Errorf("seed %d: %d confirmed of %d, %d units where %d could do", seed, confirmed, len(wishes), w.units, best)
		}
		t.Logf("seed %d: %d units, optimum %d (%.2f), %d late, a unit for %.1f requests", seed, w.units, best, float64(w.units)/float64(best), late, float64(len(wishes))/float64(w.units))
	}
}

// Four permissions, a wrap, a split and a merge that are asked for one by one within the linger cost one unit, whose calls stand in the
// order in which they build on each other.
func TestWhatIsAskedWithinTheLingerCostsOneUnit(t *testing.T) {
	b := begun(t, polymarket.Safe)
	b.ask("merge", `{"request_id":"m1","condition_id":"`+otherMarket+`","amount":"7"}`)
	b.wait(3 * time.Second)
	b.ask("split", `{"request_id":"s1","condition_id":"`+testCondition+`","amount":"250"}`)
	for i := range 4 {
		b.wait(3 * time.Second)
		b.ask("approve", fmt.Sprintf(`{"request_id":"a%d","set":"trading"}`, i))
	}
	b.ask("wrap", `{"request_id":"w1","amount":"100"}`)
	b.wait(20 * time.Second)
	l := b.looks(7)
	l.Missing = b.id.Contracts.Approvals()
	l.Positions[token("1001")], l.Positions[token("1002")] = Amounts{Have: 9_000_000}, Amounts{Have: 9_000_000}
	s := deedOf[Submit](t, b.sealed(l).Deeds)
	if len(s.Unit.RequestIDs) != 7 {
		t.Fatalf("the unit holds %v", s.Unit.RequestIDs)
	}
	var got []string
	for _, c := range s.Unit.Calls {
		got = append(got, signatureOf(t, c))
	}
	want := []string{"approve(address,uint256)", "setApprovalForAll(address,bool)", "wrap(address,address,uint256)",
		"mergePositions(address,bytes32,bytes32,uint256[],uint256)", "splitPosition(address,bytes32,bytes32,uint256[],uint256)"}
	if order := slices.Compact(slices.Clone(got)); !slices.Equal(order, want) || len(got) != len(l.Missing)+3 {
		t.Errorf("calls are %v", got)
	}
	b.tell(Submitted{Unit: s.Unit.Unit, ID: "id-1"})
	b.tell(Seen{Unit: s.Unit.Unit, TxHash: "0x01", Block: 108, Executed: true, Final: true})
	for _, id := range s.Unit.RequestIDs {
		if a, _ := b.core.Answer(id); !a.Final || a.Last != msgs.KindTxConfirmed || a.Unit != s.Unit.Unit {
			t.Errorf("%s: %s", id, text(a))
		}
	}
	if left := b.core.approvals.missing(b.id.Contracts); len(left) != 0 {
		t.Errorf("still thought missing: %v", left)
	}
	b.consistent()
}
