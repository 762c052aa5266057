package relayer

import (
	"time"

	"sluice/pkg/msgs"
)

// How long an end is remembered: a repeat within that does nothing. Past maxEnded the oldest are forgotten before their time; that
// is a day's worth of a hundred times what a unit a minute can carry.
const (
	keepEnded = 7 * 24 * time.Hour
	maxEnded  = 50_000
)

// ending is what is remembered of a request that ended.
type ending struct {
	ID      msgs.RequestID `json:"id"`
	CmdSeq  uint64         `json:"cmd_seq"`
	Hash    string         `json:"hash,omitempty"`
	Last    msgs.Type      `json:"last"`
	N       uint64         `json:"n"`
	AtMS    int64          `json:"at_ms"`
	Unit    string         `json:"unit,omitempty"`
	Carrier msgs.Carrier   `json:"carrier,omitempty"`
	TxHash  msgs.TxHash    `json:"tx_hash,omitempty"`
	Error   *msgs.Error    `json:"error,omitempty"`
}

// endings are requests that ended, in the order in which they did.
type endings struct {
	byID map[msgs.RequestID]*ending
	list []*ending
}

func newEndings() endings { return endings{byID: map[msgs.RequestID]*ending{}} }

// add remembers an end, and forgets what is older than it must be. A later word about the same request replaces the first.
func (e *endings) add(x *ending) {
	if old := e.byID[x.ID]; old != nil {
		x.Hash = old.Hash
		*old = *x
		return
	}
	e.byID[x.ID] = x
	e.list = append(e.list, x)
	n := 0
	for n < len(e.list) && (len(e.list)-n > maxEnded || e.list[n].AtMS < x.AtMS-keepEnded.Milliseconds()) {
		delete(e.byID, e.list[n].ID)
		n++
	}
	e.list = e.list[n:]
}
