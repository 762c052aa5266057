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
	// LeaveWithin is how soon after its unit was reserved a request must have arrived.
	LeaveWithin = time.Minute
	// slack covers clocks that differ, and a request that arrives after its unit was reserved.
	slack = Day/5000 + LeaveWithin

	warnPercent     = 50
	ordinaryPercent = 80
	percent         = 100
	// rescueUnits are kept for Rescue.
	rescueUnits = 5
	// maxUnits bounds a book; the largest documented quota has a tenth of it.
	maxUnits = 100_000
	// maxBlock bounds what the server can ask for: no unit takes longer to come back.
	maxBlock = 25 * time.Hour
	// firstBlock and lastBlock bound how soon it is asked again after it has said, once and several times in turn, that nothing
	// is left, whatever it prints: a reset that it prints wrongly must not become a storm of submits.
	firstBlock = time.Minute
	lastBlock  = time.Hour
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
	N     int       `json:"n,omitempty"` // how many units; of a block, how many in turn
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
	pos       uint64 // of the event that charged it
}

// Book is a quota and what was spent of it.
type Book struct {
	limit    int    // 0: unlimited
	units    []unit // by their time
	blocked  time.Time
	refusals int // that nothing is left, since a unit was last confirmed
	last     time.Time

	// Positions of the events that blocked and last are from, and of the last event of all.
	blockedPos, lastPos, pos uint64
}

// NewBook is an empty book of so many units a day; 0: unlimited.
func NewBook(limit int) *Book { return &Book{limit: limit} }

// SetLimit is for a tier that was learned.
func (b *Book) SetLimit(limit int) { b.limit = limit }

// Reserve decides to charge a unit. An id that is charged and not confirmed is not charged twice: its request may be sent, perhaps
// again, under the same id; after LeaveWithin it counts from now. One that is confirmed is charged anew, since that request was
// answered and this is another. Its error is *Exhausted.
func (b *Book) Reserve(now time.Time, id string, p Purpose) (Event, bool, error) {
	e, used := Event{Kind: Reserved, ID: id, At: now}, b.used(now)
	none := &Exhausted{b.next(now, p), used, b.limit, p}
	if now.Before(b.blocked) {
		return Event{}, false, none
	}
	if i := b.find(id); i >= 0 && !b.units[i].confirmed && now.Sub(b.units[i].at) < Day+slack {
		return e, now.Sub(b.units[i].at) > LeaveWithin, nil
	}
	if used >= room(b.limit, p) {
		return Event{}, false, none
	}
	return e, true, nil
}

// room is how many units of a limit may be used for a purpose.
func room(limit int, p Purpose) int {
	switch {
	case limit == 0:
		return maxUnits
	case p == Ordinary:
		return min(limit*ordinaryPercent/percent, max(0, limit-rescueUnits))
	case p == Essential:
		return max(limit-rescueUnits, limit/2)
	}
	return min(limit, maxUnits)
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

// Block decides to spend nothing for a while, because the server says that nothing is left; wait is what it names, 0 when it does not. It
// is obeyed within bounds.
func (b *Book) Block(now time.Time, wait time.Duration) (Event, bool) {
	inTurn := b.refusals
	if wait > 0 {
		inTurn-- // a reset that is named is believed once
	}
	least := lastBlock
	switch {
	case inTurn < 0:
		least = 0
	case inTurn < 6: // 1, 2, 4 … 32 minutes
		least = firstBlock << inTurn
	}
	until := now.Add(min(max(wait, least), maxBlock))
	return Event{Kind: Blocked, At: now, Until: until, N: b.refusals + 1}, until.After(b.blocked)
}

// Hear decides what the server's count of the remaining units means: fewer than ours were spent by others, more is not
// believed.
func (b *Book) Hear(now time.Time, remaining int) (Event, bool) {
	n := b.limit - b.used(now) - max(0, remaining)
	return Event{Kind: Foreign, At: now, N: n}, b.limit > 0 && n > 0
}

// Apply takes in what was recorded at a position; positions grow.
func (b *Book) Apply(pos uint64, e Event) {
	b.pos = pos
	switch i := b.find(e.ID); e.Kind {
	case Reserved:
		if i >= 0 && !b.units[i].confirmed {
			b.units = slices.Delete(b.units, i, i+1)
		}
		b.charge(unit{id: e.ID, at: e.At, pos: pos})
		if !e.At.Before(b.last) {
			b.last, b.lastPos = e.At, pos
		}
	case Confirmed:
		b.refusals = 0
		if i >= 0 {
			u := b.units[i]
			b.units = slices.Delete(b.units, i, i+1)
			u.confirmed, u.at = true, later(u.at, e.At)
			b.charge(u)
		}
	case Voided:
		if i >= 0 && !b.units[i].confirmed {
			b.units = slices.Delete(b.units, i, i+1)
		}
	case Blocked:
		b.blocked, b.blockedPos, b.refusals = e.Until, pos, max(0, e.N)
	case Foreign:
		for range min(max(0, e.N), maxUnits) {
			b.charge(unit{at: e.At, confirmed: true, pos: pos})
		}
	}
}

// charge puts a unit in its place, behind those of the same time.
func (b *Book) charge(u unit) {
	i := len(b.units)
	for i > 0 && b.units[i-1].at.After(u.at) {
		i--
	}
	b.units = slices.Insert(b.units, i, u)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// memory is for how long a book remembers: whoever's clock is behind by less has nothing missing.
const memory = 2 * Day

// Forget drops what has lapsed for long. It changes nothing but what is remembered.
func (b *Book) Forget(now time.Time) {
	i := 0
	for i < len(b.units) && now.Sub(b.units[i].at) > memory {
		i++
	}
	clear(b.units[:i])
	b.units = b.units[i:]
	if now.Sub(b.blocked) > memory {
		b.blocked, b.blockedPos, b.refusals = time.Time{}, 0, 0
	}
}

// Needed is the position of the first event that a book still needs to be what it is: those before it can be forgotten. An event
// is needed by what it has charged, a block that lasts, and the moment of the last call.
func (b *Book) Needed(now time.Time) uint64 {
	pos := b.pos
	if b.lastPos > 0 {
		pos = min(pos, b.lastPos)
	}
	if now.Sub(b.blocked) <= memory && b.blockedPos > 0 {
		pos = min(pos, b.blockedPos)
	}
	for _, u := range b.units {
		if now.Sub(u.at) <= memory {
			pos = min(pos, u.pos)
		}
	}
	return pos
}

// find is the last unit of an id.
func (b *Book) find(id string) int {
	if id == "" {
		return -1
	}
	for i := len(b.units) - 1; i >= 0; i-- {
		if b.units[i].id == id {
			return i
		}
	}
	return -1
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
	charged := b.charged(now)
	if over := len(charged) - room(b.limit, p); over >= 0 && over < len(charged) {
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
