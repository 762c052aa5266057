package signal

import (
	"slices"
	"time"
)

// PulseConfig says when slowness is a throttle. Zero fields take the defaults.
type PulseConfig struct {
	Slow  time.Duration // from which anything is slow: a throttle, and a pause. Default 2 s.
	Pause time.Duration // after a slow request that is no order. Default 10 s.

	OrderMin   time.Duration // below which an order is never slow. Default 500 ms.
	OrderX     int           // so many times the median an order is slow. Default 4.
	OrderPause time.Duration // after an order that took longer than Slow. Default none: its figures are cut, and that is all.
}

const (
	slowDefault     = 2 * time.Second
	pauseDefault    = 10 * time.Second
	orderMinDefault = 500 * time.Millisecond
	orderXDefault   = 4

	// pulseSamples is the memory of the median: long enough that a burst of slow answers does not move it.
	pulseSamples = 63
	// pulseEvery is how many answers one is remembered of when the memory is full, which makes it that much longer.
	pulseEvery = 4
	// pulseLeast is how many answers make a median.
	pulseLeast = 8
	// relearnAfter is how many slow answers in a row are a new normal.
	relearnAfter = 100
)

// Pulse follows how fast orders are answered.
type Pulse struct {
	cfg    PulseConfig
	recent [pulseSamples]time.Duration // a ring
	known  int                         // how many of them
	next   int                         // place in the ring
	seen   int                         // answers since the last that was remembered
	slow   int                         // in a row
}

// NewPulse makes a pulse that knows nothing yet.
func NewPulse(cfg PulseConfig) *Pulse {
	if cfg.Slow == 0 {
		cfg.Slow = slowDefault
	}
	if cfg.Pause == 0 {
		cfg.Pause = pauseDefault
	}
	if cfg.OrderMin == 0 {
		cfg.OrderMin = orderMinDefault
	}
	if cfg.OrderX == 0 {
		cfg.OrderX = orderXDefault
	}
	return &Pulse{cfg: cfg}
}

// Median of the orders that were not slow; 0 while there are too few.
func (p *Pulse) Median() time.Duration {
	if p.known < pulseLeast {
		return 0
	}
	sorted := p.recent
	slices.Sort(sorted[:p.known])
	return sorted[p.known/2]
}

// Order judges the latency of an order: throttled, and how long to pause.
func (p *Pulse) Order(d time.Duration) (throttled bool, pause time.Duration) {
	if d > p.cfg.OrderMin || d > p.cfg.Slow { // else no median could make it slow
		limit := p.cfg.Slow
		if m := p.Median(); m > 0 {
			limit = min(limit, max(p.cfg.OrderMin, m*time.Duration(p.cfg.OrderX)))
		}
		if d > limit {
			return p.late(d)
		}
	}
	p.slow = 0
	p.add(d)
	return false, 0
}

// late is an order that took too long. When nothing else comes for long, that is what is normal now.
func (p *Pulse) late(d time.Duration) (throttled bool, pause time.Duration) {
	if p.slow++; p.slow >= relearnAfter {
		p.slow, p.next, p.known = 0, 0, 0
	}
	if d > p.cfg.Slow {
		pause = p.cfg.OrderPause
	}
	return true, pause
}

// Read judges the latency of anything else.
func (p *Pulse) Read(d time.Duration) (throttled bool, pause time.Duration) {
	if d <= p.cfg.Slow {
		return false, 0
	}
	return true, p.cfg.Pause
}

func (p *Pulse) add(d time.Duration) {
	if p.known == pulseSamples {
		if p.seen++; p.seen < pulseEvery {
			return
		}
	} else {
		p.known++
	}
	p.recent[p.next] = d
	p.next, p.seen = (p.next+1)%pulseSamples, 0
}
