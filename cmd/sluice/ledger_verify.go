package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
	"sluice/services/ledger"
)

type ledgerVerifyCmd struct {
	busFlags
	bookFlags
	Offline bool `name:"offline" help:"Without the bus: a row that was changed with every later hash recomputed is not found."`
}

// verdict is what verify says of all books.
type verifyVerdict struct {
	Content bool             `json:"content"`
	Books   []ledger.Finding `json:"books"`
}

// Run verifies every book of the file, and ends with 1 when something does not hold.
func (c *ledgerVerifyCmd) Run(a *app) error {
	path := c.path(c.Data)
	s, err := ledger.ReadStore(a.ctx, path)
	if err != nil {
		return problem("no_books", err.Error(), "name the file with --db, or the data directory of sluice up with --data")
	}
	defer s.Close()
	books, err := s.Books(a.ctx)
	if err != nil {
		return err
	}
	look := s.VerifyAlone
	if !c.Offline {
		nc, err := c.service()
		if err != nil {
			return err
		}
		defer nc.Close()
		js, err := jetStream(nc)
		if err != nil {
			return err
		}
		look = func(ctx context.Context, b ledger.Book) (ledger.Finding, error) { return verifyTold(ctx, js, s, b) }
	}
	v := verifyVerdict{Content: true}
	var rows [][]string
	for _, b := range books {
		f, err := look(a.ctx, b)
		if err != nil {
			return fmt.Errorf("verify books of %s: %w", b.Terms.Account, err)
		}
		v.Content, v.Books = v.Content && len(f.Wrong) == 0, append(v.Books, f)
		state := "whole"
		if len(f.Wrong) > 0 {
			state = f.Wrong[0]
		}
		rows = append(rows, []string{string(f.Account), fmt.Sprint(f.Entries), fmt.Sprint(f.Anchored), short(f.Hash), state})
	}
	if err := a.print(v, []string{"ACCOUNT", "ENTRIES", "TOLD UP TO", "HASH", "STATE"}, rows); err != nil {
		return err
	}
	if !v.Content {
		return exitCode(exitFailed)
	}
	return nil
}

// verifyTold verifies a book against what the bus holds of it. That is read first: the books may go on meanwhile.
func verifyTold(ctx context.Context, js jetstream.JetStream, s *ledger.Store, b ledger.Book) (ledger.Finding, error) {
	told, err := heads(ctx, js, b.Terms.Account)
	if err != nil {
		return ledger.Finding{}, err
	}
	return s.Verify(ctx, b, told)
}

// headsTimeout bounds reading what the bus holds of one account.
const headsTimeout = time.Minute

// heads reads every word about an account's chain of entries from the log.
func heads(ctx context.Context, js jetstream.JetStream, account msgs.Account) (out []ledger.Told, err error) {
	ctx, cancel := context.WithTimeout(ctx, headsTimeout)
	defer cancel()
	fail := func(err error) ([]ledger.Told, error) {
		return nil, problem("no_heads", fmt.Sprintf("cannot read what was told on evt.ledger.%s: %v", account, err),
			"look at the bus with: sluice doctor; --offline verifies without it")
	}
	stream, err := js.Stream(ctx, msgs.LogStream(account))
	if err != nil {
		return fail(err)
	}
	c, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{FilterSubject: msgs.EvtSubject(msgs.FamilyLedger, account),
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverAllPolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: headsTimeout})
	if err != nil {
		return fail(err)
	}
	const at = 500 // messages asked for at once
	for left := c.CachedInfo().NumPending; left > 0; {
		n := min(left, at)
		batch, err := c.Fetch(int(n), jetstream.FetchContext(ctx))
		if err != nil {
			return fail(err)
		}
		for m := range batch.Messages() {
			n--
			left--
			env, err := msgs.DecodeEnvelope(m.Data())
			if err != nil {
				return fail(err)
			}
			for _, e := range env.Events {
				out = append(out, ledger.Told{N: msgs.HeadOf(e).N, Anchor: *msgs.AnchorOf(e)})
			}
		}
		if n > 0 {
			return fail(fmt.Errorf("%d messages did not come: %w", left, batch.Error()))
		}
	}
	return out, nil
}
