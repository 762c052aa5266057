package actor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// append stores m as the family's next message after expect and returns its sequence. It asks again until it knows: a
// lost acknowledgement is found out by the next refusal, whose last message is then our own. What the broker refuses may
// become possible (a full disk), so that too is asked again, and said aloud; only what can never be stored is an error.
func (a *Actor) append(ctx context.Context, m *nats.Msg, expect uint64) (uint64, error) {
	var said complaint
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		a.cfg.Passing(BeforeAppend)
		try, cancel := context.WithTimeout(ctx, requestWait)
		ack, err := a.cfg.JS.PublishMsg(try, m, jetstream.WithExpectLastSequenceForSubject(expect, a.subject), jetstream.WithRetryAttempts(0))
		cancel()
		if err == nil {
			a.cfg.Passing(BeforeAck)
			if said.cause != "" {
				a.log.Info("append succeeded", "after", said.cause)
			}
			return ack.Sequence, nil
		}
		switch code(err) {
		case errBusy:
		case errWrongLast:
			seq, found := a.whose(ctx, m, expect)
			if found == nil || !transient(found) {
				return seq, found
			}
			a.complain(&said, found)
		default:
			if errors.Is(err, nats.ErrMaxPayload) {
				return 0, fmt.Errorf("append %d bytes to %s: %w", len(m.Data), a.subject, err)
			}
			a.complain(&said, err)
		}
		if err := pause(ctx, wait); err != nil {
			return 0, err
		}
	}
}

// whose finds out why an append was refused: the family's last message is m itself, whose sequence it returns; or it is
// another owner's, ErrReplaced; or it is older than what we had seen, a *LogError.
func (a *Actor) whose(ctx context.Context, m *nats.Msg, expect uint64) (uint64, error) {
	try, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	stream, err := a.cfg.JS.Stream(try, msgs.LogStream(a.cfg.Account))
	if err != nil {
		return 0, err
	}
	last, err := stream.GetLastMsgForSubject(try, a.subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		last = &jetstream.RawStreamMsg{}
	case err != nil:
		return 0, err
	}
	switch {
	case last.Sequence < expect:
		return 0, a.foreign(last.Sequence, fmt.Sprintf("the log ends there and %d was written: it was emptied or rolled back", expect))
	case last.Header.Get(msgs.HeaderAppend) == m.Header.Get(msgs.HeaderAppend):
		return last.Sequence, nil
	}
	return 0, ErrReplaced
}

// complaint says why something does not succeed: once for each cause, and again every minute.
type complaint struct {
	cause string
	at    time.Time
}

func (c *complaint) due(err error) bool {
	if cause := err.Error(); cause == c.cause && time.Since(c.at) < complainAgain {
		return false
	}
	c.cause, c.at = err.Error(), time.Now()
	return true
}

func (a *Actor) complain(c *complaint, err error) {
	switch conn := a.cfg.JS.Conn(); {
	case !c.due(err):
	case code(err) != 0:
		a.log.Error("append refused; nothing is performed until it succeeds", "error", err)
	default:
		a.log.Warn("append not acknowledged, asking again", "error", err, "connection", conn.Status().String(), "connection_error", conn.LastError())
	}
}
