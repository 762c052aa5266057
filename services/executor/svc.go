package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/limits/budget"
	"sluice/pkg/msgs"
)

// countIdle is how long the broker keeps a consumer that is made for its count alone.
const countIdle = 2 * time.Second

// serve answers questions about the account, from what is on disk, while its actor works.
func (d *desk) serve(ctx context.Context, act *actor.Actor) (err error) {
	if !d.opened(ctx, act) {
		return nil
	}
	nc := d.s.cfg.NATS
	sub, err := nc.Subscribe(msgs.StatusSubject(venue), d.heardStatus)
	if err != nil {
		return fmt.Errorf("follow feed status: %w", err)
	}
	defer func() { err = errors.Join(err, actor.UnlessClosed(sub.Unsubscribe())) }()
	of := func(answer func(context.Context, *actor.Actor, []byte) (any, *msgs.Error)) actor.Answer {
		return func(ctx context.Context, data []byte) (any, *msgs.Error) { return answer(ctx, act, data) }
	}
	end, err := actor.Desk{Service: serviceName, Version: version, Account: d.cfg.Name, Doc: "orders of account " + string(d.cfg.Name),
		Verbs: map[string]actor.Answer{"order": of(d.order), "orders": of(d.orders), "status": of(d.status)}}.Open(ctx, nc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	d.s.count.owned.Inc()
	defer d.s.count.owned.Dec()
	d.is(deskOpen)
	<-ctx.Done()
	return nil
}

// opened waits until the actor works, and takes up what its state says about copies. It reports false when it never will.
func (d *desk) opened(ctx context.Context, act *actor.Actor) bool {
	v, err := act.Ask(ctx, func(uint64) any { return d.core.inboxes() })
	if err != nil {
		return false
	}
	for _, in := range v.([]*msgs.Intent) {
		d.ear.copies.follow(in)
	}
	return true
}

func (d *desk) heardStatus(m *nats.Msg) {
	f := &msgs.FeedStatus{}
	if json.Unmarshal(m.Data, f) == nil && f.Channel == "user" && f.Account == d.cfg.Name {
		d.feed.Store(f)
	}
}

// question decodes what was asked; nothing at all asks for the defaults.
func question(data []byte, into any) *msgs.Error {
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return failure(msgs.BadJSON, "the question cannot be read: "+err.Error(), "send one JSON object")
	}
	return nil
}

// reply is an answer, or the reason why there is none.
type reply struct {
	value any
	err   *msgs.Error
}

func ask(ctx context.Context, act *actor.Actor, f func(n uint64) reply) (any, *msgs.Error) {
	v, err := act.Ask(ctx, func(n uint64) any { return f(n) })
	if err != nil {
		return nil, failure(msgs.VenueDown, "the account's owner does not answer: "+err.Error(), "ask again; `sluice doctor` tells more")
	}
	r := v.(reply)
	return r.value, r.err
}

func (d *desk) order(ctx context.Context, act *actor.Actor, data []byte) (any, *msgs.Error) {
	var q msgs.OrderQuestion
	if err := question(data, &q); err != nil {
		return nil, err
	}
	return ask(ctx, act, func(n uint64) reply {
		o, err := d.core.AnswerOrder(q)
		return reply{msgs.OrderAnswer{N: n, Order: o}, err}
	})
}

func (d *desk) orders(ctx context.Context, act *actor.Actor, data []byte) (any, *msgs.Error) {
	var q msgs.OrdersQuestion
	if err := question(data, &q); err != nil {
		return nil, err
	}
	return ask(ctx, act, func(n uint64) reply {
		page, next, err := d.core.AnswerOrders(q)
		return reply{msgs.OrdersAnswer{N: n, Orders: page, Next: next}, err}
	})
}

func (d *desk) status(ctx context.Context, act *actor.Actor, _ []byte) (any, *msgs.Error) {
	v, err := ask(ctx, act, func(uint64) reply { return reply{value: d.core.Counts()} })
	if err != nil {
		return nil, err
	}
	layers := d.s.node.Account(ctx, string(d.cfg.Name))
	c, now := v.(Counts), time.Now() // behind the layers: what was free then is free now
	a := msgs.StatusAnswer{
		Account: d.cfg.Name, Env: d.s.cfg.Env, Halted: c.Halted, Doubts: c.Doubts, Venue: d.venue.state(now), Queue: d.queue(ctx, now), Open: c.Open, Unknown: c.Unknown,
		Feed: d.feedFresh(now), Owner: d.s.cfg.Owner, N: c.N, AsOfMS: now.UnixMilli(),
	}
	for _, l := range layers {
		a.Limits = append(a.Limits, limitState(l, now))
	}
	for _, r := range d.s.limits.Throttles() {
		means, fix := r.Cause.Explain()
		a.Throttles = append(a.Throttles, msgs.Throttle{Scope: r.Scope, Layer: r.Rule, Count: r.Count, LastMS: r.Last.UnixMilli(), Cause: string(r.Cause), Means: means, Fix: fix})
	}
	return a, nil
}

func limitState(l budget.Layer, now time.Time) msgs.LimitState {
	s := msgs.LimitState{Scope: l.Scope, Layer: l.Rule, Used: strconv.Itoa(l.Used), Limit: strconv.Itoa(l.Limit), PerMS: l.Per.Milliseconds()}
	if l.Limited(now) {
		s.FreeAtMS = l.FreeAt.UnixMilli()
	}
	return s
}

// queue counts what the submit lane holds beyond what was heard of it. It is a hint: zero when the broker does not say.
func (d *desk) queue(ctx context.Context, now time.Time) msgs.QueueStatus {
	var q msgs.QueueStatus
	stream, err := d.s.js.Stream(ctx, msgs.AskStream(d.cfg.Name))
	if err != nil {
		return q
	}
	from := d.ear.heard.Load() + 1
	subject := msgs.CmdSubject(msgs.FamilyOrder, d.cfg.Name, msgs.VerbSubmit)
	first, err := stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(subject))
	if err != nil {
		return q
	}
	q.OldestMS = max(0, now.Sub(first.Time).Milliseconds())
	c, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubject: subject, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: countIdle,
	})
	if err == nil {
		q.Submit = c.CachedInfo().NumPending
	}
	return q
}
