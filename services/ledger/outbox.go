package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

const (
	// tellMost bounds the events of one message.
	tellMost = 128
	// tellBytes bounds its size, with room for the envelope.
	tellBytes = msgs.MaxLogMessage - 4<<10
	// storeTimeout bounds one append; a synced append takes milliseconds.
	storeTimeout = 5 * time.Second
)

// BehindError reports books that are not those that told the last event.
type BehindError struct {
	Account    msgs.Account
	Told, Have uint64 // number of the last event on the log, and in the books
}

func (e *BehindError) Error() string { return e.Cause() + "; " + e.Fix() }

// Cause says what is wrong.
func (e *BehindError) Cause() string {
	return fmt.Sprintf("evt.ledger.%s has told event %d and it is not that of these books, which end at %d: they were restored from a copy, or another ledger keeps books of this account", e.Account, e.Told, e.Have)
}

// Fix says what to do.
func (e *BehindError) Fix() string {
	return "stop the other ledger, or restore the newest copy; a new file (--db) is filled from the chain, from what the streams still hold, and with the executor's open orders"
}

// told is the last message of evt.ledger.<account>.
type told struct {
	seq    uint64 // of the message, 0 where there is none
	n      uint64 // of its last event
	anchor msgs.Anchor
}

func (s *Service) lastTold(ctx context.Context, a msgs.Account) (t told, err error) {
	stream, err := s.js.Stream(ctx, msgs.LogStream(a))
	if err != nil {
		return t, fmt.Errorf("open log of %s: %w", a, err)
	}
	m, err := stream.GetLastMsgForSubject(ctx, msgs.EvtSubject(msgs.FamilyLedger, a))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return t, nil
	}
	if err != nil {
		return t, fmt.Errorf("read last ledger event of %s: %w", a, err)
	}
	env, err := msgs.DecodeEnvelope(m.Data)
	if err != nil {
		return t, fmt.Errorf("read last ledger event of %s: %w", a, err)
	}
	if k := len(env.Events); k > 0 {
		t.n, t.anchor = msgs.HeadOf(env.Events[k-1]).N, *msgs.AnchorOf(env.Events[k-1])
	}
	t.seq = m.Sequence
	return t, nil
}

// outbox tells one account's events in order, each once. What is told is what the log holds: its last message says where to
// go on, and every append expects it to be the last, so that an acknowledgement that was lost repeats nothing.
type outbox struct {
	s    *Service
	k    *keeper
	d    *desk
	part part
	last told
}

// publish tells an account's events until ctx ends. The error is a *BehindError or that of the database.
func (s *Service) publish(ctx context.Context, k *keeper, d *desk) error {
	o := &outbox{s: s, k: k, d: d, part: part{partEvents, d.book.Terms.Account}}
	for known := false; ctx.Err() == nil; {
		if !known {
			if err := o.look(ctx); err != nil {
				return ignoreEnd(ctx, err)
			}
		}
		events, n, err := k.store.eventsAfter(ctx, d.book.ID, o.last.n)
		if err != nil {
			return ignoreEnd(ctx, err)
		}
		if len(events) == 0 {
			known = true
			s.lacks.have(o.part)
			select {
			case <-d.wake:
			case <-ctx.Done():
			}
			continue
		}
		if known = o.tell(ctx, events, n); !known {
			_ = pause(ctx, retryFirst)
		}
	}
	return nil
}

// look finds out where the log stands.
func (o *outbox) look(ctx context.Context) error {
	account := o.d.book.Terms.Account
	err := o.s.patiently(ctx, func() (err error) {
		o.last, err = o.s.lastTold(ctx, account)
		return err
	})
	if err != nil {
		return err
	}
	if o.last.n > o.d.book.FirstN {
		// That event was committed before it was told: it is in these books, or they are not those that told it.
		own, have, err := o.k.store.anchor(ctx, o.d.book.ID, o.last.n)
		if err != nil {
			return err
		}
		if own != o.last.anchor {
			return &BehindError{Account: account, Told: o.last.n, Have: have}
		}
	}
	if o.last.seq == 0 {
		o.last.n = o.d.told.Load() // nothing is on the log: it was purged, or is another one
	}
	o.d.told.Store(o.last.n)
	return nil
}

// tell publishes events up to number n, and reports false when it is not known whether the log has them.
func (o *outbox) tell(ctx context.Context, events []json.RawMessage, n uint64) bool {
	account := o.d.book.Terms.Account
	o.s.cfg.Passing(PointSending)
	seq, err := o.s.append(ctx, account, events, o.last.seq)
	if err != nil {
		if ctx.Err() == nil {
			o.s.lacks.fail(o.part, err)
			o.s.cfg.Log.Warn("events not taken by the log, looking where it stands", "account", account, "error", err)
		}
		return false
	}
	o.s.cfg.Passing(PointSent)
	o.last = told{seq: seq, n: n}
	o.d.told.Store(n)
	o.s.lacks.have(o.part)
	o.s.count.published(len(events))
	return true
}

// append stores events as one message behind the last one.
func (s *Service) append(ctx context.Context, a msgs.Account, events []json.RawMessage, last uint64) (uint64, error) {
	b, err := json.Marshal(struct {
		V       int               `json:"v"`
		Account msgs.Account      `json:"account"`
		Env     msgs.Env          `json:"env"`
		Owner   string            `json:"owner"`
		Events  []json.RawMessage `json:"events"`
	}{1, a, s.cfg.Env, s.cfg.Owner, events})
	if err != nil {
		return 0, fmt.Errorf("encode events: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	m := nats.NewMsg(msgs.EvtSubject(msgs.FamilyLedger, a))
	m.Data = b
	ack, err := s.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(last), jetstream.WithRetryAttempts(0))
	if err != nil {
		return 0, fmt.Errorf("append events: %w", err)
	}
	return ack.Sequence, nil
}

// anchor is where the chain of entries stood at an event, empty where there is none, and the number of the last event.
func (s *Store) anchor(ctx context.Context, book int64, n uint64) (a msgs.Anchor, last uint64, err error) {
	var body []byte
	err = s.read.QueryRowContext(ctx, "SELECT coalesce((SELECT body FROM event WHERE book = ? AND n = ?), x''), coalesce(max(n), 0) FROM event WHERE book = ?", book, n, book).
		Scan(&body, &last)
	if err != nil {
		return a, 0, fmt.Errorf("read event %d: %w", n, err)
	}
	if len(body) == 0 {
		return a, last, nil
	}
	e, err := msgs.DecodeEvent(body)
	if err != nil {
		return a, last, fmt.Errorf("read event %d: %w", n, err)
	}
	return *msgs.AnchorOf(e), last, nil
}

// eventsAfter are the next events of a book, at most one message's worth, and the number of the last.
func (s *Store) eventsAfter(ctx context.Context, book int64, n uint64) (out []json.RawMessage, last uint64, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT n, body FROM event WHERE book = ? AND n > ? ORDER BY n LIMIT ?", book, n, tellMost)
	if err != nil {
		return nil, 0, fmt.Errorf("read events: %w", err)
	}
	defer rows.Close()
	size := 0
	for rows.Next() {
		var at uint64
		var body []byte
		if err := rows.Scan(&at, &body); err != nil {
			return nil, 0, fmt.Errorf("read events: %w", err)
		}
		if size += len(body); size > tellBytes && len(out) > 0 {
			break
		}
		out, last = append(out, body), at
	}
	return out, last, rows.Err()
}
