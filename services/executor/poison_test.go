package executor

import (
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// TestPoisonIsAnswered gives the core records that were put aside, of every lane, readable and not, and wants one answer
// each that says so, with what could be recovered of the ids.
func TestPoisonIsAnswered(t *testing.T) {
	for _, c := range []struct {
		subject, stream, data string
		want                  msgs.Type
		client                msgs.ClientOrderID
	}{
		{"cmd.order.main.submit", "ASK_main", `{"client_order_id":"a"}`, msgs.KindRejected, "a"},
		{"cmd.order.main.replace", "ASK_main", "\xff", msgs.KindRejected, ""},
		{"cmd.order.main.cancel", "ASK_main", `{"client_order_id":"a"}`, msgs.KindControlRejected, ""},
		{"cmd.control.all.halt", "ASK_all", `{"request_id":"h"}`, msgs.KindControlRejected, ""},
		{"feed.main.trade", "ASK_main", `{}`, msgs.KindAnomaly, ""},
	} {
		o := NewOrders(Identity{Account: "main"}, Rules{})
		d := o.Decide(time.UnixMilli(1), actor.Poisoned{Record: actor.Record{Subject: c.subject, Stream: c.stream, Seq: 7, Data: []byte(c.data)}, Crashes: 2})
		if len(d.Events) != 1 || len(d.Deeds)+len(d.Early)+d.Uses != 0 {
			t.Errorf("%s: %+v", c.subject, d)
			continue
		}
		var err *msgs.Error
		var client msgs.ClientOrderID
		switch e := d.Events[0].(type) {
		case *msgs.OrderRejected:
			err, client = e.Error, e.ClientOrderID
		case *msgs.OrderControlRejected:
			err = e.Error
		case *msgs.OrderAnomaly:
			err = e.Error
		}
		if kind := d.Events[0].Kind(); kind != c.want || err == nil || err.Code != msgs.Poison || client != c.client {
			t.Errorf("%s: %s of %q, %v", c.subject, kind, client, err)
		}
		o.Apply(d.Events[0])
	}
}
