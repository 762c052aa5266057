package sender

import (
	"context"
	"time"

	"sluice/pkg/evm"
)

// Status is how a key stands.
type Status struct {
	Seen    time.Time // when the chain was last looked at; zero: not yet
	Balance evm.Wei
	// Spent is what the last 24 hours have cost, Reserved what is signed and not final at its worst.
	Spent, Reserved evm.Wei
	Stopped         string   // why nothing new is signed; empty: it is not stopped
	Low             bool     // the account runs out of what gas is paid with
	Open            []Open   // by nonce
	Queued          []string // ids that wait for a nonce, in order
	Behind          bool     // the journal could not be read after a write that may have failed: what is not known here may be taken on all the same
}

// Open is a nonce whose fate is not final.
type Open struct {
	ID       string
	Nonce    uint64
	Attempts int
	Cap      evm.Wei // what the last attempt offers for a unit of gas
	Mined    bool    // in a block that may still be abandoned
	Void     bool    // it is not wanted any more, or fills a hole
}

// Status tells how the key stands.
func (s *Sender) Status(ctx context.Context) (Status, error) {
	var st Status
	err := s.do(ctx, func(context.Context) error {
		st = s.box.status(time.Now())
		st.Behind = s.behind
		return nil
	})
	return st, err
}

func (o *Outbox) status(now time.Time) Status {
	st := Status{Seen: o.observed, Balance: o.sight.Balance, Spent: o.spent(now), Reserved: o.reserved(nil), Stopped: o.stopped, Low: o.Low() != nil}
	for _, j := range o.inTurn() {
		_, mined := o.mined(j)
		st.Open = append(st.Open, Open{j.ID, j.nonce, len(j.attempts), j.last().Cap, mined, j.void != ""})
	}
	for _, j := range o.queue {
		st.Queued = append(st.Queued, j.ID)
	}
	return st
}
