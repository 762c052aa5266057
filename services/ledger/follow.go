package ledger

import (
	"context"
	"fmt"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// ChainError reports a chain that is not the one of the books.
type ChainError struct{ Have, Own string }

func (e *ChainError) Error() string { return e.Cause() + "; " + e.Fix() }

// Cause says what is wrong.
func (e *ChainError) Cause() string {
	return fmt.Sprintf("the transfers are of chain %s and the books are of chain %s", e.Own, e.Have)
}

// Fix says what to do.
func (e *ChainError) Fix() string {
	return "correct the address of the chain, or keep the books of the other chain in another file with --db"
}

// follow feeds the chain to the books. One reader serves all accounts; it starts where the first of them has stopped.
func (s *Service) follow(ctx context.Context, k *keeper) error {
	chain, seq := k.desks[0].from.Chain, k.desks[0].from.ChainSeq
	for _, d := range k.desks {
		if d.from.Chain != chain {
			seq = 0
		}
		seq = min(seq, d.from.ChainSeq)
	}
	hold := time.Duration(0) // until an answer has had no more
	for again := retryFirst; ctx.Err() == nil; {
		page, err := s.cfg.Transfers.After(ctx, chain, seq, hold)
		if err != nil {
			if ctx.Err() == nil {
				s.lacks.fail(part{name: partChain}, err)
				s.cfg.Log.Warn("chain not available, asking again", "error", err)
			}
			_ = pause(ctx, again)
			again, hold = min(2*again, retryLast), 0
			continue
		}
		if again = retryFirst; page.Chain != chain && chain != "" {
			if s.cfg.Env != msgs.Sandbox {
				return &ChainError{Have: chain, Own: page.Chain}
			}
			s.cfg.Log.Warn("the local venue has started again: its chain is new, and so are the balances", "chain", page.Chain)
			chain, seq = page.Chain, 0
			continue
		}
		chain = page.Chain
		for _, x := range page.Txs {
			for _, d := range k.desks {
				if err := k.give(ctx, work{desk: d, inputs: []Input{Mined{Chain: chain, Tx: x}}}); err != nil {
					return nil
				}
			}
			seq = x.Seq
		}
		if len(page.Txs) == 0 {
			if k.settled(ctx) != nil {
				return nil
			}
			hold = holdOpen
			s.lacks.have(part{name: partChain})
		}
	}
	return nil
}

// holdOpen is how long the chain may wait for the next transaction before it says that there is none: also how often it is
// heard.
const holdOpen = 30 * time.Second

// reportEvery is the pause between two words about how far the streams are read; each is a synced write.
const reportEvery = 10 * time.Second

// report says how far the ledger has booked the streams, so that nothing is removed before.
func (s *Service) report(ctx context.Context, k *keeper) error {
	var readers *actor.Readers
	if err := s.patiently(ctx, func() (err error) {
		readers, err = actor.OpenReaders(ctx, s.js, s.cfg.Replicas)
		return err
	}); err != nil {
		return ignoreEnd(ctx, err)
	}
	said := map[string]uint64{}
	for first := true; ; first = false {
		at, err := asked(ctx, k, k.placed)
		if err != nil {
			return nil
		}
		for _, stream := range byKey(at) {
			if seq := at[stream]; first || seq != said[stream] {
				if err := readers.Report(ctx, stream, serviceName, seq); err != nil {
					s.cfg.Log.Warn("position not reported, trying again", "stream", stream, "error", err)
					continue
				}
				said[stream] = seq
			}
		}
		if pause(ctx, reportEvery) != nil {
			return nil
		}
	}
}

// booked is how far a ledger, with these books or with others, has said that it has booked a stream: nothing beyond is
// removed by the writers.
func (s *Service) booked(ctx context.Context, stream string) (seq uint64, err error) {
	err = s.patiently(ctx, func() error {
		readers, err := actor.OpenReaders(ctx, s.js, 0)
		if err != nil {
			return err
		}
		at, err := readers.Positions(ctx, stream)
		seq = at[serviceName]
		return err
	})
	return seq, err
}

// placed is how far each stream is booked.
func (k *keeper) placed() map[string]uint64 {
	at := map[string]uint64{}
	for _, d := range k.desks {
		a := d.book.Terms.Account
		at[msgs.LogStream(a)], at[msgs.AskStream(a)] = d.journal.At.LogAt.Seq, d.journal.At.FeedAt.Seq
	}
	return at
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
