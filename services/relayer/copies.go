package relayer

import (
	"encoding/json"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"

	"sluice/pkg/msgs"
)

// maxCopies bounds the inboxes that are remembered of one account: the oldest are forgotten first. A copy is a courtesy; the log is
// the truth.
const maxCopies = 10_000

// copies sends the events about a request to the inbox that its sender has named.
type copies struct {
	nc  *nats.Conn
	env msgs.Env
	log *slog.Logger

	mu     sync.Mutex
	inbox  map[msgs.RequestID]string
	oldest []msgs.RequestID
}

func newCopies(nc *nats.Conn, env msgs.Env, log *slog.Logger) *copies {
	return &copies{nc: nc, env: env, log: log, inbox: map[msgs.RequestID]string{}}
}

// follow remembers where the events about a request are wanted.
func (c *copies) follow(id msgs.RequestID, to string) {
	if to == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.inbox[id]; !there {
		c.oldest = append(c.oldest, id)
	}
	c.inbox[id] = to
	for len(c.oldest) > maxCopies {
		delete(c.inbox, c.oldest[0])
		c.oldest = c.oldest[1:]
	}
}

// published sends copies of events that have just reached the disk, one to each inbox that waits for one of their requests.
func (c *copies) published(events []msgs.Event) {
	for _, e := range events {
		if q, ok := e.(*msgs.TxQueued); ok {
			c.follow(msgs.RequestID(q.ReqID), q.ReplyTo)
		}
		sent := map[string]bool{}
		for _, id := range requestsOf(e) {
			c.mu.Lock()
			to := c.inbox[id]
			c.mu.Unlock()
			if to != "" && !sent[to] {
				sent[to] = true
				c.send(to, e)
			}
		}
	}
}

// requestsOf are the requests that an event is about.
func requestsOf(e msgs.Event) []msgs.RequestID {
	switch e := e.(type) {
	case *msgs.TxUnit:
		return e.RequestIDs
	case *msgs.TxWaiting:
		return e.RequestIDs
	case *msgs.TxReleased:
		return e.RequestIDs
	}
	if id := msgs.HeadOf(e).ReqID; id != "" {
		return []msgs.RequestID{msgs.RequestID(id)}
	}
	return nil
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
