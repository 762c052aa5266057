package actor

import (
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"

	"sluice/pkg/msgs"
)

// maxCopies bounds the inboxes that are remembered of one account: the oldest are forgotten first.
const maxCopies = 10_000

// Copies sends events to the inboxes that the senders of commands have named, one event a message and at most once. A copy is a
// courtesy; the log is the truth. What leads from an event to an inbox is a key of the service's choice: a command, a request, an
// order. It may be used from any goroutine.
type Copies struct {
	nc  *nats.Conn
	env msgs.Env
	log *slog.Logger

	mu     sync.Mutex
	inbox  map[string]wantedAt
	oldest []wantedKey
	number uint64
}

type wantedAt struct {
	inbox  string
	number uint64
}

type wantedKey struct {
	key    string
	number uint64
}

// NewCopies remembers nothing yet. env is what events bear that have none of their own.
func NewCopies(nc *nats.Conn, env msgs.Env, log *slog.Logger) *Copies {
	return &Copies{nc: nc, env: env, log: log, inbox: map[string]wantedAt{}}
}

// Expect remembers that the events of a key are wanted at an inbox; an empty one changes nothing.
func (c *Copies) Expect(key, inbox string) {
	if inbox == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at, there := c.inbox[key]
	if !there {
		c.number++
		at.number = c.number
		c.oldest = append(c.oldest, wantedKey{key, at.number})
	}
	c.inbox[key] = wantedAt{inbox, at.number}
	for len(c.oldest) > maxCopies {
		if old := c.oldest[0]; c.inbox[old.key].number == old.number {
			delete(c.inbox, old.key)
		}
		c.oldest = c.oldest[1:]
	}
}

// Forget drops a key.
func (c *Copies) Forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.inbox, key)
}

// Inbox is where the events of a key are wanted, empty when nowhere.
func (c *Copies) Inbox(key string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inbox[key].inbox
}

// Send sends an event that is not on the log to an inbox. What cannot be sent is logged and lost.
func (c *Copies) Send(inbox string, e msgs.Event) {
	h := msgs.HeadOf(e)
	if h.Env == "" {
		h.Env = c.env
	}
	raw, err := msgs.AppendEvent(nil, e)
	if err != nil {
		c.lost(e, err)
		return
	}
	c.Forward(inbox, e, raw)
}

// Forward sends an event to an inbox as it stands on the log. What cannot be sent is logged and lost.
func (c *Copies) Forward(inbox string, e msgs.Event, raw []byte) {
	if err := c.nc.Publish(inbox, raw); err != nil {
		c.lost(e, err)
	}
}

func (c *Copies) lost(e msgs.Event, err error) {
	h := msgs.HeadOf(e)
	c.log.Warn("copy of an event not sent", "type", h.Type, "n", h.N, "error", err)
}
