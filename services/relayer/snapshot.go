package relayer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sluice/pkg/msgs"
)

// snapshotVersion changes with the form; a snapshot of another form is refused, and the log is folded instead.
const snapshotVersion = 1

// snapshot is the state as it is written. Equal states have equal bytes.
type snapshot struct {
	V         int          `json:"v"`
	Account   msgs.Account `json:"account"`
	N         uint64       `json:"n"`
	NowMS     int64        `json:"now_ms"`
	Ready     bool         `json:"ready"`
	Held      bool         `json:"held"`
	Requests  []*request   `json:"requests"`
	Unit      *unit        `json:"unit"`
	Ghosts    []*unit      `json:"ghosts"`
	Approvals approvals    `json:"approvals"`
	Told      *waiting     `json:"told"`
	Toll      toll         `json:"toll"`
	Ended     []*ending    `json:"ended"`
	SettledMS int64        `json:"settled_ms"`
	Block     uint64       `json:"block"`
}

// Snapshot is the state as bytes.
func (w *Wallet) Snapshot() ([]byte, error) {
	s := snapshot{V: snapshotVersion, Account: w.id.Account, N: w.n, NowMS: w.nowMS, Ready: w.ready, Held: w.held, Unit: w.unit, Ghosts: w.ghosts,
		Approvals: w.approvals, Told: w.told, Toll: w.toll, Ended: w.ended.list, SettledMS: w.settledMS, Block: w.block}
	s.Requests = slices.SortedFunc(maps.Values(w.requests), func(a, b *request) int { return cmp.Or(cmp.Compare(a.CmdSeq, b.CmdSeq), cmp.Compare(a.ID, b.ID)) })
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode snapshot: %w", err)
	}
	return b, nil
}

// Restore takes the state from a snapshot.
func (w *Wallet) Restore(b []byte) error {
	var s snapshot
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("decode snapshot: %w", err)
	}
	if s.V != snapshotVersion || s.Account != w.id.Account {
		return fmt.Errorf("decode snapshot: version %d of account %q, want version %d of %q", s.V, s.Account, snapshotVersion, w.id.Account)
	}
	fresh := NewWallet(w.id, w.rules)
	fresh.n, fresh.nowMS, fresh.ready, fresh.held = s.N, s.NowMS, s.Ready, s.Held
	fresh.unit, fresh.ghosts, fresh.approvals, fresh.told = s.Unit, s.Ghosts, s.Approvals, s.Told
	fresh.toll = s.Toll
	fresh.settledMS, fresh.block = s.SettledMS, s.Block
	for _, r := range s.Requests {
		if r == nil || !r.read() {
			return fmt.Errorf("decode snapshot: a request that cannot be read")
		}
		fresh.requests[r.ID] = r
	}
	for _, e := range s.Ended {
		if e == nil {
			return fmt.Errorf("decode snapshot: an end that is nothing")
		}
		fresh.ended.byID[e.ID] = e
		fresh.ended.list = append(fresh.ended.list, e)
	}
	*w = *fresh
	return nil
}
