package relayer

import (
	"log/slog"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// ear turns the records of one account's lane into messages for its core. It is total: what cannot be read is a message too. A
// record may be heard several times before it is decided.
type ear struct {
	account msgs.Account
	facts   *facts
	count   *counters
	log     *slog.Logger
	last    uint64 // sequence of what was heard last: it is counted once
}

// hear gives the message that a record is.
func (h *ear) hear(r actor.Record) any {
	a := &Asked{Seq: r.Seq, Stored: r.Stored}
	_, _, a.Verb, _ = msgs.SplitCmd(r.Subject)
	if r.Seq != h.last {
		h.last = r.Seq
		h.count.commands.WithLabelValues(a.Verb).Inc()
	}
	a.Command, a.Err = msgs.DecodeCommand(r.Subject, r.Data)
	if a.Err == nil {
		a.Err = a.Command.Check()
	}
	if err := msgs.CheckHeaders(r.Subject, r.Header, a.Command); a.Err == nil || err != nil && err.Code == msgs.BadReplyTo {
		a.Err = err
	}
	if to := r.Header[msgs.HeaderReplyTo]; len(to) == 1 && msgs.ValidReplyTo(to[0]) {
		a.ReplyTo = to[0]
	}
	_, a.Request = msgs.PeekID(r.Data)
	if a.Command == nil || a.Err != nil {
		return a
	}
	a.Hash = msgs.ContentHash(a.Command)
	if id := conditionOf(a.Command); id != "" {
		a.Market = h.facts.market(id)
	}
	return a
}
