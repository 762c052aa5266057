package relayer

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Bounds on commands.
const (
	// maxQueued bounds what waits: more than a day's units could carry is a mistake of its sender.
	maxQueued = 10_000
	// clockAhead is how far a sender's clock may be ahead.
	clockAhead = 2 * time.Second
)

// asked decides a command: it is queued, or refused at once. Every command gets an event, but a repeat.
func (t *decision) asked(a *Asked) {
	if a.Err != nil || a.Command == nil {
		err := a.Err
		if err == nil {
			err = failure(msgs.BadJSON, "the command could not be read", "see the contract")
		}
		t.drop(a, err)
		return
	}
	if t.repeated(a) {
		return
	}
	if c, ok := a.Command.(*msgs.TxCancel); ok {
		t.cancel(a, c)
		return
	}
	c := txOf(a.Command)
	if c == nil {
		t.drop(a, failure(msgs.UnknownVerb, "the verb is not one of on-chain work", "see the contract"))
		return
	}
	if err := t.refused(a, c); err != nil {
		t.drop(a, err)
		return
	}
	raw, err := msgs.EncodeCommand(a.Command)
	if err != nil {
		t.drop(a, failure(msgs.BadJSON, err.Error(), "see the contract"))
		return
	}
	e := &msgs.TxQueued{Head: a.head(msgs.KindTxQueued), LeavesByMS: leavesBy(a.Stored.UnixMilli(), c), Verb: a.Command.Verb(),
		Command: raw, StoredMS: a.Stored.UnixMilli(), ReplyTo: a.ReplyTo}
	if m := a.Market; m != nil && conditionOf(a.Command) != "" {
		for _, token := range m.Tokens {
			e.Tokens = append(e.Tokens, token.TokenID)
		}
		e.NegRisk = m.NegRisk
		if _, ok := a.Command.(*msgs.Convert); ok {
			e.QuestionID = m.QuestionID
		}
	}
	t.emit(e)
}

func (a *Asked) head(kind msgs.Type) msgs.Head {
	h := msgs.Head{Type: kind, CmdSeq: a.Seq, CmdHash: a.Hash, ReqID: string(a.Request)}
	if a.Command != nil {
		h.ReqID = a.Command.ID()
	}
	return h
}

// drop refuses a command; nothing of it has left.
func (t *decision) drop(a *Asked, err *msgs.Error) {
	e := &msgs.TxFailed{Head: a.head(msgs.KindTxDropped), Error: err, Final: true}
	if a.Command != nil {
		e.Meta = metaOf(a.Command)
	}
	t.emit(e)
}

func metaOf(c msgs.Command) json.RawMessage { return c.Base().Meta }

// refused says why a command cannot be taken, whatever the chain says.
func (t *decision) refused(a *Asked, c *msgs.TxCommon) *msgs.Error {
	switch sent := a.Command.Base().SentMS; {
	case t.held:
		return failure(msgs.LogInDoubt, "the account's log is in doubt: what it asked for before may have been executed", heldFix)
	case sent > t.at(clockAhead):
		return failure(msgs.ClockSkew, fmt.Sprintf("sent_ms is %d ms ahead of the clock here", sent-t.nowMS), "set the sender's clock")
	case sent != 0 && sent < t.at(-keepEnded):
		return failure(msgs.IDTooOld, "sent_ms is so long ago that it is not known any more whether the id was used", "use a new request_id")
	case c.DeadlineMS != 0 && c.DeadlineMS <= t.nowMS:
		return failure(msgs.DeadlinePassed, "deadline_ms had passed when it was read", "send it again with a later deadline_ms")
	case len(t.requests) >= maxQueued:
		return failure(msgs.QueueFull, fmt.Sprintf("%d requests wait already", maxQueued), "wait until some have ended")
	}
	if transfer, ok := a.Command.(*msgs.Transfer); ok {
		return t.refusedTransfer(transfer)
	}
	if conditionOf(a.Command) == "" {
		return nil
	}
	if a.Market == nil || len(a.Market.Tokens) != 2 {
		return failure(msgs.UnknownToken, "no market with two outcomes is known under this condition_id", "check it; a market that is new is known after some minutes")
	}
	if _, ok := a.Command.(*msgs.Convert); ok && !msgs.ValidHash(a.Market.QuestionID) {
		return failure(msgs.NotCapable, "only shares of a neg-risk event can be converted", "check condition_id, or sell the shares")
	}
	return nil
}

// unlisted refuses a transfer that was taken once and must not be signed now, as the configuration has changed.
func (t *decision) unlisted(r *request) *msgs.Error {
	if transfer, ok := r.command.(*msgs.Transfer); ok {
		return t.refusedTransfer(transfer)
	}
	return nil
}

func (t *decision) refusedTransfer(c *msgs.Transfer) *msgs.Error {
	if !common.IsHexAddress(c.To) || !slices.Contains(t.id.SendTo, common.HexToAddress(c.To)) {
		return failure(msgs.DestinationNotListed, "the address is not in the configuration file", "list it there; no message can")
	}
	if c.TokenID != "" {
		if _, err := polymarket.ParseTokenID(string(c.TokenID)); err != nil {
			return failure(msgs.UnknownToken, err.Error(), "check token_id")
		}
	}
	return nil
}

// repeated answers a command whose id is used: the same content gets the present state and no event, another is refused and
// leaves the first as it is.
func (t *decision) repeated(a *Asked) bool {
	id := msgs.RequestID(a.Command.ID())
	var hash string
	if r := t.requests[id]; r != nil {
		hash = r.Hash
	} else if e := t.ended.byID[id]; e != nil {
		hash = e.Hash
	} else {
		return false
	}
	if hash != "" && hash != a.Hash {
		t.drop(a, failure(msgs.DuplicateID, "the request_id was used for another command, which is not touched", "use a new request_id for every command"))
		return true
	}
	if e := t.present(id); e != nil && a.ReplyTo != "" {
		t.deed(Reply{a.ReplyTo, e})
	}
	return true
}

// cancel takes back what has not left.
func (t *decision) cancel(a *Asked, c *msgs.TxCancel) {
	r := t.requests[c.Cancels]
	switch e := t.ended.byID[c.Cancels]; {
	case r != nil && r.Unit == "" && !t.ghostly(r.ID):
		t.emit(&msgs.TxFailed{Head: r.about(msgs.KindTxDropped), Final: true, Meta: r.meta(),
			Error: failure(msgs.Withdrawn, fmt.Sprintf("taken back by %s before it left", c.RequestID), "nothing; it was not executed")})
		t.emit(&msgs.TxConfirmed{Head: a.head(msgs.KindTxConfirmed), GasPOL: "0", Final: true, Meta: c.Meta})
	case r != nil:
		t.refuseCancel(a, c, failure(msgs.AlreadyLeft, "it is in a unit that is under way", "follow it to its end"))
	case e != nil:
		t.refuseCancel(a, c, failure(msgs.AlreadyFinal, "it has ended with "+string(e.Last), "nothing"))
	default:
		t.refuseCancel(a, c, failure(msgs.NotFound, "no request of this id is known", "check cancels"))
	}
}

func (t *decision) refuseCancel(a *Asked, c *msgs.TxCancel, err *msgs.Error) {
	t.emit(&msgs.TxFailed{Head: a.head(msgs.KindTxFailed), Error: err, Final: true, Meta: c.Meta})
}
