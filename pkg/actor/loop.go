package actor

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"sluice/pkg/msgs"
)

// jobDone is the end of a perform.
type jobDone struct{}

// laneDone is the end of reading a lane: without an error when that was asked for.
type laneDone struct{ err error }

// loop is the actor. It alone touches the state.
func (a *Actor) loop(ctx context.Context) error {
	// Three lives: intake ends with ctx; work ends a grace later, or at once when we are replaced; the loop ends last.
	intake, stopIntake := context.WithCancel(ctx)
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	defer stopIntake()
	r := &running{Actor: a, intake: intake, work: work, others: &sync.WaitGroup{}, crew: newCrew()}
	err := r.run(ctx, stopIntake)
	stopIntake()
	stopWork()
	r.others.Wait() // not after a panic: the process shall end, whatever is being performed
	a.returnPermits()
	return err
}

func (r *running) run(ctx context.Context, stopIntake func()) error {
	defer r.accuse()
	a, intake, others := r.Actor, r.intake, r.others
	r.onDisk.n, r.onDisk.at = a.n, a.standing()
	r.questions = r.openQuestions()
	defer r.questions.close()

	for _, m := range a.cfg.First {
		r.decide(m)
	}
	r.takeUp()
	r.decide(r.started())
	r.flush()
	a.forgetOutlived()
	others.Go(func() { a.keepRoom(intake) })
	for _, l := range a.lanes {
		others.Go(func() { r.end(laneDone{l.express(intake)}) })
	}
	if a.submit != nil {
		others.Go(func() { r.end(laneDone{a.submit.ahead(intake)}) })
		r.askLaneEnd()
	}
	tick := time.NewTicker(a.cfg.Tick)
	defer tick.Stop()
	a.linger, a.filling = time.NewTimer(0), time.NewTimer(0)
	defer a.linger.Stop()
	defer a.filling.Stop()

	stopping, cut := ctx.Done(), (<-chan time.Time)(nil)
	for {
		r.askDue()
		in, submits := a.inbox, a.submits
		if a.waiting > maxPending {
			in, submits = nil, nil // the disk is behind: nothing more is decided until it has caught up
		}
		if a.hand != nil && a.hand.gate != nil || stopping == nil {
			submits = nil
		}
		select {
		case v := <-in:
			r.handle(v)
		case v := <-submits:
			r.takeInHand(v)
			r.settle()
		case v := <-a.ending:
			if err := r.ended(v); err != nil {
				return err
			}
		case <-a.linger.C:
		case <-a.filling.C:
			r.filled()
			r.settle()
		case <-tick.C:
			if in != nil {
				r.decide(Tick{})
			}
			r.doubtQuestions() // also after the stop signal: deeds may be waiting for them
			if intake.Err() == nil {
				r.settle()
				r.doubtEnds()
				r.maybeSnapshot()
				r.doubtGates()
			}
		case <-stopping:
			stopping = nil
			stopIntake()
			a.dropHand()
			t := time.NewTimer(a.cfg.Grace)
			defer t.Stop()
			cut = t.C
		case <-cut:
			a.log.Warn("stopped while work was open; the next start takes it up", "jobs", a.jobs)
			return nil
		}
		r.letGo()
		r.flush()
		if stopping == nil && a.flying == nil && len(a.pending) == 0 && a.jobs == 0 && len(a.inbox) == 0 && !r.mayLetGo() {
			a.log.Info("stopped", "n", a.n, "seq", a.seq)
			return nil
		}
	}
}

// takeUp holds what was open until what the express lanes hold now has been decided: an order that was cancelled while
// nobody owned the account is not sent again.
func (r *running) takeUp() {
	r.backlog = r.askGate()
	var open []Deed
	for d := range r.cfg.Core.Open() {
		open = append(open, d)
	}
	if len(open) > 0 {
		r.held = append(r.held, held{Job: Job{Deeds: open, Recovered: true}, gate: r.backlog})
	}
}

// running is an actor with the contexts of its loop.
type running struct {
	*Actor
	intake, work context.Context
	others       *sync.WaitGroup
	crew         crew
	questions    *questions
	toAsk        []*gate // whose barriers are to be asked for before anything else is heard
	own          *gate   // of what left last without a submit; nil: nothing has
}

// handle takes one message of the inbox. After the stop signal nothing of the submit lane is taken any more.
func (r *running) handle(v any) {
	stopped := r.intake.Err() != nil
	switch v := v.(type) {
	case record:
		r.cfg.Passing(AfterRead)
		r.hear(&v)
	case outcome:
		r.cfg.Passing(BeforeOutcome)
		n := r.n
		r.decide(v.m)
		r.noteOutcome(n)
	case query:
		answer := v.ask(r.n)
		r.keep(unit{at: r.standing(), after: func() { v.reply <- answer }})
	case barrierMade:
		r.cfg.Passing(AfterBarrier)
		v.gate.ends, v.gate.made, v.gate.took = v.ends, v.made, v.took
	case laneAnswer:
		r.answered(v)
	case grant:
		r.granted(v)
	case laneEnd:
		r.ends, r.asking = append(r.ends, v), false
		if r.askAgain && !stopped {
			r.askLaneEnd()
		}
	}
	if !stopped {
		r.settle()
	}
}

// ended takes the end of something that the loop started.
func (r *running) ended(v any) error {
	switch v := v.(type) {
	case jobDone:
		r.jobs--
	case snapshotDone:
		r.writing = false
	case laneDone:
		return v.err
	case appended:
		return r.landed(v)
	}
	return nil
}

// end tells the loop of an end, unless the loop has ended itself.
func (r *running) end(v any) {
	select {
	case r.ending <- v:
	case <-r.work.Done():
	}
}

// hear decides a record of an express lane.
func (r *running) hear(v *record) {
	r.deciding = v
	m := r.meant(v)
	r.handled(v)
	r.decide(m)
	r.deciding = nil
}

// handled moves a lane's cursor.
func (r *running) handled(v *record) { r.cursors[v.lane.index] = v.Seq }

// decide asks the core and takes the decision.
func (r *running) decide(m any) {
	now := time.Now()
	r.take(now, r.cfg.Core.Decide(now, m), nil)
}

// take numbers, applies and keeps a decision, whose events bear the moment at which it was made. The deeds of a submit wait
// for its gate, and what leaves in consequence of anything else for one of its own.
func (r *running) take(now time.Time, d Decision, g *gate) {
	u := unit{events: d.Events, raw: make([][]byte, 0, len(d.Events)), deeds: d.Deeds, gate: g, submit: g != nil, uses: d.Uses}
	switch {
	case u.submit:
		u.deeds, u.behind = nil, d.Deeds
	case slices.ContainsFunc(d.Deeds, leaves):
		u.deeds, u.behind = apart(d.Deeds)
		u.gate = r.gateOfOwn()
	}
	for _, e := range d.Events {
		r.stamp(e, now)
		raw, err := msgs.AppendEvent(nil, e)
		if err != nil {
			panic("actor: event " + string(e.Kind()) + " does not encode: " + err.Error())
		}
		u.raw = append(u.raw, raw)
		u.size += len(raw) + 1
		r.cfg.Core.Apply(e)
		r.reborn(e)
	}
	u.at = r.standing()
	if len(u.events) > 0 || len(d.Deeds) > 0 {
		r.since += uint64(len(u.events))
		r.keep(u)
	}
	if len(d.Early) > 0 {
		r.start(Job{Deeds: d.Early})
	}
	if d.Drain && r.submit != nil {
		r.askLaneEnd()
	}
}

// leaves reports whether a deed is Leaving.
func leaves(d Deed) bool {
	_, is := d.(Leaving)
	return is
}

// apart takes what leaves from among deeds.
func apart(all []Deed) (others, leaving []Deed) {
	for _, d := range all {
		if leaves(d) {
			leaving = append(leaving, d)
		} else {
			others = append(others, d)
		}
	}
	return others, leaving
}

func (r *running) keep(u unit) {
	u.kept = time.Now()
	r.pending = append(r.pending, u)
	r.waiting += u.size + unitSize
}

// flush sends what was decided as one append, unless one is in flight. What has no events is let out when everything
// decided before it is on disk, which is at once when nothing is in flight.
func (r *running) flush() {
	if r.flying != nil || len(r.pending) == 0 {
		return
	}
	if wait := r.patience(); wait > 0 {
		r.linger.Reset(wait)
		return
	}
	k, size, raw := 0, 0, make([][]byte, 0, 16)
	for k < len(r.pending) && (k == 0 || size+r.pending[k].size <= msgs.MaxLogMessage) {
		size += r.pending[k].size
		raw = append(raw, r.pending[k].raw...)
		k++
	}
	f := &flight{units: r.pending[:k:k], sent: time.Now()}
	r.pending = r.pending[k:]
	r.waiting -= size + k*unitSize
	if len(raw) == 0 {
		r.release(f)
		r.flush()
		return
	}
	r.flying = f
	r.flyingSince.Store(&f.sent)
	if slices.ContainsFunc(f.units, func(u unit) bool { return u.submit }) {
		r.pace.came(f.sent)
	}
	m, expect := r.message(raw, f.units[k-1].at), r.seq
	f.name = m.Header.Get(msgs.HeaderAppend)
	r.beside(func() {
		seq, err := r.append(r.work, m, expect)
		r.end(appended{seq, err})
	})
	runtime.Gosched() // the append goes first: what is started below can wait
	r.prepare(f)
}

// prepare has the deeds of submits prepared while their append is under way.
func (r *running) prepare(f *flight) {
	if r.cfg.Prepare == nil {
		return
	}
	var deeds []Deed
	for _, u := range f.units {
		if u.submit {
			deeds = append(deeds, u.behind...)
		}
	}
	if len(deeds) > 0 {
		r.beside(func() { r.cfg.Prepare(r.work, Job{Deeds: deeds, Sent: f.sent}) })
	}
}

// patience is how long what is pending may still wait for company: what only tells of an outcome is written at once where
// that is done before the next submit comes, else with its intent, if that comes soon.
func (r *running) patience() time.Duration {
	for i := range r.pending {
		if u := &r.pending[i]; !u.became || len(u.deeds) > 0 || len(u.behind) > 0 {
			return 0
		}
	}
	if r.intake.Err() != nil || r.pace.room(time.Now()) {
		return 0
	}
	return outcomeWaits - time.Since(r.pending[0].kept)
}

// landed ends a flight: its events are on disk, or we are replaced.
func (r *running) landed(v appended) error {
	f := r.flying
	if v.err != nil {
		if errors.Is(v.err, ErrReplaced) {
			r.log.Warn("replaced by another owner; what is in hand is dropped unsent", "epoch", r.epoch, "decisions", len(f.units))
		}
		return v.err
	}
	r.pace.wrote(time.Since(f.sent))
	r.stored(v.seq)
	r.passed(f)
	r.release(f)
	r.maybeSnapshot()
	return nil
}

// stored notes that the append in flight is on disk.
func (r *running) stored(seq uint64) {
	f := r.flying
	r.flying, r.seq, r.name = nil, seq, f.name
	r.flyingSince.Store(nil)
	for _, u := range f.units {
		r.onDisk.n += uint64(len(u.events))
	}
	r.onDisk.at = f.units[len(f.units)-1].at
}

// release lets out what is on disk: events to listeners, deeds to their performance, or to their gate, answers to who asked. Submits
// whose gate is open go first: listeners count and write.
func (r *running) release(f *flight) {
	var events []msgs.Event
	var raw [][]byte
	var deeds []Deed
	for _, u := range f.units {
		events, raw = append(events, u.events...), append(raw, u.raw...)
		deeds = append(deeds, u.deeds...)
		if len(u.behind) > 0 {
			r.held = append(r.held, held{Job{Deeds: u.behind, Sent: f.sent}, u.gate, u.uses})
		}
	}
	if r.letGo() {
		runtime.Gosched() // what was let go goes first: what follows can wait
	}
	if len(events) > 0 {
		r.cfg.Published(events, raw)
	}
	r.start(Job{Deeds: deeds, Sent: f.sent})
	for _, u := range f.units {
		if u.after != nil {
			u.after()
		}
	}
}

// start performs a job beside the loop.
func (r *running) start(j Job) {
	if len(j.Deeds) == 0 {
		return
	}
	r.jobs++
	j.Leaving = r.intake.Done()
	j.Deliver = func(m any) { r.send(r.work, outcome{m}) }
	r.beside(func() {
		r.cfg.Perform(r.work, j)
		r.end(jobDone{})
	})
}
