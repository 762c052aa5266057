package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// groupMost bounds what is committed at once: more brings little throughput and much latency.
	groupMost = 256
	// tickEvery is the pause between two looks for what is late.
	tickEvery = time.Second
	// snapshotEvery is how many entries may have to be read again at a start.
	snapshotEvery = 5000
)

// errBroken marks a database that did not take what was written: what it holds is known after it was opened anew only.
var errBroken = errors.New("the books could not be written")

// keeper is the one that changes the books: it takes what waits, decides and writes it, and commits it as one.
type keeper struct {
	s     *Service
	store *Store
	desks []*desk
	inbox chan work

	w     *writer
	after []func() // when the group is on disk
}

// work is inputs that one message brought, or a question; never both.
type work struct {
	desk   *desk
	inputs []Input
	ask    func() // runs between two groups: it sees what is on disk
}

// give hands work to the keeper, unless ctx ends first.
func (k *keeper) give(ctx context.Context, w work) error {
	select {
	case k.inbox <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// asked runs f between two groups and gives what it returns. When ctx ends first f may still run later: what it gives then
// is nobody's, so it must not write to what its caller holds.
func asked[A any](ctx context.Context, k *keeper, f func() A) (A, error) {
	answer := make(chan A, 1)
	var none A
	if err := k.give(ctx, work{ask: func() { answer <- f() }}); err != nil {
		return none, err
	}
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// settled waits until what was given before is on disk.
func (k *keeper) settled(ctx context.Context) error {
	_, err := asked(ctx, k, func() struct{} { return struct{}{} })
	return err
}

func (k *keeper) run(ctx context.Context) (err error) {
	// A commit under way is finished: a stop is no reason to doubt it.
	held := context.WithoutCancel(ctx)
	if k.w, err = k.store.writer(held); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.w.close()) }()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		group := []work(nil)
		select {
		case <-ctx.Done():
			return nil
		case w := <-k.inbox:
			group = k.gather(w)
		case <-tick.C:
			for _, d := range k.desks {
				group = append(group, work{desk: d, inputs: []Input{Ticked{}}})
			}
		}
		if err := k.group(held, group); err != nil {
			return fmt.Errorf("%w: %w", errBroken, err)
		}
	}
}

// gather takes what waits beside the first.
func (k *keeper) gather(first work) []work {
	group := []work{first}
	for len(group) < groupMost {
		select {
		case w := <-k.inbox:
			group = append(group, w)
		default:
			return group
		}
	}
	return group
}

// group decides and writes what was gathered as one transaction, and then lets the world know.
func (k *keeper) group(ctx context.Context, group []work) error {
	began, open, n := time.Now(), false, 0
	for _, w := range group {
		if w.ask != nil {
			k.after = append(k.after, w.ask)
			continue
		}
		for _, in := range w.inputs {
			if !open {
				if err := k.w.begin(ctx); err != nil {
					return err
				}
				open = true
			}
			wrote, err := k.input(ctx, w.desk, in, began)
			if err != nil {
				return errors.Join(err, k.w.rollback(ctx))
			}
			n += wrote
		}
	}
	if open {
		if err := k.finish(ctx); err != nil {
			return errors.Join(err, k.w.rollback(ctx))
		}
		k.s.count.committed(n, time.Since(began))
	}
	for _, f := range k.after {
		f()
	}
	k.after = k.after[:0]
	return nil
}

// input decides one input and writes what it led to.
func (k *keeper) input(ctx context.Context, d *desk, in Input, now time.Time) (int, error) {
	var failed error
	e := d.journal.Decide(now.UnixMilli(), in, func(key string) bool {
		seen, err := k.w.booked(ctx, d.book.ID, key)
		failed = errors.Join(failed, err)
		return seen
	})
	if failed != nil {
		return 0, failed
	}
	_, tick := in.(Ticked)
	if d.dirty = d.dirty || !tick || e != nil; e == nil {
		d.journal.Take(in)
		return 0, nil
	}
	events := d.journal.Apply(e)
	d.journal.Take(in)
	k.s.cfg.Passing(PointDecided)
	if err := k.w.append(ctx, d.book.ID, e, events); err != nil {
		return 0, err
	}
	k.s.cfg.Passing(PointWritten)
	for i := range e.Reports {
		k.s.tell(d, &e.Reports[i])
	}
	return 1, nil
}

// tell says in the log what does not agree.
func (s *Service) tell(d *desk, r *Report) {
	s.count.compared.WithLabelValues(matchLabel(r.Match)).Inc()
	if !r.Match {
		s.cfg.Log.Warn("discrepancy", "account", d.book.Terms.Account, "subject", r.Subject, "asset", string(r.Asset), "expected", r.Expected.String(),
			"actual", r.Actual.String(), "explanation", r.Explanation, "trade_id", string(r.Ref.TradeID), "tx_hash", string(r.Ref.TxHash))
	}
}

// finish writes positions and snapshots, and commits.
func (k *keeper) finish(ctx context.Context) error {
	for _, d := range k.desks {
		if !d.dirty {
			continue
		}
		if err := k.w.take(ctx, d.book.ID, d.journal.At, d.told.Load()); err != nil {
			return err
		}
		if seq, _ := d.journal.Head(); seq >= d.saved+snapshotEvery {
			if err := k.w.save(ctx, d.book.ID, d.journal); err != nil {
				return err
			}
			d.saved = seq
		}
	}
	if err := k.w.commit(ctx); err != nil {
		return err
	}
	k.s.cfg.Passing(PointCommitted)
	for _, d := range k.desks {
		if d.dirty {
			d.dirty = false
			d.rouse()
		}
	}
	return nil
}
