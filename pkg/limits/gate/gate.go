package gate

import "time"

// Bounds of a gate.
const (
	// maxWaiting holds the largest backlog that an account's queue is meant to drain, several times over.
	maxWaiting = 200_000
	// maxOpen is more than any venue's windows have in flight.
	maxOpen = 100_000
	// askAgain is when a probe may be repeated that no moment can be named for: about the time of an answer.
	askAgain = 50 * time.Millisecond

	asEstimated = -1
)

// Config says how a gate waits. Zero fields take the defaults.
type Config struct {
	// Settle is how long after it was let go a request whose answer was lost may still arrive. Default 12 s: what leaves
	// within 2 s is taken in within 10 s.
	Settle time.Duration

	// Lease is when a permit that nobody closed is taken for lost. Default 60 s.
	Lease time.Duration

	// Share is what each class has for itself, in permille, at a counter that less urgent classes use too. Default: a tenth
	// each for cancels and for orders.
	Share [classCount]int

	// Patience is how long a lane may be passed over by more urgent ones before it gets one turn. Default 5 s.
	Patience time.Duration
}

const (
	settleDefault   = 12 * time.Second
	leaseDefault    = time.Minute
	patienceDefault = 5 * time.Second
	shareDefault    = permille / 10
)

// Gate lets requests go. It is not safe for several goroutines at once.
type Gate struct {
	cfg  Config
	base time.Time
	last int64 // the latest moment it was told
	due  int64 // no open permit is overdue before

	permits permits
	loan    loan
	lanes   []*Lane // with someone waiting, in the order of their turns
	waiting int
	pass    uint64
	served  uint64 // requests let through in turn

	order   []*Lane   // of one class, while it is served
	changed []*Ticket // let through or let go by the last turn
}

// New makes a gate whose time begins at base. All its buckets are full and its windows empty.
func New(base time.Time, cfg Config) *Gate {
	if cfg.Settle == 0 {
		cfg.Settle = settleDefault
	}
	if cfg.Lease == 0 {
		cfg.Lease = leaseDefault
	}
	if cfg.Patience == 0 {
		cfg.Patience = patienceDefault
	}
	if cfg.Share == ([classCount]int{}) {
		cfg.Share = [classCount]int{Cancel: shareDefault, Order: shareDefault}
	}
	return &Gate{cfg: cfg, base: base, due: never, permits: newPermits()}
}

// Counter makes a counter of a rule for one value of its scope.
func (g *Gate) Counter(r Rule, key string) *Counter { return newCounter(g.base, r, key) }

// Set puts another rule in force at a counter. What was counted before counts on.
func (g *Gate) Set(now time.Time, c *Counter, r Rule) { c.set(g.at(now), r) }

// Lane makes the way of one kind of request.
func (g *Gate) Lane(class Class, legs ...Leg) *Lane {
	l := &Lane{class: class, legs: legs, ahead: make([]int, len(legs)), place: -1}
	for _, leg := range legs {
		if leg.Request == 0 && leg.Item == 0 && !leg.Counter.counts() {
			l.brakes = append(l.brakes, leg.Counter)
		} else {
			l.paid = append(l.paid, leg)
		}
	}
	return l
}

// at is a moment as the gate counts: never before one that it was told already.
func (g *Gate) at(now time.Time) int64 { return g.after(now.Sub(g.base)) }

// after is the same moment, told as the time since base.
func (g *Gate) after(since time.Duration) int64 {
	g.last = max(g.last, int64(since))
	return g.last
}

func (g *Gate) time(t int64) time.Time { return g.base.Add(time.Duration(min(t, farAway))) }

// Enter asks for a request with so many items to leave now or, if it may wait, by the deadline (zero: whenever).
// It answers with a permit; or with a ticket that a later Turn lets through; or with an error: ErrNever, ErrBusy, *MissError.
func (g *Gate) Enter(now time.Time, l *Lane, items int, deadline time.Time) (Permit, *Ticket, error) {
	return g.EnterSince(now.Sub(g.base), l, items, deadline)
}

// EnterSince is Enter at a moment told as the time since base, which spares a caller that asks often the arithmetic of dates.
func (g *Gate) EnterSince(since time.Duration, l *Lane, items int, deadline time.Time) (Permit, *Ticket, error) {
	t := g.after(since)
	g.expire(t)
	if g.permits.count() >= maxOpen {
		return Permit{}, nil, ErrBusy
	}
	if g.waiting == 0 && g.fits(t, l, items) {
		return g.take(t, l, items), nil, nil
	}
	by := never
	if !deadline.IsZero() {
		by = int64(deadline.Sub(g.base))
	}
	if err := g.hopeless(t, l, items, by); err != nil {
		return Permit{}, nil, err
	}
	if g.waiting >= maxWaiting {
		return Permit{}, nil, ErrBusy
	}
	k := &Ticket{lane: l, items: items, deadline: by}
	l.push(t, k)
	g.waiting++
	if l.place < 0 {
		l.place = len(g.lanes)
		g.lanes = append(g.lanes, l)
	}
	return Permit{}, k, nil
}

// hopeless is why a request need not wait.
func (g *Gate) hopeless(t int64, l *Lane, items int, by int64) error {
	for _, leg := range l.legs {
		if !leg.Counter.possible(leg.need(items)) {
			return ErrNever
		}
	}
	if by == never {
		return nil
	}
	if at := l.earliest(t, items); at > by || t > by {
		return &MissError{g.time(at)}
	}
	return nil
}

// Probe says when a request could leave, and takes nothing. It could leave now when the moment is not after now. Its error
// is ErrNever.
func (g *Gate) Probe(now time.Time, l *Lane, items int) (time.Time, error) {
	t := g.at(now)
	g.expire(t)
	if err := g.hopeless(t, l, items, never); err != nil {
		return time.Time{}, err
	}
	if g.waiting == 0 && g.fits(t, l, items) {
		return g.time(t), nil
	}
	at := g.free(t, l, items)
	if at <= t { // only an answer or those who wait can tell
		at = t + int64(askAgain)
	}
	return g.time(at), nil
}

// free is when a request could leave, and leave alone what is reserved for more urgent classes, if nobody else came.
func (g *Gate) free(t int64, l *Lane, items int) int64 {
	at := t
	for i := range l.legs {
		leg := &l.legs[i]
		at = max(at, leg.Counter.earliest(t, leg.need(items), 0, g.share(l, leg.Counter, false)))
	}
	return at
}

// Waiting is how many requests wait.
func (g *Gate) Waiting() int { return g.waiting }

// Leave gives up a place in the queue. A ticket that was let through meanwhile keeps its permit, and Leave says so.
func (g *Gate) Leave(k *Ticket) (through bool) {
	if k.left {
		return k.Missed == nil && k.Permit.turn != 0
	}
	g.drop(k)
	return false
}

func (g *Gate) drop(k *Ticket) {
	l := k.lane
	l.remove(k)
	g.waiting--
	if l.head == nil {
		last := len(g.lanes) - 1
		g.lanes[l.place] = g.lanes[last]
		g.lanes[l.place].place = l.place
		g.lanes[last] = nil
		g.lanes, l.place = g.lanes[:last], -1
	}
}

// fits reports whether a request may leave from all its counters when nobody waits.
func (g *Gate) fits(t int64, l *Lane, items int) bool {
	for _, c := range l.brakes {
		if !c.open(t) {
			return false
		}
	}
	for i := range l.paid {
		leg := &l.paid[i]
		if !leg.Counter.fits(t, leg.need(items), g.share(l, leg.Counter, false), 0) {
			return false
		}
	}
	return g.loan.lender == nil || g.lends(t, l, items)
}

// share is how much of a counter, in permille, belongs to classes more urgent than the lane's.
func (g *Gate) share(l *Lane, c *Counter, starved bool) (sum int) {
	if starved {
		return 0
	}
	for u := range l.class {
		if c.rule.Classes&(1<<u) != 0 {
			sum += g.cfg.Share[u]
		}
	}
	return sum
}

func (g *Gate) take(t int64, l *Lane, items int) Permit {
	for i := range l.paid {
		leg := &l.paid[i]
		leg.Counter.take(t, leg.units(items))
	}
	turn := uint32(0)
	if g.loan.lender != nil {
		turn = g.spend(t, l, items)
	}
	g.due = min(g.due, t+int64(g.cfg.Lease))
	return g.permits.issue(t, l, items, turn)
}

// Exchange swaps permits for one permit of another way, all or nothing: what they hold is free for it. It is how single
// requests become a batch. Permits that are closed already are left out.
func (g *Gate) Exchange(now time.Time, old []Permit, l *Lane, items int) (Permit, bool) {
	t := g.at(now)
	g.expire(t)
	g.move(t, old, false)
	if !g.fits(t, l, items) {
		g.move(t, old, true)
		return Permit{}, false
	}
	for _, p := range old {
		if g.permits.find(p) != nil {
			g.permits.close(p.index)
		}
	}
	return g.take(t, l, items), true
}

// move takes what permits hold out of flight, or puts it back.
func (g *Gate) move(t int64, of []Permit, back bool) {
	for _, p := range of {
		s := g.permits.find(p)
		if s == nil {
			continue
		}
		for _, leg := range s.lane.legs {
			if back {
				leg.Counter.flight += leg.units(s.items)
			} else {
				leg.Counter.release(leg.units(s.items))
			}
		}
		g.moveLoan(s, back)
	}
}

// Done closes a permit. Items are those that the answer names, where the request could only estimate them; below zero: as
// estimated. A permit that is closed already is left alone.
func (g *Gate) Done(now time.Time, p Permit, o Outcome, items int) {
	g.DoneSince(now.Sub(g.base), p, o, items)
}

// DoneSince is Done at a moment told as the time since base.
func (g *Gate) DoneSince(since time.Duration, p Permit, o Outcome, items int) {
	t := g.after(since)
	g.expire(t)
	s := g.permits.find(p)
	if s == nil {
		return
	}
	switch {
	case o == NeverLeft:
		for _, leg := range s.lane.legs {
			leg.Counter.release(leg.units(s.items))
		}
		g.repay(s)
		g.permits.close(p.index)
	case o == Unknown && t < s.issued+int64(g.cfg.Settle):
		g.permits.later(p.index)
		g.due = min(g.due, s.issued+int64(g.cfg.Settle))
	default:
		g.settle(t, p.index, items)
	}
}

// settle counts a request as arrived and answered by t.
func (g *Gate) settle(t int64, i uint32, items int) {
	s := &g.permits.slots[i]
	paid := s.lane.paid
	for i := range paid {
		leg := &paid[i]
		units := leg.units(s.items)
		leg.Counter.release(units)
		if leg.After && items >= 0 {
			units = leg.units(items)
		}
		leg.Counter.charge(t, units)
		if g.loan.lender != nil {
			g.report(t, s, leg, units)
		}
	}
	g.permits.close(i)
}

// expire counts what must have arrived by now: requests with a lost answer after Settle, permits that nobody closed after
// Lease. They count from then, also when nobody looked for long.
func (g *Gate) expire(t int64) {
	for t >= g.due {
		i, due := g.permits.overdue(g.cfg)
		if g.due = due; due > t {
			return
		}
		g.settle(due, i, asEstimated)
	}
}
