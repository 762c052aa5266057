package actor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// snapshot is a state and the place in the log that it includes.
type snapshot struct {
	Account msgs.Account      `json:"account"`
	Env     msgs.Env          `json:"env"`
	Family  string            `json:"family"`
	Log     string            `json:"incarnation"`
	Seq     uint64            `json:"seq"`
	Append  string            `json:"append"` // name of the append at seq: another log has another one there
	N       uint64            `json:"n"`
	Cursors map[string]uint64 `json:"cursors"`
	State   json.RawMessage   `json:"state"`
}

// snapshotDone is the end of writing a snapshot.
type snapshotDone struct{}

func (a *Actor) snapshotName() string { return a.cfg.Family + "." + string(a.cfg.Account) }

// maybeSnapshot writes the state beside the loop when enough has happened since the last one. It is called when the log
// has just caught up with the state, and does nothing when more has been decided meanwhile.
func (r *running) maybeSnapshot() {
	if r.cfg.Snapshots == nil || r.writing || r.since < r.cfg.SnapshotEvery || len(r.pending) > 0 {
		return
	}
	state, err := r.cfg.Core.Snapshot()
	if err != nil {
		r.log.Error("snapshot not made; recovery will be slower", "error", err)
		r.since = 0
		return
	}
	s := snapshot{Account: r.cfg.Account, Env: r.cfg.Env, Family: r.cfg.Family, Log: r.incarnation, Seq: r.seq, Append: r.name, N: r.n, Cursors: r.cursorMap(r.cursors), State: state}
	r.since, r.writing = 0, true
	r.others.Go(func() {
		r.cfg.Passing(BeforeSnapshot)
		if err := r.putSnapshot(r.work, s); err != nil && r.work.Err() == nil {
			r.log.Error("snapshot not written; recovery will be slower", "error", err)
		}
		r.cfg.Passing(AfterSnapshot)
		r.end(snapshotDone{})
	})
}

func (a *Actor) putSnapshot(ctx context.Context, s snapshot) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, snapshotWait)
	defer cancel()
	_, err = a.cfg.Snapshots.PutBytes(ctx, a.snapshotName(), b)
	return err
}

// restore puts the newest usable snapshot into the core and returns the sequence that it includes, 0 without one. A
// snapshot of another log, or beyond this one (it was restored from a copy), is left aside with an alarm.
func (a *Actor) restore(ctx context.Context, claim uint64) uint64 {
	last := a.n
	a.n = 0
	if a.cfg.Snapshots == nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, snapshotWait)
	defer cancel()
	b, err := a.cfg.Snapshots.GetBytes(ctx, a.snapshotName())
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return 0
	}
	var s snapshot
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(b)).Decode(&s)
	}
	if err != nil {
		a.log.Error("snapshot unreadable; replaying the whole log", "error", err)
		return 0
	}
	if s.Account != a.cfg.Account || s.Env != a.cfg.Env || s.Family != a.cfg.Family || s.Seq >= claim || s.N >= last || !a.has(ctx, s.Seq, s.Append) {
		a.log.Error("snapshot does not belong to this log; replaying the whole log", "snapshot_seq", s.Seq, "log_seq", claim,
			"snapshot_env", s.Env, "snapshot_account", s.Account)
		a.outlived(s)
		return 0
	}
	if err := a.cfg.Core.Restore(s.State); err != nil {
		a.log.Error("snapshot refused by the core; replaying the whole log", "error", err)
		return 0
	}
	a.n = s.N
	a.setCursors(s.Cursors, false)
	return s.Seq
}

// has reports whether the log can have the append of that name at seq. One that was purged may have been it.
func (a *Actor) has(ctx context.Context, seq uint64, name string) bool {
	stream, err := a.cfg.JS.Stream(ctx, msgs.LogStream(a.cfg.Account))
	if err != nil {
		return false
	}
	m, err := stream.GetMsg(ctx, seq)
	return errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && m.Header.Get(msgs.HeaderAppend) == name
}
