package budget

import (
	"time"

	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
)

// restartPause is how long orders rest when the venue restarts without saying for how long.
const restartPause = 2 * time.Second

// Heed takes in that a request which was sent at sent has been answered, and what the answer says; nil: nothing. Chance gives
// random numbers in permille, for waits that nobody named. It only lowers, but for a tier, which is learned both ways.
func (b *Budget) Heed(now, sent time.Time, w *Way, s *signal.Signal, chance func() int) {
	slow, pause := b.feel(w, now.Sub(sent))
	b.heed(now, sent, w, s, chance)
	if slow {
		b.slowed(now, sent, w, pause, chance)
	}
}

// HeedSince is Heed at moments told as the time since the budget's base.
func (b *Budget) HeedSince(since, sent time.Duration, w *Way, s *signal.Signal, chance func() int) {
	slow, pause := b.feel(w, since-sent)
	if s == nil && !slow && w.calm() {
		return
	}
	now, left := b.base.Add(since), b.base.Add(sent)
	b.heed(now, left, w, s, chance)
	if slow {
		b.slowed(now, left, w, pause, chance)
	}
}

// calm reports whether nothing has been asked of the way's counters that a good answer could mend.
func (w *Way) calm() bool {
	for _, c := range w.counters {
		if !c.Calm() {
			return false
		}
	}
	return true
}

func (b *Budget) heed(now, sent time.Time, w *Way, s *signal.Signal, chance func() int) {
	if s != nil {
		b.listen(now, sent, w, s, chance())
		return
	}
	for _, c := range w.counters {
		if !c.Calm() {
			b.gate.Heed(now, sent, c.Counter, gate.Advice{})
		}
	}
}

func (b *Budget) listen(now, sent time.Time, w *Way, s *signal.Signal, chance int) {
	if s.Tier != "" {
		b.LearnTier(now, w.account, s.Tier)
	}
	at := b.accused(w, s)
	edge := b.edge(w, at)
	if s.Kind != signal.Throttled && s.Kind != signal.QuotaGone && s.Kind != signal.Blocked { // who refuses does not promise more
		b.named(now, edge, s.Window)
	}
	for _, c := range w.counters {
		a := gate.Advice{Chance: chance}
		switch scope := b.rules[c.rule].Scope; {
		case scope == catalogue.Signer && s.Signer.Known:
			a.Known, a.Remaining, a.Limit, a.Reset = true, s.Signer.Remaining, s.Signer.Limit, s.Signer.Reset
		case c == edge && s.Window.Known:
			a.Known, a.Remaining, a.Limit, a.Reset = true, s.Window.Remaining, s.Window.Limit, s.Window.Reset
		}
		if c == at && (s.Kind == signal.Throttled || s.Kind == signal.QuotaGone) {
			a.Throttled, a.Wait = true, s.Wait
			b.throttled(now, w, c)
		}
		b.gate.Heed(now, sent, c.Counter, a)
	}
	b.pause(now, w, s)
}

// accused is the counter that a refusal is about: the one that it names, the signer's when that one is used up, the quota,
// or else the narrowest.
func (b *Budget) accused(r *Way, s *signal.Signal) *counter {
	var signer *counter
	for _, c := range r.counters {
		rule := b.rules[c.rule]
		switch {
		case s.Scope != "" && rule.Name == s.Scope:
			return c
		case s.Kind == signal.QuotaGone && rule.Scope == catalogue.Relayer:
			return c
		case rule.Scope == catalogue.Signer:
			signer = c
		}
	}
	if signer != nil && s.Signer.Known {
		return signer
	}
	for _, c := range r.counters {
		if c != signer {
			return c
		}
	}
	return signer
}

// edge is the counter that counts of windows are about: the one that a refusal is about, or else the narrowest but the signer's.
func (b *Budget) edge(w *Way, at *counter) *counter {
	if at != nil && b.rules[at.rule].Scope != catalogue.Signer {
		return at
	}
	for _, c := range w.counters {
		if b.rules[c.rule].Scope != catalogue.Signer {
			return c
		}
	}
	return nil
}

// pause stops classes when the venue stops trading, and everything when the edge blocks the address.
func (b *Budget) pause(now time.Time, r *Way, s *signal.Signal) {
	until := now.Add(s.Wait)
	switch s.Kind {
	case signal.Restarting:
		b.Stop(now, now.Add(max(s.Wait, restartPause)), gate.Order, "")
	case signal.CancelOnly:
		b.Stop(now, until, gate.Order, "")
	case signal.Closed:
		b.Stop(now, until, gate.Order, "")
		b.Stop(now, until, gate.Cancel, "")
	case signal.Blocked:
		for _, c := range r.counters {
			if b.rules[c.rule].Scope == catalogue.IP {
				b.gate.Stop(now, until, c.Counter)
			}
		}
	}
}

// feel judges how long an answer took: whether it is slow, and how long to pause for it.
func (b *Budget) feel(w *Way, latency time.Duration) (slow bool, pause time.Duration) {
	switch {
	case latency <= 0 || len(w.counters) == 0:
		return false, 0
	case w.class == gate.Order:
		return b.pulse.Order(latency)
	}
	slow, pause = b.pulse.Read(latency)
	return slow && w.class != gate.Cancel, pause // a cancel that is slow is still the first thing to send
}

// slowed takes a slow answer for a throttle of the narrowest counter.
func (b *Budget) slowed(now, sent time.Time, w *Way, pause time.Duration, chance func() int) {
	b.slow++
	for _, c := range w.counters {
		if b.rules[c.rule].Scope != catalogue.Signer {
			b.gate.Heed(now, sent, c.Counter, gate.Advice{Throttled: true, Slow: true, Wait: max(pause, slowPause), Chance: chance()})
			return
		}
	}
}

// slowPause is how long nothing leaves after an order that was slow, but not slow enough for a pause: about its round trip.
const slowPause = 100 * time.Millisecond

// Stop lets no request of a class leave until a moment, of one account or, when that is empty, of all. It only lengthens.
func (b *Budget) Stop(now, until time.Time, class gate.Class, account string) {
	b.gate.Stop(now, until, b.brake(class, account))
}

// brake is the counter that counts nothing and can stop a class of an account.
func (b *Budget) brake(class gate.Class, account string) *gate.Counter {
	k := brakeKey{class, account}
	if b.brakes[k] == nil {
		b.brakes[k] = b.gate.Counter(gate.Rule{Name: "stop"}, account)
	}
	return b.brakes[k]
}

type brakeKey struct {
	class   gate.Class
	account string
}
