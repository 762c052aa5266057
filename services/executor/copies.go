package executor

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"

	"sluice/pkg/msgs"
)

// maxCopies bounds the inboxes that are remembered of one account: the oldest are forgotten first. A copy is a courtesy;
// the log is the truth.
const maxCopies = 10_000

// copies sends the events about a command to the inbox that its sender has named, one event a message.
type copies struct {
	nc  *nats.Conn
	env msgs.Env
	log *slog.Logger

	mu     sync.Mutex
	inbox  map[string]string // by command or order
	oldest []string
}

func newCopies(nc *nats.Conn, env msgs.Env, log *slog.Logger) *copies {
	return &copies{nc: nc, env: env, log: log, inbox: map[string]string{}}
}

// Keys of inbox: a command by its sequence, one to all accounts by its request, an order by its id.
func seqKey(seq uint64) string              { return "s" + strconv.FormatUint(seq, 10) }
func requestKey(id string) string           { return "r" + id }
func orderKey(id msgs.ClientOrderID) string { return "o" + string(id) }

// expect remembers where the events about a command are wanted.
func (c *copies) expect(a *Asked) {
	if a.ReplyTo == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.All {
		c.put(requestKey(string(a.Request)), a.ReplyTo)
		return
	}
	c.put(seqKey(a.Seq), a.ReplyTo)
}

// follow remembers where the events about an order are wanted, after a restart too.
func (c *copies) follow(in *msgs.Intent) {
	if in.ReplyTo == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(orderKey(in.ClientOrderID), in.ReplyTo)
}

func (c *copies) put(key, to string) {
	if _, there := c.inbox[key]; !there {
		c.oldest = append(c.oldest, key)
	}
	c.inbox[key] = to
	for len(c.oldest) > maxCopies {
		delete(c.inbox, c.oldest[0])
		c.oldest = c.oldest[1:]
	}
}

func (c *copies) forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.inbox, key)
}

// published sends copies of events that have just reached the disk.
func (c *copies) published(events []msgs.Event) {
	for _, e := range events {
		if s, ok := e.(*msgs.OrderSubmitting); ok {
			for i := range s.Orders {
				c.follow(&s.Orders[i])
			}
		}
		for _, to := range c.wanted(e) {
			c.send(to, e)
		}
		if s, ok := e.(*msgs.OrderSubmitting); ok {
			c.forget(seqKey(s.CmdSeq)) // from here on the order's own key leads to the inbox, until the order is final
		}
	}
}

// wanted lists the inboxes for an event, each once.
func (c *copies) wanted(e msgs.Event) []string {
	h, o := msgs.HeadOf(e), orderIn(e)
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	add := func(key string) {
		if to := c.inbox[key]; to != "" && (len(out) == 0 || out[0] != to) {
			out = append(out, to)
		}
	}
	add(seqKey(h.CmdSeq))
	if h.ReqID != "" && len(out) == 0 {
		add(requestKey(h.ReqID))
	}
	if o != nil && o.ClientOrderID != "" {
		add(orderKey(o.ClientOrderID))
		if o.Final && !o.Late {
			delete(c.inbox, orderKey(o.ClientOrderID))
		}
	}
	return out
}

func (c *copies) send(to string, e msgs.Event) {
	h := msgs.HeadOf(e)
	if h.Env == "" {
		h.Env = c.env
	}
	b, err := json.Marshal(e)
	if err == nil {
		err = c.nc.Publish(to, b)
	}
	if err != nil {
		c.log.Warn("copy of an event not sent", "type", h.Type, "n", h.N, "error", err)
	}
}

// orderIn is the order that an event is about, nil when it is about several or none.
func orderIn(e msgs.Event) *msgs.Order {
	switch e := e.(type) {
	case *msgs.OrderAccepted:
		return &e.Order
	case *msgs.OrderFilled:
		return &e.Order
	case *msgs.OrderSettled:
		return &e.Order
	case *msgs.OrderSettlementFailed:
		return &e.Order
	case *msgs.OrderCancelled:
		return &e.Order
	case *msgs.OrderRejected:
		return &e.Order
	case *msgs.OrderUnknown:
		return &e.Order
	case *msgs.OrderCancelPending:
		return &e.Order
	case *msgs.OrderCancelRejected:
		return &e.Order
	case *msgs.OrderForeign:
		return &e.Order
	case *msgs.OrderAnomaly:
		return &e.Order
	}
	return nil
}
