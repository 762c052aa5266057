package relayer

import (
	"fmt"
	"testing"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// A wallet for which as much waits as may wait refuses the next request with its code, and takes one again when some have ended.
func TestFullQueueRefusesTheNextRequest(t *testing.T) {
	b := begun(t, polymarket.Safe)
	for i := range maxQueued {
		queued := &msgs.TxQueued{Verb: msgs.VerbWrap, Command: fmt.Appendf(nil, `{"request_id":"w%d","amount":"5"}`, i), StoredMS: b.now.UnixMilli(),
			LeavesByMS: b.now.Add(time.Hour).UnixMilli()}
		queued.Type, queued.ReqID = msgs.KindTxQueued, fmt.Sprintf("w%d", i)
		b.core.Apply(queued)
	}
	b.ask("wrap", `{"request_id":"over","amount":"5"}`)
	if a, ok := b.core.Answer("over"); !ok || !a.Final || a.Error == nil || a.Error.Code != msgs.QueueFull || a.Error.Fix == "" {
		t.Errorf("with %d waiting the next is answered %s", maxQueued, text(a))
	}
	b.ask("cancel", `{"request_id":"c","cancels":"w7"}`)
	b.ask("wrap", `{"request_id":"after","amount":"5"}`)
	if a, _ := b.core.Answer("after"); a.Final || a.Last != msgs.KindTxQueued {
		t.Errorf("when one was withdrawn the next is answered %s", text(a))
	}
}
