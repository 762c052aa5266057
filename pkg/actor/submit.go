package actor

import (
	"context"
	"slices"
	"sync"
	"time"
)

// batch is what is in hand of the submit lane: at most one at a time.
type batch struct {
	records []record
	until   time.Time // when it is not filled any more
	gate    *gate     // of the barrier that was asked for last; nil while it is filled
	permits int
	stop    func() // ends the wait for a permit; nil when none is awaited
}

// gate is a barrier: where each express lane must have been decided to before a submit's deeds leave.
type gate struct {
	asked time.Time
	ends  []place
	made  time.Time     // when the first of its lanes answered; zero until all have
	took  time.Duration // from then until the last one answered
	spare time.Duration // what that took when it was asked before
}

// barrierMade is the answer to a barrier that was asked for.
type barrierMade struct {
	gate *gate
	ends []place
	made time.Time // when the first lane answered
	took time.Duration
}

// held is deeds that wait for a gate.
type held struct {
	Job
	gate *gate
	uses int // permits
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

// takeInHand begins a batch with what has been read ahead, or adds to it. While more is known to be on its way, the batch waits a
// moment to be full: one post carries as many as one does, and the disk takes them as one.
func (r *running) takeInHand(v record) {
	b := r.hand
	if b == nil {
		b = &batch{until: time.Now().Add(fillWait)}
		r.hand = b
	}
	b.records = append(b.records, v)
	for more := true; more && len(b.records) < batchSize; {
		select {
		case v = <-r.submits:
			b.records = append(b.records, v)
		default:
			more = false
		}
	}
	if len(b.records) < batchSize && v.more && time.Now().Before(b.until) {
		r.filling.Reset(time.Until(b.until))
		return
	}
	r.filled()
}

// filled ends the filling of the batch in hand: from now on it is decided.
func (r *running) filled() {
	if b := r.hand; b != nil && b.gate == nil {
		r.cfg.Passing(AfterRead)
		b.gate = r.askGate()
	}
}

// settle decides what is in hand of the submit lane as far as barrier and permits allow, then tells the core which
// ends of the lane have been reached.
//
// While a young question for the barrier is under way, what is to be sent is decided ahead of its answer, so that it is
// written meanwhile; its deeds wait for the answer, for the express lanes to be decided as far as it says, and for the
// core's word that they still stand. What cannot be taken back waits for the barrier: a refusal, and what is done early.
// While the express lanes have a backlog of the time before the start, nothing runs ahead of them.
func (r *running) settle() {
	for b := r.hand; b != nil && b.gate != nil && len(b.records) > 0 && !r.tight(); {
		head := &b.records[0]
		clear := r.clear(b)
		if !clear && (!b.gate.young() || !r.open(r.backlog) || r.crashes(head.Record) > 0) {
			break
		}
		r.deciding = head
		now := time.Now()
		d := r.cfg.Core.Decide(now, r.meant(head))
		if d.Wait || !clear && (d.Uses == 0 || len(d.Early) > 0) || d.Uses > 0 && !r.permitted(b, d.Uses) {
			r.deciding = nil
			break
		}
		b.permits -= d.Uses
		b.records = b.records[1:]
		r.handled(head)
		r.take(now, d, b.gate)
		r.deciding = nil
	}
	if b := r.hand; b != nil && len(b.records) == 0 {
		r.dropHand()
	}
	for len(r.ends) > 0 && r.reached(r.ends[0].at) {
		end := r.ends[0]
		r.ends = r.ends[1:]
		r.decide(LaneEnd{Lane: r.submit.Name, Seq: end.seq})
	}
}

// clear reports whether the express lanes are drained to where they ended a moment ago. While they were being drained,
// or the disk was behind, a moment may have become long: then it is asked again.
func (r *running) clear(b *batch) bool {
	if b.gate.old() {
		b.gate = r.askGate()
	}
	return r.open(b.gate)
}

// young reports whether the gate's question is under way, and new enough to know of every cancel that must win.
func (g *gate) young() bool { return g.made.IsZero() && time.Since(g.asked) <= barrierAge }

// old reports whether cancels may have come of which the answer knows nothing. Where the answers of the lanes came far apart, they may
// do so again when it is asked anew, which would never end otherwise.
func (g *gate) old() bool { return !g.made.IsZero() && time.Since(g.made) > barrierAge+g.spare }

// open reports whether the barrier is known and everything before it decided.
func (r *running) open(g *gate) bool {
	if g.made.IsZero() {
		return false
	}
	for _, p := range g.ends {
		if !r.reached(p) {
			return false
		}
	}
	return true
}

// askGate makes a gate of where the express lanes end at present.
func (r *running) askGate() *gate {
	g := &gate{}
	r.ask(g)
	return g
}

// gateOfOwn is the gate of what leaves without a submit. What is decided while its question is under way shares it, as a hand of submits
// does: thousands may try again at one moment.
func (r *running) gateOfOwn() *gate {
	if r.own == nil || !r.own.young() {
		r.own = r.askGate()
	}
	return r.own
}

// ask has a gate's barrier asked for: once the append that is decided beside it is on its way.
func (r *running) ask(g *gate) {
	g.asked, g.made, g.took, g.spare = time.Now(), time.Time{}, 0, g.took
	if !slices.Contains(r.toAsk, g) {
		r.toAsk = append(r.toAsk, g)
	}
}

// askDue asks for the barriers that are to be asked for.
func (r *running) askDue() {
	for _, g := range r.toAsk {
		r.cfg.Passing(BeforeBarrier)
		if !r.questions.ask(g, r.lanes, r.cursors) {
			r.askLong(g)
		}
	}
	r.toAsk = r.toAsk[:0]
}

// askLong asks each lane until it has answered.
func (r *running) askLong(g *gate) {
	decided := r.cursors
	r.others.Go(func() {
		ends, made := make([]place, len(r.lanes)), make([]time.Time, len(r.lanes))
		var all sync.WaitGroup
		for i, l := range r.lanes {
			all.Go(func() {
				ends[i], _ = l.end(r.work, decided) // it fails only when work has ended
				made[i] = time.Now()
			})
		}
		all.Wait()
		now := time.Now()
		first := slices.MinFunc(append(made, now), time.Time.Compare)
		r.send(r.work, barrierMade{g, ends, first, now.Sub(first)})
	})
}

// letGo performs the deeds whose gate is open, in order, and tells the core of those that it does not want any more. What
// was written as one is one job. It reports whether something was begun.
func (r *running) letGo() (begun bool) {
	for len(r.held) > 0 && r.mayGo(&r.held[0]) {
		job := r.held[0].Job
		job.Deeds = nil
		for len(r.held) > 0 && r.held[0].Sent.Equal(job.Sent) && r.mayGo(&r.held[0]) {
			h := r.held[0]
			r.held = r.held[1:]
			for _, d := range h.Deeds {
				if r.cfg.Core.Stands(d) {
					job.Deeds = append(job.Deeds, d)
					continue
				}
				r.recall(d, h)
			}
		}
		r.start(job)
		begun = begun || len(job.Deeds) > 0
	}
	return begun
}

// mayGo reports whether the gate of what is held is open. One that has been so for long is asked for anew: while the disk was
// behind, or the broker away, cancels may have come that nobody has heard.
func (r *running) mayGo(h *held) bool {
	if r.open(h.gate) && h.gate.old() {
		r.ask(h.gate)
	}
	return r.open(h.gate)
}

func (r *running) recall(d Deed, h held) {
	if len(h.Deeds) == 1 && h.uses > 0 && r.cfg.Limiter != nil {
		r.cfg.Limiter.Return(h.uses)
	}
	r.decide(Recalled{d})
}

// mayLetGo reports whether a gate can still open after the stop signal. The express lanes are not read any more, so one that
// is known and closed stays closed: its deeds are taken up by the next start.
func (r *running) mayLetGo() bool { return len(r.held) > 0 && r.held[0].gate.made.IsZero() }

// doubtGates asks again for gates that stay closed: what they wait for may have been removed from the stream.
func (r *running) doubtGates() {
	r.doubt(r.backlog)
	if len(r.held) > 0 {
		r.doubt(r.held[0].gate)
	}
}

func (r *running) doubt(g *gate) {
	if !r.open(g) && g.old() {
		r.ask(g)
	}
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
		r.others.Go(func() { r.waitForPermits(wait, b, want) })
	}
	return false
}

// waitForPermits waits until there are some, or the batch is let go of. A limiter that gives none for now, because its figures are being
// changed or too many wait, is asked again.
func (r *running) waitForPermits(ctx context.Context, b *batch, want int) {
	var said complaint
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		n, err := r.cfg.Limiter.Wait(ctx, want)
		if err == nil {
			if !r.send(r.intake, grant{b, n}) {
				r.cfg.Limiter.Return(n)
			}
			return
		}
		if ctx.Err() != nil {
			return
		}
		if said.due(err) {
			r.log.Error("submits get no permit; it is asked for again", "error", err)
		}
		if pause(ctx, wait) != nil {
			return
		}
	}
}

func (r *running) granted(g grant) {
	if g.batch != r.hand {
		r.cfg.Limiter.Return(g.n)
		return
	}
	g.batch.stop()
	g.batch.stop = nil
	g.batch.permits += g.n
	g.batch.gate = r.askGate()
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

// permitsOf is how many permits decisions hold that were not let out.
func permitsOf(units []unit) (n int) {
	for i := range units {
		n += units[i].uses
	}
	return n
}

// returnPermits gives back what the loop left behind when it ended: in hand, decided, on its way to the disk, or at its gate.
func (a *Actor) returnPermits() {
	a.dropHand()
	unused := 0
	for _, h := range a.held {
		unused += h.uses
	}
	if a.flying != nil {
		unused += permitsOf(a.flying.units)
	}
	if unused += permitsOf(a.pending); unused > 0 && a.cfg.Limiter != nil {
		a.cfg.Limiter.Return(unused)
	}
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
