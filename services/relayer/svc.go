package relayer

import (
	"context"
	"encoding/json"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// serve answers questions about the account, from what is on disk, while its actor works.
func (d *desk) serve(ctx context.Context, act *actor.Actor) error {
	v, err := act.Ask(ctx, func(uint64) any { return inboxes(d.core) })
	if err != nil {
		return nil // the actor has ended
	}
	for id, to := range v.(map[msgs.RequestID]string) {
		d.copies.follow(id, to)
	}
	end, err := actor.Desk{Service: serviceName, Version: version, Account: d.cfg.Name, Doc: "on-chain work of account " + string(d.cfg.Name),
		Verbs: map[string]actor.Answer{
			"request": func(ctx context.Context, data []byte) (any, *msgs.Error) { return d.request(ctx, act, data) },
			"quota":   d.quota,
		}}.Open(ctx, d.s.cfg.NATS)
	if err != nil {
		return err
	}
	d.s.count.owned.Inc()
	defer d.s.count.owned.Dec()
	d.is(deskOpen)
	<-ctx.Done()
	return end()
}

// inboxes are where the events about the requests that have not ended are wanted.
func inboxes(w *Wallet) map[msgs.RequestID]string {
	out := map[msgs.RequestID]string{}
	for id, r := range w.requests {
		if r.ReplyTo != "" {
			out[id] = r.ReplyTo
		}
	}
	return out
}

// reply is an answer, or the reason why there is none.
type reply struct {
	value any
	err   *msgs.Error
}

// request says where one request stands.
func (d *desk) request(ctx context.Context, act *actor.Actor, data []byte) (any, *msgs.Error) {
	var q msgs.TxQuestion
	if err := json.Unmarshal(data, &q); err != nil {
		return nil, &msgs.Error{Code: msgs.BadJSON, Cause: "the question cannot be read: " + err.Error(), Fix: `send one JSON object: {"request_id":"…"}`}
	}
	if q.RequestID == "" { // "not found" would be taken for "never asked"
		return nil, &msgs.Error{Code: msgs.MissingField, Field: "request_id", Cause: "request_id is not given", Fix: `ask {"request_id":"…"}`}
	}
	v, err := act.Ask(ctx, func(n uint64) any {
		a, known := d.core.Answer(q.RequestID)
		if a.N = n; !known {
			return reply{err: &msgs.Error{Code: msgs.NotFound, Cause: "no request " + string(q.RequestID) + " is known", Fix: "look at the log of the account: requests that ended long ago are forgotten"}}
		}
		return reply{value: a}
	})
	if err != nil {
		return nil, &msgs.Error{Code: msgs.VenueDown, Cause: "the wallet's owner does not answer: " + err.Error(), Fix: "ask again; `sluice doctor` tells more"}
	}
	r := v.(reply)
	return r.value, r.err
}

// quota says how the book of the account's credentials stands.
func (d *desk) quota(ctx context.Context, _ []byte) (any, *msgs.Error) {
	if d.units == nil {
		return nil, &msgs.Error{Code: msgs.NotFound, Cause: "the account has no credentials of the relayer, and so no units", Fix: "configure a builder's API key or a relayer API key"}
	}
	a, err := d.units.Answer(ctx)
	if err != nil {
		return nil, &msgs.Error{Code: msgs.VenueDown, Cause: "the book of units cannot be read: " + err.Error(), Fix: "ask again"}
	}
	return a, nil
}
