package share

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/lend"
)

// claim takes the place of a granter that is gone. Of several that try one succeeds, and the others ask it.
func (n *Node) claim(ctx context.Context) (time.Duration, error) {
	n.asked = time.Time{}
	if err := n.listen(); err != nil {
		n.log.Warn("shared limits not claimed", "error", err)
		return retryFirst, nil
	}
	try, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	rec, ago, rev, err := n.take(try)
	if err != nil {
		n.deaf()
		if broken, ok := errors.AsType[*unreadable](err); ok {
			return 0, broken
		}
		if ctx.Err() == nil {
			n.log.Info("shared limits not claimed", "error", err)
		}
		return retryFirst + rand.N(2*retryFirst), nil
	}
	n.rev = rev
	n.limiter.Under(func(now time.Time, b *budget.Budget) {
		n.grants, err = lend.NewGranter(n.cfg.Lend, n.id, n.cfg.Profile, n.cfg.Options, now, rec, ago)
		if err != nil {
			n.grants = nil
			return
		}
		b.LearnTiers(now, rec.Tiers)
		b.LearnLimits(now, rec.Learned)
		b.Gate().Share(n, b.Meters()...)
		n.resident, n.borrows = lend.NewResident(n.grants, b), nil
		n.grants.Know(n.keep(b)...)
	})
	if err != nil {
		return 0, err
	}
	n.log.Info("granting shared limits", "name", n.cfg.Name, "epoch", rec.Epoch, "record_age_ms", ago.Milliseconds())
	return n.grant(ctx)
}

// unreadable reports a record that this program cannot use.
type unreadable struct{ error }

var errLost = errors.New("another process was faster")

// take writes the claim and says what the record before it holds.
func (n *Node) take(ctx context.Context) (rec lend.Record, ago time.Duration, rev uint64, err error) {
	old, err := n.kv.Get(ctx, n.cfg.Name)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		rec = lend.Record{}.Claim(n.id, time.Time{})
		rev, err = n.kv.Create(ctx, n.cfg.Name, encode(rec))
		return rec, 0, rev, err
	case err != nil:
		return rec, 0, 0, err
	}
	before, err := lend.ReadRecord(old.Value())
	if err != nil {
		return rec, 0, 0, &unreadable{err}
	}
	rec = before.Claim(n.id, old.Created())
	if rev, err = n.kv.Update(ctx, n.cfg.Name, encode(rec), old.Revision()); err != nil {
		return rec, 0, 0, err
	}
	for { // a replica may be behind
		now, err := n.kv.Get(ctx, n.cfg.Name)
		if err != nil {
			return rec, 0, 0, err
		}
		if now.Revision() == rev {
			return rec, before.Ago(old.Created(), now.Created()), rev, nil
		}
		if now.Revision() > rev {
			return rec, 0, 0, errLost
		}
		if err := pause(ctx, retryFirst); err != nil {
			return rec, 0, 0, err
		}
	}
}

func encode(r lend.Record) []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic("share: record does not encode: " + err.Error())
	}
	return b
}

// listen hears what borrowers ask from now on, also what they ask while this process claims.
func (n *Node) listen() (err error) {
	if n.ask == nil {
		n.ask, err = n.cfg.NATS.ChanSubscribe(n.subject("ask"), n.inbox)
	}
	if n.status == nil && err == nil {
		n.status, err = n.cfg.NATS.ChanSubscribe(n.subject("status"), n.inbox)
	}
	return err
}

// deaf ends listen.
func (n *Node) deaf() {
	for _, s := range []*nats.Subscription{n.ask, n.status} {
		if s != nil {
			_ = s.Unsubscribe() // at the end of the connection there is nothing to undo
		}
	}
	n.ask, n.status = nil, nil
}

// grant lends, answers, and writes what must be on disk.
func (n *Node) grant(ctx context.Context) (time.Duration, error) {
	var words []lend.Word
	wait := restBeat
	n.limiter.Under(func(now time.Time, _ *budget.Budget) {
		if !now.Before(n.beat.Add(lend.Beat)) {
			n.resident.Pulse(now)
			n.beat = now
		}
		next := n.grants.Turn(now)
		n.resident.Fetch()
		words = n.grants.Words(now)
		if n.flying == nil && n.grants.NeedsRecord(now) {
			r := n.grants.Record(now)
			n.write(ctx, &r)
		}
		if n.resident.Holding() {
			wait = lend.Beat
		}
		if !next.IsZero() {
			wait = min(wait, next.Sub(now))
		}
	})
	for _, w := range words {
		if to := n.replies[w.To]; to != "" {
			n.send(n.cfg.NATS, to, "", w.Give)
		}
	}
	return max(0, wait), nil
}

// landing is what became of a record: the revision under which it is on disk, or why it is not.
type landing struct {
	rev uint64
	err error
}

// write brings the record to disk beside the loop, which hears of it.
func (n *Node) write(ctx context.Context, r *lend.Record) {
	n.flying = r
	rev := n.rev
	go func() {
		rev, err := n.put(ctx, encode(*r), rev)
		n.written <- landing{rev, err}
	}()
}

// put writes the record as the next after a revision, again and again until it is known to be there or that another is.
func (n *Node) put(ctx context.Context, b []byte, after uint64) (uint64, error) {
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		try, cancel := context.WithTimeout(ctx, writeWait)
		rev, err := n.kv.Update(try, n.cfg.Name, b, after)
		cancel()
		if err == nil || ctx.Err() != nil {
			return rev, ctx.Err()
		}
		if errors.Is(err, nats.ErrConnectionClosed) {
			return 0, err
		}
		try, cancel = context.WithTimeout(ctx, writeWait)
		e, err2 := n.kv.Get(try, n.cfg.Name)
		cancel()
		switch {
		case err2 != nil:
			n.log.Warn("record of shared limits not written, trying again", "error", err)
		case string(e.Value()) == string(b):
			return e.Revision(), nil
		case e.Revision() > after:
			return 0, errLost
		}
		if pause(ctx, wait) != nil {
			return 0, ctx.Err()
		}
	}
}

// landed takes in that the record is on disk, or that somebody else grants.
func (n *Node) landed(ctx context.Context, l landing) {
	if l.err != nil {
		if ctx.Err() != nil {
			return // leave finds out what became of it
		}
		n.flying = nil
		n.log.Warn("another process grants the shared limits", "name", n.cfg.Name)
		n.deaf()
		n.limiter.Under(func(_ time.Time, b *budget.Budget) { n.follow(b) })
		return
	}
	n.flying, n.rev = nil, l.rev
	n.limiter.Under(func(time.Time, *budget.Budget) {
		n.grants.Written()
		n.resident.Fetch()
	})
}

func (n *Node) heardAsk(m *nats.Msg) {
	var a lend.Ask
	if !n.granting() || json.Unmarshal(m.Data, &a) != nil || strings.HasPrefix(a.From, n.id+".") {
		return
	}
	n.replies[a.From] = m.Reply
	n.limiter.Under(func(now time.Time, _ *budget.Budget) { n.grants.Hear(now, a) })
}

// leave hands over: a granter writes that nothing more is lent, a borrower gives back what it holds.
func (n *Node) leave() {
	defer n.deaf()
	ctx, cancel := context.WithTimeout(context.Background(), lastWait)
	defer cancel()
	if !n.granting() {
		var a lend.Ask
		n.limiter.Under(func(now time.Time, _ *budget.Budget) {
			n.borrows.GiveUp()
			a = n.borrows.Ask(now)
		})
		n.send(n.cfg.NATS, n.subject("ask"), "", a)
		return
	}
	if n.flying != nil { // what is on its way must be known before the last
		if l := <-n.written; l.err == nil {
			n.rev = l.rev
		} else if rev, err := n.put(ctx, encode(*n.flying), n.rev); err == nil {
			n.rev = rev
		} else {
			return
		}
	}
	var last []byte
	n.limiter.Under(func(now time.Time, _ *budget.Budget) {
		n.resident.GiveUp(now)
		last = encode(n.grants.Last(now))
		n.resident.Fetch()
	})
	if _, err := n.put(ctx, last, n.rev); err != nil {
		n.log.Info("last record of shared limits not written; the next to grant waits for what may be on the way", "error", err)
	}
}
