package relayer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/evm"
	"sluice/pkg/evm/sender"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// steps reads the fates of an EOA's transactions, which the sender knows.
func (w *watch) steps(ctx context.Context, s *Seen) error {
	agreed := w.pool.Finalized(ctx)
	s.Steps = make([]Step, len(w.Unit.Calls))
	s.Final, s.Executed, s.Carrier = true, true, msgs.ByOwnGas
	s.Effect = msgs.Effect{}
	for i := range s.Steps {
		step := &s.Steps[i]
		if n := slices.IndexFunc(w.Refused, func(r msgs.TxRefused) bool { return r.Call == i }); n >= 0 {
			step.Err, step.Final = w.Refused[n].Error, true
		} else if err := w.step(ctx, agreed, intentOf(&w.Unit, i), step); err != nil {
			return err
		}
		s.Final, s.Executed = s.Final && step.Final, s.Executed && step.Block > 0 && step.Err == nil
		s.GasPaid = s.GasPaid.Plus(step.GasPaid)
		if step.TxHash != "" {
			s.TxHash, s.Block = step.TxHash, step.Block
		}
		for name, change := range step.Effect {
			s.Effect[name] += change
		}
	}
	return nil
}

func (w *watch) step(ctx context.Context, agreed uint64, id string, out *Step) error {
	hash, _ := w.mined.of(id)
	r, ended := w.end(id)
	if ended {
		hash, out.Final, out.GasPaid = r.Hash, true, r.Cost
		switch r.Outcome {
		case sender.Failed:
			out.Err = revertedIn(r.Hash)
		case sender.Voided:
			out.Err = &msgs.Error{Code: msgs.Reverted, Cause: "the transaction was voided: " + r.Cause, Fix: "ask for it again"}
		}
	}
	if hash == (polymarket.Hash{}) || r.Outcome == sender.Voided {
		return nil
	}
	return w.pool.Read(ctx, func(ctx context.Context, n *evm.Node) error {
		at := sighting{watch: w, n: n}
		tx, err := at.receipt(ctx, hash)
		switch {
		case err != nil:
			return err
		case tx == nil && ended:
			return fmt.Errorf("it does not show transaction %s, which is final", hash)
		case tx == nil:
			return nil
		}
		out.TxHash, out.Block, out.GasPaid = msgs.TxHash(tx.Hash.Hex()), uint64(tx.Block), tx.cost()
		if out.Effect = effectOf(w.who, tx.logs()); tx.Status != 1 {
			out.Err = revertedIn(tx.Hash)
		}
		return nil
	})
}

func revertedIn(hash common.Hash) *msgs.Error {
	return &msgs.Error{Code: msgs.Reverted, Cause: "the transaction reverted on chain", Fix: "look at it: " + strings.ToLower(hash.Hex())}
}
