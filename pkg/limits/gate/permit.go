package gate

// Permit is the right to send one request. It is closed exactly once, by Done; a second time changes nothing.
type Permit struct {
	index uint32
	turn  uint32 // 0: no permit
}

// Outcome is what became of a request, as far as counting goes.
type Outcome uint8

const (
	// Answered: the venue has answered, in whatever way; a refusal counts too.
	Answered Outcome = iota
	// Unknown: it may have arrived and may arrive yet. Its units stay busy until it surely has.
	Unknown
	// NeverLeft: not a byte of it was sent.
	NeverLeft
)

// Slots 0 and 1 are the ends of two lists, both in the order of issue: of the permits whose answer is awaited, and of those
// whose answer is lost.
const (
	awaited = 0
	lost    = 1
)

// open is a permit that is not closed.
type open struct {
	lane       *Lane
	items      int
	issued     int64
	turn       uint32
	loan       uint32 // of the purse's loans the one that it took from
	prev, next uint32
}

// permits are the open permits.
type permits struct {
	slots []open
	free  []uint32
}

func newPermits() permits {
	return permits{slots: []open{awaited: {}, lost: {prev: lost, next: lost}}}
}

func (p *permits) issue(t int64, l *Lane, items int, loan uint32) Permit {
	var i uint32
	if n := len(p.free); n > 0 {
		i, p.free = p.free[n-1], p.free[:n-1]
	} else {
		i = uint32(len(p.slots))
		p.slots = append(p.slots, open{})
	}
	s := &p.slots[i]
	s.lane, s.items, s.issued, s.loan = l, items, t, loan
	if s.turn++; s.turn == 0 {
		s.turn = 1
	}
	p.link(i, p.slots[awaited].prev)
	return Permit{i, s.turn}
}

func (p *permits) link(i, after uint32) {
	next := p.slots[after].next
	p.slots[i].prev, p.slots[i].next = after, next
	p.slots[after].next, p.slots[next].prev = i, i
}

func (p *permits) unlink(i uint32) {
	s := &p.slots[i]
	p.slots[s.prev].next = s.next
	p.slots[s.next].prev = s.prev
}

// find is the open permit, or nil when it is closed.
func (p *permits) find(k Permit) *open {
	if k.turn == 0 || int(k.index) >= len(p.slots) {
		return nil
	}
	if s := &p.slots[k.index]; s.turn == k.turn && s.lane != nil {
		return s
	}
	return nil
}

// later moves a permit to those whose answer is lost. Answers are given up nearly in the order of issue, so its place is
// near the end.
func (p *permits) later(i uint32) {
	p.unlink(i)
	after := p.slots[lost].prev
	for after != lost && p.slots[after].issued > p.slots[i].issued {
		after = p.slots[after].prev
	}
	p.link(i, after)
}

func (p *permits) close(i uint32) {
	p.unlink(i)
	p.slots[i].lane = nil
	p.free = append(p.free, i)
}

// count is how many are open.
func (p *permits) count() int { return len(p.slots) - 2 - len(p.free) }

// overdue is the first permit that becomes overdue, and when it must have arrived; never when none is open.
func (p *permits) overdue(cfg Config) (i uint32, due int64) {
	i, due = p.first(lost, int64(cfg.Settle))
	if j, at := p.first(awaited, int64(cfg.Lease)); at < due {
		i, due = j, at
	}
	return i, due
}

// first is the oldest permit of a list, and when it is so old.
func (p *permits) first(list uint32, age int64) (i uint32, at int64) {
	if i = p.slots[list].next; i == list {
		return i, never
	}
	return i, p.slots[i].issued + age
}
