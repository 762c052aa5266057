package actor

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

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

	state []byte // written behind the rest, not within: it is some megabytes, and need not be looked through twice
}

// encode writes a snapshot: a JSON object, and behind it the state as the core made it.
func (s *snapshot) encode() ([]byte, error) {
	b, err := json.Marshal(s)
	return append(append(b, '\n'), s.state...), err
}

// decode reads what encode wrote.
func (s *snapshot) decode(b []byte) error {
	head, state, _ := bytes.Cut(b, []byte{'\n'})
	s.state = state
	return json.Unmarshal(head, s)
}

// snapshotDone is the end of writing a snapshot.
type snapshotDone struct{}

// snapshotNames are the two places that snapshots are written to in turn, so that one which cannot be read is not the end:
// nothing is removed from the log before both include it.
func (a *Actor) snapshotNames() [2]string {
	name := a.cfg.Family + "." + string(a.cfg.Account)
	return [2]string{name, name + ".other"}
}

// maybeSnapshot writes the state beside the loop when enough has happened since the last one. It is called when the log
// has just caught up with the state, and does nothing when more has been decided meanwhile.
func (r *running) maybeSnapshot() {
	if r.cfg.Snapshots == nil || r.writing || r.name == "" || !r.snapshotDue() || r.flying != nil || len(r.pending) > 0 {
		return
	}
	state, err := r.cfg.Core.Snapshot()
	if err != nil {
		r.log.Error("snapshot not made; recovery will be slower", "error", err)
		r.since = 0
		return
	}
	s := snapshot{Account: r.cfg.Account, Env: r.cfg.Env, Family: r.cfg.Family, Log: r.incarnation, Seq: r.seq, Append: r.name, N: r.n, Cursors: r.cursorMap(r.cursors), state: state}
	r.since, r.writing = 0, true
	r.shot, r.shotAt = r.cursors, time.Now()
	r.others.Go(func() {
		r.cfg.Passing(BeforeSnapshot)
		if err := r.putSnapshot(r.work, s); err != nil && r.work.Err() == nil {
			r.log.Error("snapshot not written; recovery will be slower", "error", err)
		}
		r.cfg.Passing(AfterSnapshot)
		r.end(snapshotDone{})
	})
}

// snapshotDue reports whether enough has happened since the last snapshot, or for a while anything at all when space is
// wanted.
func (r *running) snapshotDue() bool {
	return r.since >= r.cfg.SnapshotEvery || r.wanted.Load() && time.Since(r.shotAt) >= snapshotPause && (r.since > 0 || r.cursors != r.shot)
}

// putSnapshot writes a snapshot in the place of the older one.
func (a *Actor) putSnapshot(ctx context.Context, s snapshot) error {
	b, err := s.encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, snapshotWait)
	defer cancel()
	at := *a.kept.Load()
	if _, err = a.cfg.Snapshots.PutBytes(ctx, a.snapshotNames()[at.next], b); err != nil {
		return err
	}
	a.wanted.Store(false)
	a.kept.Store(&kept{newest: markOf(s), before: at.newest, next: 1 - at.next})
	return nil
}
