package gate

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Class says whom a request must not keep waiting.
type Class uint8

// The classes, most urgent first.
const (
	Cancel Class = iota
	Order
	Read
	Bulk
	classCount = 4
)

func (c Class) String() string {
	return [classCount]string{"cancel", "order", "read", "bulk"}[c%classCount]
}

// Leg is one counter that a request is charged to, and what it costs there.
type Leg struct {
	Counter *Counter
	Request int
	Item    int

	// After: how many items it is for is only estimated before; the answer tells. Where the balance may go below zero the
	// request itself is all that must be there for it to leave.
	After bool
}

// units is what a request with so many items is charged.
func (l *Leg) units(items int) int { return l.Request + l.Item*items }

// need is what must be there for it to leave.
func (l *Leg) need(items int) int {
	if b := l.Counter.rule.Bucket; l.After && b != nil && b.Negative {
		return l.Request
	}
	return l.units(items)
}

// Lane is the way of one kind of request: its class and its counters. Requests of a lane leave in the order they came.
type Lane struct {
	class  Class
	legs   []Leg
	paid   []Leg      // of them those that may cost something
	brakes []*Counter // the counters of the others: they count nothing, and can only stop it

	head, tail *Ticket
	ahead      []int  // per leg, the units of those that wait here
	place      int    // among the gate's lanes that have someone waiting; -1: nobody
	since      int64  // when the lane last got through, or began to wait
	served     uint64 // which of the gate's turns was its last
	pass       uint64 // the last pass in which it could not go
}

// Class is the lane's class.
func (l *Lane) Class() Class { return l.class }

// Ticket is a place in a lane's queue.
type Ticket struct {
	Missed error  // set when the ticket was let go because its deadline is out of reach
	Permit Permit // valid when it was let through

	lane       *Lane
	items      int
	deadline   int64
	prev, next *Ticket
	left       bool
}

// ErrNever reports a request that costs more than a layer ever holds, or that nothing is allowed to.
var ErrNever = errors.New("request can never pass its limit")

// ErrBusy reports that the gate holds as many waiting or open requests as it may.
var ErrBusy = errors.New("too many requests wait or are open")

// MissError reports a request that cannot leave before its deadline.
type MissError struct {
	At time.Time // when it could have left at the earliest, as things stood
}

func (e *MissError) Error() string {
	return fmt.Sprintf("deadline is before the first free slot at %s", e.At.UTC().Format(time.RFC3339Nano))
}

// Most is how many items one request of the lane can have and ever leave.
func (l *Lane) Most() int {
	most := math.MaxInt
	for _, leg := range l.legs {
		c := leg.Counter
		if c.rule.Closed {
			return 0
		}
		if leg.Item == 0 || leg.After && c.rule.Bucket != nil && c.rule.Bucket.Negative {
			continue
		}
		for i := range c.windows {
			most = min(most, (c.windows[i].N-leg.Request)/leg.Item)
		}
		if b := c.rule.Bucket; b != nil {
			most = min(most, (b.Burst-leg.Request)/leg.Item)
		}
	}
	return max(0, most)
}

func (l *Lane) push(t int64, k *Ticket) {
	k.prev = l.tail
	if l.tail == nil {
		l.head, l.since = k, t
	} else {
		l.tail.next = k
	}
	l.tail = k
	l.count(k.items, 1)
}

func (l *Lane) remove(k *Ticket) {
	if k.prev == nil {
		l.head = k.next
	} else {
		k.prev.next = k.next
	}
	if k.next == nil {
		l.tail = k.prev
	} else {
		k.next.prev = k.prev
	}
	k.prev, k.next, k.left = nil, nil, true
	l.count(k.items, -1)
}

func (l *Lane) count(items, sign int) {
	for i, leg := range l.legs {
		u := sign * leg.units(items)
		l.ahead[i] += u
		leg.Counter.waiting[l.class] += u
	}
}

// earliest is when a request could leave after all that wait here and all that are more urgent; never when it cannot.
func (l *Lane) earliest(t int64, items int) int64 {
	at := t
	for i, leg := range l.legs {
		ahead := l.ahead[i]
		for c := range l.class {
			ahead += leg.Counter.waiting[c]
		}
		at = max(at, leg.Counter.earliest(t, leg.need(items), ahead, 0))
	}
	return at
}
