package executor

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pkg/msgs"
)

// At 80 % submits and replaces are refused with a reason and a way out, cancels go on to the end, and with room again
// everything goes on.
func TestSubmitsAreRefusedWithoutSpaceAndCancelsAreNot(t *testing.T) {
	var used atomic.Int32
	inPlant(t, func(p *plant) { p.cfg.DiskUse = func() (int, error) { return int(used.Load()), nil } }, func(t *testing.T, p *plant) {
		p.submit("a", msgs.Buy, msgs.GTC, "0.10", "10")
		p.submit("b", msgs.Buy, msgs.GTC, "0.10", "10")
		p.pass(time.Second)
		used.Store(79)
		p.pass(10 * time.Second)
		p.submit("c", msgs.Buy, msgs.GTC, "0.10", "10")
		p.pass(time.Second)
		p.want("c", "submitting accepted")
		used.Store(80)
		p.pass(10 * time.Second)
		p.submit("d", msgs.Buy, msgs.GTC, "0.10", "10")
		p.send("replace", `{'client_order_id':'e','replaces':'b','price':'0.11'}`)
		p.pass(time.Second)
		p.want("d", "rejected:no_space.")
		p.want("e", "rejected:no_space.")
		for _, e := range p.events() {
			if r, ok := e.(*msgs.OrderRejected); ok && (!strings.Contains(r.Error.Cause, "file system is 80 % full") || !strings.Contains(r.Error.Fix, "make room")) {
				t.Errorf("refused with %+v", r.Error)
			}
		}
		used.Store(99)
		p.pass(10 * time.Second)
		p.submit("f", msgs.Buy, msgs.GTC, "0.10", "10", `,'valid_until_ms':0`)
		p.send("cancel", `{'client_order_id':'a'}`)
		p.pass(5 * time.Second)
		p.want("a", "submitting accepted cancelled:requested.")
		p.want("f", "")
		used.Store(10)
		p.pass(10 * time.Second)
		p.want("f", "submitting accepted")
	})
}
