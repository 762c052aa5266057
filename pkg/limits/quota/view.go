package quota

import "time"

// View is what people, metrics and planners see.
type View struct {
	Used         int       // of the day that ends now, Reserved among them
	Reserved     int       // charged, and nobody knows yet what became of it
	Limit        int       // 0: unlimited
	Remaining    int       // for Rescue; 0 while blocked
	Reset        time.Time // when the next unit comes back, or the block ends; zero when nothing is used
	LastCall     time.Time
	Blocked      bool
	BlockedUntil time.Time // zero when it is not
	Warn         bool      // half is used
	Dry          time.Time // when it will be used up at the pace of the last six hours; zero: not within a day

	next [Rescue + 1]time.Time
}

// Left is how many units may be spent for a purpose now.
func (v View) Left(p Purpose) int {
	if v.Blocked {
		return 0
	}
	return max(0, room(v.Limit, p)-v.Used)
}

// Next is when a unit may be spent for a purpose; not after the moment of the view when one may be at once.
func (v View) Next(p Purpose) time.Time { return v.next[min(p, Rescue)] }

// forecastSpan is how far back the pace is taken from: long enough to bridge a quiet hour.
const forecastSpan = 6 * time.Hour

// View shows the book.
func (b *Book) View(now time.Time) View {
	charged := b.charged(now)
	v := View{Used: len(charged), Limit: b.limit, LastCall: b.last, Blocked: now.Before(b.blocked)}
	for p := range v.next {
		v.next[p] = b.next(now, Purpose(p))
	}
	recent := 0
	for _, u := range charged {
		if !u.confirmed {
			v.Reserved++
		}
		if now.Sub(u.at) <= forecastSpan {
			recent++
		}
	}
	if len(charged) > 0 {
		v.Reset = charged[0].at.Add(Day + slack)
	}
	if v.Blocked {
		v.Reset, v.BlockedUntil = b.blocked, b.blocked
	}
	v.Remaining = v.Left(Rescue)
	if b.limit == 0 {
		return v
	}
	v.Warn = v.Used*percent >= b.limit*warnPercent
	if recent > 0 {
		if d := forecastSpan / time.Duration(recent) * time.Duration(max(0, b.limit-v.Used)); d < Day {
			v.Dry = now.Add(d)
		}
	}
	return v
}
