package actor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// mark is how far a snapshot reaches: everything before it on the log, and before the cursors in the lanes, is in it.
type mark struct {
	seq     uint64 // 0: there is no such snapshot
	cursors map[string]uint64
}

func markOf(s snapshot) mark { return mark{s.Seq, s.Cursors} }

// kept is what snapshots of this log there are.
type kept struct {
	newest, before mark
	next           int // of the snapshotNames: where the next one goes
}

// found is a snapshot that was read, and where.
type found struct {
	snapshot
	place int
}

// restore puts the newest usable snapshot into the core and returns the sequence that it includes, 0 without one. A
// snapshot of another log, or beyond this one (it was restored from a copy), is left aside with an alarm. A broker that
// does not answer is waited for: what it holds may be all there is of a log that was purged.
func (a *Actor) restore(ctx context.Context, claim uint64) (uint64, error) {
	last := a.n
	a.n, a.unkept = 0, nil
	a.kept.Store(&kept{})
	if a.cfg.Snapshots == nil {
		a.miss("no snapshots are kept")
		return 0, nil
	}
	all, err := a.readSnapshots(ctx)
	if err != nil {
		return 0, err
	}
	for i, s := range all {
		belongs := a.belongs(ctx, s.snapshot, claim, last)
		if ctx.Err() != nil {
			return 0, ctx.Err() // stopped while it was asked: nothing is known of the snapshot
		}
		if !belongs {
			a.log.Error("snapshot does not belong to this log; it is left aside", "snapshot_seq", s.Seq, "log_seq", claim,
				"snapshot_env", s.Env, "snapshot_account", s.Account)
			a.miss("the snapshot of event %d does not belong to this log", s.N)
			a.outlived(s.snapshot)
			continue
		}
		if err := a.cfg.Core.Restore(s.state); err != nil {
			a.log.Error("snapshot refused by the core; it is left aside", "snapshot_seq", s.Seq, "error", err)
			a.miss("the snapshot of event %d is refused: %v", s.N, err)
			continue
		}
		a.n = s.N
		a.setCursors(s.Cursors, false)
		k := kept{newest: markOf(s.snapshot), next: 1 - s.place}
		if i+1 < len(all) && a.belongs(ctx, all[i+1].snapshot, s.Seq, s.N) {
			k.before = markOf(all[i+1].snapshot)
		}
		a.kept.Store(&k)
		return s.Seq, nil
	}
	if len(all) == 0 && len(a.unkept) == 0 {
		a.miss("there is no snapshot")
	}
	return 0, nil
}

// readSnapshots reads what there is, newest first.
func (a *Actor) readSnapshots(ctx context.Context) ([]found, error) {
	var all []found
	for i, name := range a.snapshotNames() {
		b, damage, err := a.readSnapshot(ctx, name)
		if err != nil {
			return nil, err
		}
		if b == nil && damage == nil {
			continue
		}
		s := found{place: i}
		if damage == nil {
			damage = s.decode(b)
		}
		if err := damage; err != nil {
			a.log.Error("snapshot unreadable; it is left aside", "snapshot", name, "error", err)
			a.miss("snapshot %s is unreadable: %v", name, err)
			continue
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(x, y found) int { return cmp.Compare(y.N, x.N) })
	return all, nil
}

// readSnapshot reads one snapshot, nothing where there is none. It waits for a broker that does not answer; damage is what
// waiting does not mend. An object of which a part is missing looks like a slow one, so it is given up after a few tries in
// which the broker did answer.
func (a *Actor) readSnapshot(ctx context.Context, name string) (b []byte, damage, err error) {
	tries := 0
	err = a.patiently(ctx, func() error {
		try, cancel := context.WithTimeout(ctx, snapshotWait)
		defer cancel()
		_, err := a.cfg.Snapshots.GetInfo(try, name)
		if err == nil {
			tries++
			b, err = a.cfg.Snapshots.GetBytes(try, name)
		}
		switch {
		case errors.Is(err, jetstream.ErrObjectNotFound):
			return nil
		case err != nil && (tries == snapshotTries || errors.Is(err, jetstream.ErrDigestMismatch) || errors.Is(err, jetstream.ErrInvalidDigestFormat)):
			damage = err
			return nil
		}
		return err
	})
	return b, damage, err
}

// belongs reports whether a snapshot is of this log and of a part of it.
func (a *Actor) belongs(ctx context.Context, s snapshot, claim, last uint64) bool {
	return s.Account == a.cfg.Account && s.Env == a.cfg.Env && s.Family == a.cfg.Family && s.Seq < claim && s.N < last && a.has(ctx, s)
}

// has reports whether the log can have the append in which a snapshot ends: it stands there, or it was purged and what follows
// goes on with the next event.
func (a *Actor) has(ctx context.Context, s snapshot) (has bool) {
	err := a.patiently(ctx, func() error {
		try, cancel := context.WithTimeout(ctx, requestWait)
		defer cancel()
		stream, err := a.cfg.JS.Stream(try, msgs.LogStream(a.cfg.Account))
		if err != nil {
			return err
		}
		m, err := stream.GetMsg(try, s.Seq)
		if err == nil {
			has = m.Header.Get(msgs.HeaderAppend) == s.Append
			return nil
		}
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			m, err = stream.GetMsg(try, s.Seq, jetstream.WithGetMsgSubject(a.subject))
		}
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err == nil {
			env, broken := a.decode(m.Sequence, m.Data)
			has = broken == nil && len(env.Events) > 0 && msgs.HeadOf(env.Events[0]).N == s.N+1
		}
		return err
	})
	return err == nil && has
}

// miss remembers why the log is folded from its beginning, for when it has none any more.
func (a *Actor) miss(format string, args ...any) {
	a.unkept = append(a.unkept, fmt.Sprintf(format, args...))
}

// gap is the error of a log on which an event is not the next one.
func (a *Actor) gap(seq, n uint64) error {
	cause := fmt.Sprintf("it begins with event %d where %d is next", n, a.n+1)
	if a.n > 0 || n <= 1 || seq == 1 {
		return a.foreign(seq, cause)
	}
	return &LogError{Stream: msgs.LogStream(a.cfg.Account), Seq: seq, Purged: true,
		Cause: fmt.Sprintf("it begins with event %d: what came before was removed, and %s", n, strings.Join(a.unkept, "; "))}
}
