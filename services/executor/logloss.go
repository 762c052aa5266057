package executor

import (
	"context"
	"sync"
	"time"

	"sluice/pkg/limits/door"
	"sluice/pkg/msgs"
)

// Bounds of the watch over the log.
const (
	minLogLoss = 5 * time.Second // a broker's failover takes some seconds, and is no emergency
	probeEvery = time.Second
	probeWait  = 2 * time.Second // for an answer, and for an append to be acknowledged
)

// logWatch cancels everything of an account at the venue when its log has been out of reach for so long: nobody can say
// then what is open, and no cancel comes through. It does so once for each loss, for accounts that this process owned when
// the log was lost, and it cannot know whether another process has taken them over since.
type logWatch struct {
	after time.Duration
	alive func(context.Context) bool
	owns  func() (owned, known bool) // known is false while nobody can say
	act   func(context.Context)
}

// run watches until ctx ends.
func (w *logWatch) run(ctx context.Context) {
	lost, ours, done := time.Duration(0), false, false
	for asked := time.Now(); pause(ctx, probeEvery) == nil; {
		began := asked
		asked = time.Now()
		if owned, known := w.owns(); known {
			ours = owned
		}
		if w.alive(ctx) {
			lost, done = 0, false
			continue
		}
		// A process that stood still has not been watching: only what it saw counts.
		if lost += min(asked.Sub(began), probeEvery+probeWait); ours && !done && lost >= w.after {
			w.act(ctx)
			done = ctx.Err() == nil
		}
	}
}

// watchLog runs the watch of one account, if one is wanted.
func (d *desk) watchLog(ctx context.Context, v Venue) {
	if d.s.cfg.CancelAfterLogLoss == 0 {
		return
	}
	w := logWatch{after: d.s.cfg.CancelAfterLogLoss, alive: d.logAlive, owns: d.owns, act: func(ctx context.Context) { d.cancelWithoutLog(ctx, v) }}
	w.run(ctx)
}

// logAlive reports whether the log answers, and takes what we append to it.
func (d *desk) logAlive(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	if act := d.actor.Load(); act != nil && act.Stuck() > probeWait {
		return false
	}
	stream, err := d.s.js.Stream(ctx, msgs.LogStream(d.cfg.Name))
	if err != nil {
		return false
	}
	_, err = stream.Info(ctx)
	return err == nil
}

// owns reports whether the account is ours; while it is being opened nobody knows.
func (d *desk) owns() (owned, known bool) {
	switch *d.state.Load() {
	case deskOpen:
		return true, true
	case deskSpare:
		return false, true
	}
	return false, false
}

// cancelWithoutLog ends everything at the venue, for as long as it takes, unless the log comes back before.
func (d *desk) cancelWithoutLog(ctx context.Context, v Venue) {
	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	watching.Go(func() {
		for pause(ctx, probeEvery) == nil {
			if d.logAlive(ctx) {
				stop()
			}
		}
	})
	d.log.Error("no log for too long; cancelling everything at the venue", "after_ms", d.s.cfg.CancelAfterLogLoss.Milliseconds())
	e := emergency{venue: v, log: d.log}
	if err := e.cancel(door.Urgently(ctx)); err != nil {
		d.log.Error("emergency cancel not finished", "error", err, "cancelled", len(e.done.Cancelled))
		return
	}
	d.log.Warn("everything is cancelled at the venue; the next start finds out which orders that were", "cancelled", len(e.done.Cancelled))
}
