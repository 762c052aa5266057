package quota

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Purpose says what a unit is for, and so how much of the quota must be left for it.
type Purpose uint8

// The purposes, least urgent first.
const (
	Ordinary  Purpose = iota // whatever can wait until tomorrow
	Essential                // what trading needs
	Rescue                   // money that must come home: redeem, withdraw
)

func (p Purpose) String() string {
	return [...]string{"ordinary", "essential", "rescue"}[min(p, Rescue)]
}

const (
	// Day is the span of the quota. It rolls: no midnight gives anything back.
	Day = 24 * time.Hour
	// slack covers clocks that differ, and a request that arrives after its unit was reserved.
	slack = Day/5000 + time.Minute

	warnPercent     = 50
	ordinaryPercent = 80
	percent         = 100
	// rescueUnits are kept for Rescue.
	rescueUnits = 5
	// maxUnits bounds a book; the largest documented quota has a tenth of it.
	maxUnits = 100_000
	// maxBlock bounds what the server can ask for.
	maxBlock = 25 * time.Hour
)

// Kind is what an event says.
type Kind string

// The kinds of events.
const (
	Reserved  Kind = "reserved"  // a unit is charged before its request is sent
	Confirmed Kind = "confirmed" // the request was answered; it counts from then
	Voided    Kind = "voided"    // it surely cost nothing
	Blocked   Kind = "blocked"   // the server has nothing left until a moment
	Foreign   Kind = "foreign"   // somebody else spent units
)

// Event is what a book remembers.
type Event struct {
	Kind  Kind      `json:"kind"`
	ID    string    `json:"id,omitempty"` // of the unit: the idempotency key of its request
	At    time.Time `json:"at"`
	Until time.Time `json:"until,omitzero"`
	N     int       `json:"n,omitempty"`
}

// Exhausted reports that no unit may be spent.
type Exhausted struct {
	Until   time.Time // when one may be, as far as is known
	Used    int
	Limit   int
	Purpose Purpose
}

func (e *Exhausted) Error() string {
	return fmt.Sprintf("no unit left for %s: %d of %d used, next at %s", e.Purpose, e.Used, e.Limit, e.Until.UTC().Format(time.RFC3339))
}

// unit is one that is charged.
type unit struct {
	id        string
	at        time.Time
	confirmed bool
}

// Book is a quota and what was spent of it.
type Book struct {
	limit   int // 0: unlimited
	units   []unit
	blocked time.Time
	last    time.Time
}

// NewBook is an empty book of so many units a day; 0: unlimited.
func NewBook(limit int) *Book { return &Book{limit: limit} }

// SetLimit is for a tier that was learned.
func (b *Book) SetLimit(limit int) { b.limit = limit }

// Reserve decides to charge a unit. An id that is charged already gives no event and no error: the request may be sent again
// under the same id. Its error is *Exhausted.
func (b *Book) Reserve(now time.Time, id string, p Purpose) (Event, bool, error) {
	if b.find(id) >= 0 {
		return Event{}, false, nil
	}
	used := b.used(now)
	if now.Before(b.blocked) || b.limit > 0 && used >= b.room(p) || used >= maxUnits {
		return Event{}, false, &Exhausted{b.next(now, p), used, b.limit, p}
	}
	return Event{Kind: Reserved, ID: id, At: now}, true, nil
}

// room is how many units may be used for a purpose.
func (b *Book) room(p Purpose) int {
	switch p {
	case Ordinary:
		return min(b.limit*ordinaryPercent/percent, max(0, b.limit-rescueUnits))
	case Essential:
		return max(b.limit-rescueUnits, b.limit/2)
	}
	return b.limit
}

// Confirm decides that a unit was spent: its request was answered. It counts from now on. One that has lapsed meanwhile is
// not charged again.
func (b *Book) Confirm(now time.Time, id string) (Event, bool) {
	i := b.find(id)
	return Event{Kind: Confirmed, ID: id, At: now}, i >= 0 && !b.units[i].confirmed && now.Sub(b.units[i].at) < Day+slack
}

// Void decides that a unit cost nothing, which only a definite refusal shows. Refusals for other reasons than the limit
// itself are said to cost units too: those are confirmed.
func (b *Book) Void(now time.Time, id string) (Event, bool) {
	i := b.find(id)
	return Event{Kind: Voided, ID: id, At: now}, i >= 0 && !b.units[i].confirmed
}

// Block decides to spend nothing for a while, because the server says that nothing is left.
func (b *Book) Block(now time.Time, wait time.Duration) (Event, bool) {
	until := now.Add(min(max(wait, 0), maxBlock))
	return Event{Kind: Blocked, At: now, Until: until}, until.After(b.blocked)
}

// Hear decides what the server's count of the remaining units means: fewer than ours were spent by others, more is not
// believed.
func (b *Book) Hear(now time.Time, remaining int) (Event, bool) {
	n := b.limit - b.used(now) - max(0, remaining)
	return Event{Kind: Foreign, At: now, N: n}, b.limit > 0 && n > 0
}

// Apply takes in what was recorded.
func (b *Book) Apply(e Event) {
	b.forget(e.At)
	switch e.Kind {
	case Reserved:
		if b.find(e.ID) < 0 {
			b.units = append(b.units, unit{id: e.ID, at: e.At})
		}
		if e.At.After(b.last) {
			b.last = e.At
		}
	case Confirmed:
		if i := b.find(e.ID); i >= 0 {
			b.units[i].confirmed, b.units[i].at = true, later(b.units[i].at, e.At)
		}
	case Voided:
		if i := b.find(e.ID); i >= 0 && !b.units[i].confirmed {
			b.units = slices.Delete(b.units, i, i+1)
		}
	case Blocked:
		b.blocked = later(b.blocked, e.Until)
	case Foreign:
		for range min(max(0, e.N), maxUnits) {
			b.units = append(b.units, unit{at: e.At, confirmed: true})
		}
	}
	slices.SortStableFunc(b.units, func(x, y unit) int { return x.at.Compare(y.at) })
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// forget drops what has lapsed for two days: an id that is used again by then is another request.
func (b *Book) forget(now time.Time) {
	i := 0
	for i < len(b.units) && now.Sub(b.units[i].at) > 2*Day {
		i++
	}
	b.units = slices.Delete(b.units, 0, i)
}

func (b *Book) find(id string) int {
	if id == "" {
		return -1
	}
	return slices.IndexFunc(b.units, func(u unit) bool { return u.id == id })
}

// used counts the units of the day that ends now.
func (b *Book) used(now time.Time) int { return len(b.charged(now)) }

func (b *Book) charged(now time.Time) []unit {
	i, _ := slices.BinarySearchFunc(b.units, now.Add(-Day-slack), func(u unit, t time.Time) int {
		return cmp.Or(u.at.Compare(t), -1) // what is exactly a day old has lapsed
	})
	return b.units[i:]
}

// next is when a unit may be spent for a purpose, as things stand.
func (b *Book) next(now time.Time, p Purpose) time.Time {
	at := later(now, b.blocked)
	if b.limit == 0 {
		return at
	}
	charged := b.charged(now)
	if over := len(charged) - b.room(p); over >= 0 && over < len(charged) {
		at = later(at, charged[over].at.Add(Day+slack))
	}
	return at
}

// Open are the ids of units that are reserved and neither confirmed nor voided: after a start they are looked up.
func (b *Book) Open(now time.Time) (ids []string) {
	for _, u := range b.charged(now) {
		if !u.confirmed {
			ids = append(ids, u.id)
		}
	}
	return ids
}

// View is what people and metrics see.
type View struct {
	Used      int       // of the day that ends now
	Limit     int       // 0: unlimited
	Remaining int       // for Rescue; 0 while blocked
	Reset     time.Time // when the next unit comes back, or the block ends; zero when nothing is used
	LastCall  time.Time
	Blocked   bool
	Warn      bool      // half is used
	Dry       time.Time // when it will be used up at the pace of the last six hours; zero: not within a day
}

// forecastSpan is how far back the pace is taken from: long enough to bridge a quiet hour.
const forecastSpan = 6 * time.Hour

// View shows the book.
func (b *Book) View(now time.Time) View {
	charged := b.charged(now)
	v := View{Used: len(charged), Limit: b.limit, LastCall: b.last, Blocked: now.Before(b.blocked)}
	if len(charged) > 0 {
		v.Reset = charged[0].at.Add(Day + slack)
	}
	if v.Blocked {
		v.Reset = b.blocked
	}
	if b.limit == 0 {
		return v
	}
	v.Warn = v.Used*percent >= b.limit*warnPercent
	left := max(0, b.limit-v.Used)
	if !v.Blocked {
		v.Remaining = left
	}
	recent := 0
	for _, u := range charged {
		if now.Sub(u.at) <= forecastSpan {
			recent++
		}
	}
	if recent > 0 {
		if d := forecastSpan / time.Duration(recent) * time.Duration(left); d < Day {
			v.Dry = now.Add(d)
		}
	}
	return v
}
