package actor

import (
	"context"
	"sync"
	"time"
)

// batch is what is in hand of the submit lane: at most one at a time.
type batch struct {
	records []record
	taken   chan struct{} // closed when all are decided

	barrier []place   // where each express lane must have been decided to before the next decision
	made    time.Time // when the barrier was answered; zero while none is known
	asking  bool

	permits int
	stop    func() // ends the wait for a permit; nil when none is awaited
}

// barrierMade is a barrier that was asked for.
type barrierMade struct {
	batch *batch
	ends  []place
	made  time.Time
}

// grant is permits that the limiter gave.
type grant struct {
	batch *batch
	n     int
}

// laneEnd is an end of the submit lane that the core wants to hear of.
type laneEnd struct {
	at  place  // the last record that has to be decided before
	seq uint64 // of the stream, for LaneEnd
}

// settle decides what is in hand of the submit lane as far as barrier and permits allow, then tells the core which
// ends of the lane have been reached.
func (r *running) settle() {
	for b := r.hand; b != nil && len(b.records) > 0 && r.clear(b); {
		head := &b.records[0]
		r.deciding = head
		d := r.cfg.Core.Decide(time.Now(), r.meant(head))
		if d.Wait || d.Uses > 0 && !r.permitted(b, d.Uses) {
			r.deciding = nil
			break
		}
		b.permits -= d.Uses
		b.records = b.records[1:]
		r.handled(head)
		r.take(d)
		r.deciding = nil
	}
	if b := r.hand; b != nil && len(b.records) == 0 {
		r.dropHand()
		close(b.taken)
	}
	for len(r.ends) > 0 && r.reached(r.ends[0].at) {
		end := r.ends[0]
		r.ends = r.ends[1:]
		r.decide(LaneEnd{Lane: r.submit.Name, Seq: end.seq})
	}
}

// clear reports whether the express lanes are drained to where they ended a moment ago. While they were being drained,
// or the disk was behind, a moment may have become long, and what was waited for may have been removed from the stream:
// then it is asked again.
func (r *running) clear(b *batch) bool {
	if b.made.IsZero() || r.tight() {
		return false
	}
	if time.Since(b.made) > barrierAge {
		r.askBarrier(b)
		return false
	}
	for _, p := range b.barrier {
		if !r.reached(p) {
			return false
		}
	}
	return true
}

// askBarrier asks where the express lanes end at present.
func (r *running) askBarrier(b *batch) {
	b.made = time.Time{}
	if b.asking {
		return
	}
	b.asking = true
	r.cfg.Passing(BeforeBarrier)
	decided := r.cursors
	r.others.Go(func() {
		ends, errs := make([]place, len(r.lanes)), make([]error, len(r.lanes))
		var all sync.WaitGroup
		for i, l := range r.lanes {
			all.Go(func() { ends[i], errs[i] = l.end(r.intake, decided) })
		}
		all.Wait()
		r.send(r.intake, barrierMade{b, ends, time.Now()}) // an end fails only when intake has ended
	})
}

// permitted reports whether the batch holds uses permits, and sees to it that it gets them. Permits that had to be waited
// for make the barrier old: a cancel may have come meanwhile.
func (r *running) permitted(b *batch, uses int) bool {
	r.cfg.Passing(BeforePermit)
	lim, want := r.cfg.Limiter, max(len(b.records), uses)-b.permits
	if lim == nil {
		b.permits += uses
	} else if b.permits < uses && b.stop == nil {
		b.permits += lim.Try(want)
	}
	if b.permits >= uses {
		r.cfg.Passing(AfterPermit)
		return true
	}
	if b.stop == nil {
		var wait context.Context
		wait, b.stop = context.WithCancel(r.intake)
		r.others.Go(func() {
			n, err := lim.Wait(wait, want)
			if err == nil && !r.send(r.intake, grant{b, n}) {
				lim.Return(n)
			}
		})
	}
	return false
}

func (r *running) granted(g grant) {
	if g.batch != r.hand {
		r.cfg.Limiter.Return(g.n)
		return
	}
	g.batch.stop()
	g.batch.stop = nil
	g.batch.permits += g.n
	r.askBarrier(g.batch)
}

// dropHand lets go of the batch in hand; what was not decided is read again by whoever comes next.
func (a *Actor) dropHand() {
	b := a.hand
	if b == nil {
		return
	}
	a.hand = nil
	if b.stop != nil {
		b.stop()
	}
	if b.permits > 0 && a.cfg.Limiter != nil {
		a.cfg.Limiter.Return(b.permits)
	}
}

// returnPermits gives back what the loop left behind when it ended.
func (a *Actor) returnPermits() {
	a.dropHand()
	for len(a.inbox) > 0 {
		if g, ok := (<-a.inbox).(grant); ok {
			a.cfg.Limiter.Return(g.n)
		}
	}
}

// askLaneEnd asks for LaneEnd of the submit lane. What is asked meanwhile becomes one more question.
func (r *running) askLaneEnd() {
	if r.asking {
		r.askAgain = true
		return
	}
	r.asking, r.askAgain = true, false
	l, decided := r.submit, r.cursors
	r.others.Go(func() {
		for wait := retryFirst; ; wait = min(2*wait, retryLast) {
			info, err := l.stream.Info(r.intake)
			if err == nil {
				at, err := l.end(r.intake, decided)
				if err == nil {
					r.send(r.intake, laneEnd{at, info.State.LastSeq})
				}
				return
			}
			if pause(r.intake, wait) != nil {
				return
			}
		}
	})
}

// doubtEnds asks again for ends that are awaited while nothing is in hand: what they wait for may have been removed from
// the stream.
func (r *running) doubtEnds() {
	if len(r.ends) > 0 && r.hand == nil {
		r.ends = nil
		r.askLaneEnd()
	}
}
