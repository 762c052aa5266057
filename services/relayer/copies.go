package relayer

import (
	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// copies sends the events about a request to the inbox that its sender has named.
type copies struct{ *actor.Copies }

// follow remembers where the events about a request are wanted.
func (c copies) follow(id msgs.RequestID, to string) { c.Expect(string(id), to) }

// published sends copies of events that have just reached the disk, one to each inbox that waits for one of their requests.
func (c copies) published(events []msgs.Event, raw [][]byte) {
	for i, e := range events {
		if q, ok := e.(*msgs.TxQueued); ok {
			c.follow(msgs.RequestID(q.ReqID), q.ReplyTo)
		}
		sent := map[string]bool{}
		for _, id := range requestsOf(e) {
			if to := c.Inbox(string(id)); to != "" && !sent[to] {
				sent[to] = true
				c.Forward(to, e, raw[i])
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
