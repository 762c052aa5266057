package executor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/limits/door"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Names of the lanes: the keys of the cursors on the log.
const (
	laneExpress = "express"
	laneAll     = "all"
	laneSubmit  = "submit"
)

// What a desk is at.
const (
	deskOpening = "opening"
	deskOpen    = "open"
	deskSpare   = "owned by another process, and waiting to take over"
)

// desk is one account: its actor, what performs for it, and who answers for it.
type desk struct {
	s     *Service
	cfg   Account
	core  *Orders // of the actor that runs; only its loop touches it
	ear   *ear
	actor atomic.Pointer[actor.Actor]
	state atomic.Pointer[string]
	feed  atomic.Pointer[msgs.FeedStatus]
	venue venueState
	log   *slog.Logger

	serving func(context.Context, *actor.Actor) error // answers for the account until the context ends
}

func (s *Service) newDesk(a Account) *desk {
	log := s.cfg.Log.With("account", a.Name)
	d := &desk{s: s, cfg: a, log: log}
	d.serving = d.serve
	d.is(deskOpening)
	d.ear = &ear{account: a.Name, facts: s.facts, books: s.books, copies: copies{actor.NewCopies(s.cfg.NATS, s.cfg.Env, log)}, dead: s.dead, count: s.count, log: log, room: d.room}
	return d
}

func (d *desk) is(state string) { d.state.Store(&state) }

// run owns the account whenever nobody else does, until ctx ends. Whoever is replaced waits again as a spare.
func (d *desk) run(ctx context.Context, storage actor.Storage) error {
	d.is(deskOpening)
	if err := actor.CheckEnv(ctx, d.s.js, msgs.FamilyOrder, d.cfg.Name, d.s.cfg.Env); err != nil {
		return err
	}
	api := polymarket.CLOB{BaseURL: d.s.cfg.CLOB, HTTP: door.Client(d.s.cfg.HTTP, d.s.limits, string(d.cfg.Name), d.log), ChainID: d.s.cfg.ChainID, Key: d.cfg.Key}
	creds, err := d.credentials(ctx, api)
	if err != nil {
		return nil // the context has ended
	}
	venue := newCLOB(api, d.cfg.Name, creds)
	watching, unwatch := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { d.watchLog(watching, venue) })
	watch.Go(func() { d.followTier(watching, venue) })
	defer watch.Wait()
	defer unwatch()
	return storage.Leases.Own(ctx, msgs.FamilyOrder+"."+string(d.cfg.Name), d.s.cfg.Exclusive, func(string) { d.is(deskSpare) }, func(ctx context.Context) error {
		d.is(deskOpening)
		return d.own(ctx, venue, storage)
	})
}

// own runs the account's actor and answers for it until ctx ends or the actor is replaced. An account that nobody can ask about,
// and that the watch over its log does not take for ours, does not trade: when it cannot be answered for, its actor ends.
func (d *desk) own(ctx context.Context, v Venue, storage actor.Storage) error {
	act := d.newActor(v, storage)
	d.actor.Store(act)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() {
		err := d.serving(ctx, act)
		if err != nil {
			stop()
		}
		served <- err
	}()
	var heeding sync.WaitGroup
	heeding.Go(func() { d.heedMarks(ctx, act) })
	err := act.Run(ctx)
	stop()
	heeding.Wait()
	return errors.Join(err, <-served)
}

func (d *desk) newActor(v Venue, storage actor.Storage) *actor.Actor {
	s, name := d.s, d.cfg.Name
	d.core = NewOrders(d.cfg.identity(s.cfg.ChainID), Rules{Caps: d.cfg.Caps, BookAge: s.cfg.BookAge, FactAge: s.cfg.FactAge, UnknownOrders: s.cfg.UnknownOrders})
	p := &performer{
		account: string(name), venue: v, signer: signer{d.cfg.Key, s.cfg.ChainID}, limits: s.limits, reply: d.ear.copies.Send,
		log: d.log, count: s.count, revoked: &revoked{}, seen: &d.venue, dry: s.cfg.DryRun, keep: s.cfg.Limits.KeepCancel, holds: true,
		witness: &witness{s.cfg.NATS, s.js, name, d.log},
	}
	cmd := func(verb string) string { return msgs.CmdSubject(msgs.FamilyOrder, name, verb) }
	control := func(a msgs.Account, verb string) string { return msgs.CmdSubject(msgs.FamilyControl, a, verb) }
	core := actor.Core(d.core)
	if s.cfg.Around != nil {
		core = s.cfg.Around(name, core)
	}
	return actor.New(actor.Config{
		Account: name, Env: s.cfg.Env, Family: msgs.FamilyOrder, Owner: s.cfg.Owner, Service: serviceName, JS: s.js, Ask: s.ask, Core: core,
		Express: []actor.Lane{
			{Name: laneExpress, Stream: msgs.AskStream(name), Subjects: []string{
				cmd(msgs.VerbCancel), cmd(msgs.VerbCancelAll), control(name, msgs.VerbHalt), control(name, msgs.VerbResume),
				msgs.FeedSubject(name, "order"), msgs.FeedSubject(name, "trade"),
			}},
			{Name: laneAll, Stream: msgs.AskAllStream, Subjects: []string{control(msgs.AllAccounts, msgs.VerbHalt), control(msgs.AllAccounts, msgs.VerbResume)}},
		},
		Submit: &actor.Lane{Name: laneSubmit, Stream: msgs.AskStream(name), Subjects: []string{cmd(msgs.VerbSubmit), cmd(msgs.VerbReplace)}},
		Hear:   d.ear.hear, Perform: p.Perform, Prepare: p.Prepare, Limiter: s.limits.Orders(string(name)), Published: d.published, Log: d.log, Snapshots: storage.Snapshots,
		SnapshotEvery: s.cfg.SnapshotEvery, Passing: s.cfg.Passing,
		First: d.firstWords(), Readers: storage.Readers, Disk: d.disk(), Judges: true,
	})
}

// published lets the world know what has just reached the disk.
func (d *desk) published(events []msgs.Event, raw [][]byte) {
	d.s.count.published(events)
	d.ear.copies.published(events, raw)
	for _, e := range events {
		h, o := msgs.HeadOf(e), orderIn(e)
		switch {
		case o != nil:
			d.log.Info(string(h.Type), "n", h.N, "client_order_id", o.ClientOrderID, "order_id", o.OrderID, "state", o.State, "filled", o.Filled)
		case h.Type == msgs.KindHeld:
			for _, doubt := range e.(*msgs.OrderHeld).Doubts {
				d.log.Error("account held: no new order leaves until the log is accepted", "n", h.N, "code", doubt.Code, "cause", doubt.Cause, "fix", doubt.Fix)
			}
		case h.Type == msgs.KindAnomaly, h.Type == msgs.KindHalted:
			d.log.Warn(string(h.Type), "n", h.N, "request_id", h.ReqID)
		default:
			d.log.Info(string(h.Type), "n", h.N, "request_id", h.ReqID)
		}
	}
}

// credentials are those that were given, else they are created or derived, for as long as it takes.
func (d *desk) credentials(ctx context.Context, api polymarket.CLOB) (polymarket.Credentials, error) {
	if d.cfg.Credentials.Key != "" {
		return d.cfg.Credentials, nil
	}
	for pauses := looks(); ; {
		wait := pauses.Next()
		try, cancel := context.WithTimeout(ctx, callTimeout)
		creds, err := api.CreateOrDeriveKey(try, 0)
		cancel()
		if err == nil {
			return creds, nil
		}
		if ctx.Err() == nil {
			d.log.Warn("no credentials from the venue, asking again", "error", err, "retry_after_ms", wait.Milliseconds())
		}
		if err := pause(ctx, wait); err != nil {
			return creds, err
		}
	}
}

// feedFresh is how old the private feed's last word may be while its connection is up.
func (d *desk) feedFresh(now time.Time) msgs.FeedFresh {
	f := d.feed.Load()
	if f == nil {
		return msgs.FeedFresh{}
	}
	return msgs.FeedFresh{Fresh: f.State == "up", AgeMS: f.AgeMS + max(0, now.UnixMilli()-f.AtMS)}
}
