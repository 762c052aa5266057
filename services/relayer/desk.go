package relayer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/evm/sender"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// laneWork is the name of the lane: the key of its cursor on the log.
const laneWork = "work"

// What a desk is at.
const (
	deskOpening = "opening"
	deskOpen    = "open"
	deskSpare   = "owned by another process, and waiting to take over"
)

// desk is one account: its actor, what performs for it, and who answers for it.
type desk struct {
	s      *Service
	cfg    Account
	id     Identity
	core   *Wallet // of the actor that runs; only its loop touches it
	ear    *ear
	copies copies
	units  *Allowance // nil without credentials
	state  atomic.Pointer[string]
	log    *slog.Logger
}

func (s *Service) newDesk(a Account) *desk {
	log := s.cfg.Log.With("account", a.Name)
	d := &desk{s: s, cfg: a, id: a.identity(s.cfg.ChainID, s.contracts), log: log}
	d.is(deskOpening)
	d.ear = &ear{account: a.Name, facts: s.facts, count: s.count, log: log}
	d.copies = copies{actor.NewCopies(s.cfg.NATS, s.cfg.Env, log)}
	if a.Auth != nil && s.cfg.Relayer != "" {
		d.units = s.allowed.Of(a.Auth)
	}
	return d
}

func (d *desk) is(state string) { d.state.Store(&state) }

// run owns the account whenever nobody else does, until ctx ends. Whoever is replaced waits again as a spare.
func (d *desk) run(ctx context.Context, storage actor.Storage) error {
	if err := actor.CheckEnv(ctx, d.s.js, msgs.FamilyTx, d.cfg.Name, d.s.cfg.Env); err != nil {
		return err
	}
	return storage.Leases.Own(ctx, msgs.FamilyTx+"."+string(d.cfg.Name), d.s.cfg.Exclusive, func(string) { d.is(deskSpare) }, func(ctx context.Context) error {
		d.is(deskOpening)
		return d.own(ctx, storage)
	})
}

// own runs the account's actor and answers for it until ctx ends or the actor is replaced. The owner's transactions are sent
// meanwhile, and by nobody else.
func (d *desk) own(ctx context.Context, storage actor.Storage) error {
	p, pay, err := d.newPerformer()
	if err != nil {
		return err
	}
	act := d.newActor(p, storage)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var beside sync.WaitGroup
	defer beside.Wait()
	defer stop()
	beside.Go(func() { d.wake(ctx, act) })
	if pay != nil {
		beside.Go(func() { pay(ctx) })
	}
	served := make(chan error, 1)
	go func() {
		err := d.serve(ctx, act)
		if err != nil {
			stop()
		}
		served <- err
	}()
	err = act.Run(ctx)
	stop()
	return errors.Join(err, <-served)
}

// wake tells the actor whenever the relayer answers again, until ctx ends.
func (d *desk) wake(ctx context.Context, act *actor.Actor) {
	heard, end := d.s.pulse.listen()
	defer end()
	for {
		select {
		case <-heard:
			act.Tell(ctx, Answering{})
		case <-ctx.Done():
			return
		}
	}
}

// newPerformer makes what does the account's deeds, and what sends its owner's transactions: nil when they are not wanted or no
// endpoint takes them.
func (d *desk) newPerformer() (*performer, func(context.Context), error) {
	s := d.s
	p := &performer{
		who: d.id, pen: newPen(d.id, d.cfg.Key, d.cfg.Calls), pool: s.pool, holds: holders{s.cfg.NATS, d.cfg.Name}, mined: newMinings(), sent: newLetters(), asked: newAskings(),
		following: newFollows(), pulse: s.pulse, log: d.log, count: s.count, pass: s.cfg.Passing, reply: d.copies.Send, gasDay: s.cfg.Gas.DayBound(),
	}
	if s.cfg.Relayer != "" {
		p.relay = &polymarket.Relayer{BaseURL: s.cfg.Relayer, HTTP: s.cfg.HTTP, Auth: d.cfg.Auth}
	}
	if d.units != nil {
		p.units, p.relay.HTTP = d.units, d.units.Client(s.cfg.HTTP)
	}
	if s.cfg.Env == msgs.Sandbox && s.pool != nil {
		p.chain = &chain{s.pool}
	}
	can, _ := d.cfg.Kind.Can()
	if !s.cfg.OwnGas || s.pool == nil || can.OwnGas == polymarket.OwnGasNever {
		return p, nil, nil
	}
	journal := &chainLog{js: s.js, owner: d.id.Owner, id: s.cfg.ChainID, chain: p.chain}
	pay, err := sender.New(sender.Config{Pool: s.pool, Journal: journal, Signer: d.cfg.Key, Allow: p.pen.vet, Limits: s.cfg.Gas,
		Told: func(g sender.Progress) {
			s.count.gas.WithLabelValues(string(g.Stage)).Inc()
			p.mined.told(g)
		}, Log: d.log, Passing: s.cfg.Passing})
	if err != nil {
		return nil, nil, fmt.Errorf("own gas of %s: %w", d.cfg.Name, err)
	}
	p.sender = pay
	return p, func(ctx context.Context) { d.pay(ctx, pay) }, nil
}

// payAgain is how long a sender that cannot begin is left alone.
const payAgain = 10 * time.Second

// pay runs the sender until ctx ends. One that cannot work is started again: what goes by the relayer does not depend on it, and its
// door is closed meanwhile.
func (d *desk) pay(ctx context.Context, s *sender.Sender) {
	for ctx.Err() == nil {
		err := s.Run(ctx)
		if err != nil && ctx.Err() == nil {
			d.log.Error("own transactions are not sent; trying again", "error", err, "retry_after_ms", payAgain.Milliseconds())
		}
		if pause(ctx, payAgain) != nil {
			return
		}
	}
}

func (d *desk) newActor(p *performer, storage actor.Storage) *actor.Actor {
	s, name := d.s, d.cfg.Name
	d.core = NewWallet(d.id, Rules{AcceptLog: s.cfg.AcceptLog})
	core := actor.Core(d.core)
	if s.cfg.Around != nil {
		core = s.cfg.Around(name, core)
	}
	var subjects []string
	for _, verb := range verbs() {
		subjects = append(subjects, msgs.CmdSubject(msgs.FamilyTx, name, verb))
	}
	return actor.New(actor.Config{
		Account: name, Env: s.cfg.Env, Family: msgs.FamilyTx, Owner: s.cfg.Owner, Service: serviceName, JS: s.js, Core: core,
		Submit: &actor.Lane{Name: laneWork, Stream: msgs.AskStream(name), Subjects: subjects},
		Hear:   d.ear.hear, Perform: p.Perform, Published: d.published, Log: d.log, Snapshots: storage.Snapshots, SnapshotEvery: s.cfg.SnapshotEvery,
		Passing: s.cfg.Passing, Readers: storage.Readers, Disk: d.disk(), Judges: true,
	})
}

// verbs are all that an account's wallet can be asked, in one lane: what was asked first is decided first.
func verbs() []string {
	return []string{msgs.VerbSplit, msgs.VerbMerge, msgs.VerbRedeem, msgs.VerbConvert, msgs.VerbWrap, msgs.VerbUnwrap, msgs.VerbApprove, msgs.VerbDeploy,
		msgs.VerbTransfer, msgs.VerbCancel}
}

// published lets the world know what has just reached the disk.
func (d *desk) published(events []msgs.Event, raw [][]byte) {
	d.s.count.published(events)
	d.copies.published(events, raw)
	for _, e := range events {
		h := msgs.HeadOf(e)
		switch e := e.(type) {
		case *msgs.TxWaiting:
			d.log.Warn(string(h.Type), "n", h.N, "requests", len(e.RequestIDs), "unit", e.Unit, "cause", e.Cause, "fix", e.Fix)
		case *msgs.TxHeld:
			for _, doubt := range e.Doubts {
				d.log.Error("wallet held: nothing is done until the log is accepted", "n", h.N, "code", doubt.Code, "cause", doubt.Cause, "fix", doubt.Fix)
			}
		case *msgs.TxUnit:
			d.log.Info(string(h.Type), "n", h.N, "unit", e.Unit, "requests", len(e.RequestIDs), "carrier", e.Carrier, "nonce", e.Nonce, "tx", e.TxHash)
		case *msgs.TxRerouted:
			d.log.Warn(string(h.Type), "n", h.N, "unit", e.Unit, "from", e.From, "to", e.To, "cause", e.Cause)
		case *msgs.TxFailed:
			d.log.Warn(string(h.Type), "n", h.N, "request_id", h.ReqID, "unit", e.Unit, "code", e.Error.Code, "cause", e.Error.Cause)
		default:
			d.log.Info(string(h.Type), "n", h.N, "request_id", h.ReqID)
		}
	}
}
