package actor

import "time"

const (
	paceOf = 8                      // the last so many weigh about two thirds in a mean
	longer = 100 * time.Millisecond // and what is longer says no more than this
)

// pace is how fast submits come and appends go: moving means.
type pace struct {
	last      time.Time     // when the latest append with submits was sent
	gap, took time.Duration // between two of them; of any append
}

// came notes that an append with submits is sent.
func (p *pace) came(now time.Time) {
	if !p.last.IsZero() {
		p.gap = mean(p.gap, now.Sub(p.last))
	}
	p.last = now
}

// wrote notes how long an append took.
func (p *pace) wrote(took time.Duration) { p.took = mean(p.took, took) }

// room reports whether an append that is sent now will probably have ended when the next one with submits is to be sent. Of submits that
// have ceased to come nothing is expected.
func (p *pace) room(now time.Time) bool {
	idle := now.Sub(p.last)
	return idle >= p.gap || idle+p.took <= p.gap
}

func mean(of, with time.Duration) time.Duration { return of + (min(with, longer)-of)/paceOf }
