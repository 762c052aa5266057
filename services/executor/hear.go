package executor

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// ear turns the records of one account's lanes into messages for its core. It is total: what cannot be read is a message
// too. A record may be heard several times before it is decided.
type ear struct {
	account msgs.Account
	facts   *facts
	books   *books
	copies  copies
	dead    func(r actor.Record, err *msgs.Error)
	count   *counters
	log     *slog.Logger
	room    func() actor.Room
	heard   atomic.Uint64      // the last sequence of the submit lane
	fedMS   atomic.Int64       // when the latest private event was received
	head    Asked              // what was heard last of the submit lane, without the world
	headOf  string             // its stream; empty while nothing was heard
	verb    string             // of the command heard last
	heardOf prometheus.Counter // the commands of that verb
}

// hear gives the message that a record is.
func (h *ear) hear(r actor.Record) any {
	if r.Lane == laneSubmit {
		return h.asked(&r)
	}
	switch r.Subject {
	case msgs.FeedSubject(h.account, "order"):
		f := &msgs.FeedOrder{}
		return h.fed(r, f, &Fed{Order: f, Stored: r.Stored})
	case msgs.FeedSubject(h.account, "trade"):
		f := &msgs.FeedTrade{}
		return h.fed(r, f, &Fed{Trade: f, Stored: r.Stored})
	}
	return h.asked(&r)
}

func (h *ear) fed(r actor.Record, into any, m *Fed) any {
	if err := json.Unmarshal(r.Data, into); err != nil {
		h.dead(r, failure(msgs.BadJSON, "the private event cannot be read: "+err.Error(), "see what writes feed.>"))
		return nil
	}
	h.fedMS.Store(r.Stored.UnixMilli())
	return m
}

// asked gives a command with the world as it is now. The head of the submit lane is asked for again while it waits: it is
// decoded and counted once.
func (h *ear) asked(r *actor.Record) any {
	if r.Lane != laneSubmit {
		a := new(Asked)
		h.first(a, r)
		h.see(a)
		return a
	}
	if !h.headIs(r) {
		h.head = Asked{}
		h.first(&h.head, r)
		h.heard.Store(r.Seq)
		h.headOf = r.Stream
	}
	a := h.head
	h.see(&a)
	return &a
}

// first decodes and counts a command that was not heard before.
func (h *ear) first(a *Asked, r *actor.Record) {
	h.decode(a, r)
	if a.ReplyTo != "" {
		h.copies.expect(a)
	}
	if h.heardOf == nil || a.Verb != h.verb {
		h.verb, h.heardOf = a.Verb, h.count.commands.WithLabelValues(a.Verb)
	}
	h.heardOf.Inc()
}

// headIs reports whether a record is the one that was heard last of the submit lane, and not one under its sequence of a
// stream that was made anew.
func (h *ear) headIs(r *actor.Record) bool {
	return r.Lane == laneSubmit && r.Stream == h.headOf && r.Seq == h.head.Seq && r.Stored.Equal(h.head.Stored)
}

// decode reads a command, and what follows from it alone, into an empty message.
func (h *ear) decode(a *Asked, r *actor.Record) {
	a.Seq, a.Stored, a.All = r.Seq, r.Stored, r.Stream == msgs.AskAllStream
	_, _, a.Verb, _ = msgs.SplitCmd(r.Subject)
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
	if c, ok := a.Command.(*msgs.Submit); ok && a.Err == nil {
		a.Client = c.ClientOrderID
	} else {
		a.Client, a.Request = msgs.PeekID(r.Data)
	}
	if a.Command == nil || a.Err != nil {
		return
	}
	a.Hash = msgs.ContentHash(a.Command)
	switch c := a.Command.(type) {
	case *msgs.Submit:
		a.Salt = saltOf(h.account, c.ClientOrderID, a.Seq)
	case *msgs.Replace:
		a.Salt = saltOf(h.account, c.ClientOrderID, a.Seq)
	}
}

// see lays beside a command what its decision may use of the world, as it is now.
func (h *ear) see(a *Asked) {
	a.Facts = h.facts.now()
	if r := h.room(); r.Full() {
		a.Full = r.String()
	}
	c, ok := a.Command.(*msgs.Submit)
	if !ok || a.Err != nil || c.MaxSlippage == nil {
		return
	}
	token := c.TokenID
	if token == "" {
		_, token = a.Facts.Outcome(c.Market, c.Outcome)
	}
	a.Book = h.books.last(token)
}

// saltOf makes the salt of an order from what names its command, so that a repeated decision makes the same order.
func saltOf(a msgs.Account, id msgs.ClientOrderID, seq uint64) uint64 {
	const most = 128 // bytes; an account has at most 32, an id 64
	b := append(append(append(append(make([]byte, 0, most), "sluice salt\x00"...), a...), 0), id...)
	h := sha256.Sum256(binary.LittleEndian.AppendUint64(b, seq))
	return binary.LittleEndian.Uint64(h[:8]) & polymarket.MaxSalt
}
