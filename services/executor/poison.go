package executor

import (
	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// poisoned answers a record that has crashed the process twice and is put aside. Nothing of it is looked at but the ids.
func (t *turn) poisoned(p actor.Poisoned) {
	family, _, verb, command := msgs.SplitCmd(p.Subject)
	if !command || family == "" {
		t.emit(&msgs.OrderAnomaly{Head: msgs.Head{Type: msgs.KindAnomaly}, Error: failure(msgs.Poison,
			"a private event of the venue crashed the process twice and was put aside: a fill may be missing",
			"compare the account with the venue; the event is in the stream "+msgs.DeadStream)})
		return
	}
	a := &Asked{Seq: p.Seq, Stored: p.Stored, All: p.Stream == msgs.AskAllStream, Verb: verb}
	a.Client, a.Request = msgs.PeekID(p.Data)
	a.Err = failure(msgs.Poison, "deciding this command crashed the process twice; it was put aside and did nothing",
		"look at it in the stream "+msgs.DeadStream+" and send it in another form")
	t.misunderstood(a)
}
