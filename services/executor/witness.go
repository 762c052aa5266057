package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// witness asks the bus what it knows of an account beside the log.
type witness struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	account msgs.Account
	log     *slog.Logger
}

// Bounds of asking.
const (
	ledgerTries   = 3
	ledgerTimeout = time.Second
	// maxHeard bounds the private events looked through, an executor's absence of a busy day. Orders told of beyond that
	// count as unexplained, which at worst asks an operator.
	maxHeard = 100_000
	// heardPull is how many are fetched at once, and heardWait how long one fetch may take.
	heardPull = 1000
	heardWait = 5 * time.Second
)

// booked asks the ledger what it has booked of the account's events.
func (w *witness) booked(ctx context.Context) Booked {
	subject := msgs.SvcSubject("ledger", w.account, "position")
	for range ledgerTries {
		try, cancel := context.WithTimeout(ctx, ledgerTimeout)
		m, err := w.nc.RequestWithContext(try, subject, nil)
		cancel()
		if errors.Is(err, nats.ErrNoResponders) {
			w.log.Info("no ledger answers; the log is not compared with one")
			return Booked{Said: ledgerAbsent}
		}
		var p msgs.LedgerPosition
		if err == nil && m.Header.Get("Nats-Service-Error") != "" {
			err = fmt.Errorf("ledger answers: %s", m.Header.Get("Nats-Service-Error"))
		}
		if err == nil {
			err = json.Unmarshal(m.Data, &p)
		}
		if err == nil {
			return Booked{ledgerAgrees, p.Order}
		}
		w.log.Warn("ledger does not say what it has booked", "error", err)
	}
	return Booked{Said: ledgerSilent}
}

// heard lists the orders of which the user channel told as they were placed, after what the log has decided and before the
// first submit that it has not: those cannot be ours, whatever became of the log.
func (w *witness) heard(ctx context.Context, at actor.Started) (map[msgs.OrderID]bool, error) {
	stream, err := w.js.Stream(ctx, msgs.AskStream(w.account))
	if err != nil {
		return nil, fmt.Errorf("look through the feed: %w", err)
	}
	until, err := w.firstSubmit(ctx, stream, at.Cursors[laneSubmit]+1)
	if err != nil {
		return nil, fmt.Errorf("look for submits: %w", err)
	}
	c, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubjects: []string{msgs.FeedSubject(w.account, "order"), msgs.FeedSubject(w.account, "trade")},
		AckPolicy:      jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq: at.Cursors[laneExpress] + 1, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return nil, fmt.Errorf("look through the feed: %w", err)
	}
	heard := map[msgs.OrderID]bool{}
	for left := min(c.CachedInfo().NumPending, maxHeard); left > 0; {
		batch, err := c.Fetch(int(min(left, heardPull)), jetstream.FetchMaxWait(heardWait))
		if err != nil {
			return nil, fmt.Errorf("look through the feed: %w", err)
		}
		got := uint64(0)
		for m := range batch.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				return nil, fmt.Errorf("look through the feed: %w", err)
			}
			if got++; meta.Sequence.Stream < until {
				hear(heard, m)
			}
		}
		if got == 0 {
			return nil, errors.Join(errors.New("look through the feed: nothing came"), batch.Error())
		}
		left -= got
	}
	return heard, nil
}

// hear notes the orders that a private event tells of as just placed.
func hear(heard map[msgs.OrderID]bool, m jetstream.Msg) {
	var e struct {
		msgs.FeedOrder
		Legs []msgs.FeedLeg `json:"legs"`
	}
	if json.Unmarshal(m.Data(), &e) != nil || e.Source != msgs.FromSocket {
		return
	}
	if e.Change == changePlacement {
		heard[e.OrderID] = true
	}
	for _, l := range e.Legs {
		if l.Role == msgs.Taker {
			heard[l.OrderID] = true
		}
	}
}

// firstSubmit is the sequence of the first submit or replace at or after from, the largest there is without one.
func (w *witness) firstSubmit(ctx context.Context, stream jetstream.Stream, from uint64) (uint64, error) {
	first := ^uint64(0)
	for _, verb := range []string{msgs.VerbSubmit, msgs.VerbReplace} {
		m, err := stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(msgs.CmdSubject(msgs.FamilyOrder, w.account, verb)))
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			return 0, err
		default:
			first = min(first, m.Sequence)
		}
	}
	return first, nil
}
