package ingest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/limits/retry"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

const (
	// maxMarketPages bounds one reading of the venue's list; it holds 500 to 1,000 markets a page.
	maxMarketPages = 400
	// changesQueue is how many hints about markets may wait; what does not fit is found by the next refresh.
	changesQueue = 256
	// factTimeout bounds the storing of one fact.
	factTimeout = 5 * time.Second
)

// signingDomain is the version of the exchange's signing domain that the venue's list stands for. The list does not say
// otherwise for any market.
const signingDomain = "2"

// change is a hint from the socket that a market is not what it was.
type change struct {
	market   msgs.ConditionID
	tick     string       // the new tick, when it changed
	resolved bool         // no more orders
	winner   msgs.TokenID // of a resolved market
}

// catalogue reads the facts about the markets that are followed, publishes them, and names their tokens to follow. It
// belongs to one goroutine; hint may be called from any.
type catalogue struct {
	clob    *polymarket.CLOB
	js      jetstream.JetStream
	named   []msgs.ConditionID // empty: all open ones
	limit   int
	follow  func([]token) // hears every token of every open market whenever they may have changed
	log     *slog.Logger
	count   *counters
	changes chan change
	again   chan struct{} // the facts may be gone from the stream
	loaded  chan struct{} // closed when the facts are there for the first time
	facts   map[msgs.ConditionID]msgs.Market
	fees    map[msgs.ConditionID]*fees // of the markets in facts that were asked for; nil is none
}

// token is what a book needs to know besides its levels.
type token struct {
	id      msgs.TokenID
	market  msgs.ConditionID
	tick    string
	minSize money.Size
	negRisk bool
}

// hint never blocks: a hint that finds no room is made good by the next refresh.
func (k *catalogue) hint(c change) {
	select {
	case k.changes <- c:
	default:
	}
}

// republish asks for all facts to be published again.
func (k *catalogue) republish() {
	select {
	case k.again <- struct{}{}:
	default:
	}
}

// run loads the facts, then keeps them until ctx ends.
func (k *catalogue) run(ctx context.Context, delay *retry.Pauses) {
	for k.refresh(ctx) != nil {
		wait(ctx, delay.Next())
		if ctx.Err() != nil {
			return
		}
	}
	for range feesFirst {
		k.readFees(ctx)
	}
	close(k.loaded)
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		var err error
		var next <-chan time.Time
		if k.unpriced(time.Now()) != "" {
			next = time.After(feesPause)
		}
		select {
		case <-ctx.Done():
			return
		case <-next:
			k.readFees(ctx)
		case <-tick.C:
			err = k.refresh(ctx)
		case <-k.again:
			err = k.publishAll(ctx)
		case c := <-k.changes:
			err = k.apply(ctx, c)
		}
		if err != nil && ctx.Err() == nil {
			k.log.Warn("market facts not published", "error", err)
		}
	}
}

// refresh reads every followed market and publishes its fact. The fact goes out although it may be the same: its at_ms says
// how fresh it is.
func (k *catalogue) refresh(ctx context.Context) error {
	list, err := k.read(ctx)
	if err != nil {
		k.log.Warn("markets not read", "error", err)
	}
	for _, m := range list {
		f, ok := fact(m, time.Now())
		if !ok {
			k.log.Warn("market skipped: the venue's figures make no sense", "condition_id", m.ConditionID, "tick_size", m.Tick)
			continue
		}
		k.price(&f)
		k.facts[f.ConditionID] = f
		err = errors.Join(err, k.publish(ctx, f))
		if f.Closed && len(k.named) == 0 {
			delete(k.facts, f.ConditionID) // its last fact is out; it makes room for another
			delete(k.fees, f.ConditionID)
		}
	}
	k.count.facts.Set(float64(len(k.facts)))
	k.follow(k.tokens())
	return err
}

// read gets the named markets, or the open ones of the list. What could be read is returned besides the error.
func (k *catalogue) read(ctx context.Context) ([]polymarket.Market, error) {
	var out []polymarket.Market
	if len(k.named) > 0 {
		var errs []error
		for _, id := range k.named {
			m, err := k.clob.Market(ctx, string(id))
			if err != nil {
				errs = append(errs, fmt.Errorf("read market %s: %w", id, err))
				continue
			}
			out = append(out, m)
		}
		return out, errors.Join(errs...)
	}
	room := k.limit - len(k.facts)
	for cursor, page := "", 0; page < maxMarketPages; page++ {
		ms, next, err := k.clob.Markets(ctx, cursor)
		if err != nil {
			return out, fmt.Errorf("read markets: %w", err)
		}
		for _, m := range ms {
			_, known := k.facts[msgs.ConditionID(m.ConditionID)]
			switch {
			case known:
			case m.Tradable() && room > 0:
				room--
			default:
				continue
			}
			out = append(out, m)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	return out, nil
}

// fact is the venue's market as we say it; ok is false when it cannot be traded on what the venue says.
func fact(m polymarket.Market, at time.Time) (_ msgs.Market, ok bool) {
	f := msgs.Market{V: 1, ConditionID: msgs.ConditionID(m.ConditionID), Slug: m.Slug, Question: m.Question, TickSize: m.Tick.String(),
		MinSize: m.MinSize, NegRisk: m.NegRisk, Domain: signingDomain, Accepting: m.Tradable(), Closed: m.Closed, AtMS: at.UnixMilli()}
	if end, err := time.Parse(time.RFC3339, m.EndDate); err == nil {
		f.EndMS = end.UnixMilli()
	}
	if m.NegRisk && msgs.ValidHash(m.QuestionID) {
		f.QuestionID = m.QuestionID
	}
	for _, t := range m.Tokens {
		if !msgs.ValidTokenID(t.TokenID) {
			return msgs.Market{}, false
		}
		f.Tokens = append(f.Tokens, msgs.MarketToken{TokenID: msgs.TokenID(t.TokenID), Outcome: t.Outcome, Winner: t.Winner})
	}
	return f, m.Tick.Known() && len(f.Tokens) > 0 && msgs.ValidHash(m.ConditionID)
}

// apply takes a hint: what the socket says goes out at once, then the venue is asked for the whole.
func (k *catalogue) apply(ctx context.Context, c change) error {
	f, known := k.facts[c.market]
	if !known && (len(k.named) > 0 || len(k.facts) >= k.limit || !msgs.ValidHash(string(c.market))) {
		return nil
	}
	if known && c.tick == "" && !c.resolved {
		return nil // every connection announces a new market
	}
	if known {
		f.Tokens = slices.Clone(f.Tokens)
		f.TickSize = cmp.Or(c.tick, f.TickSize)
		f.Closed, f.Accepting = f.Closed || c.resolved, f.Accepting && !c.resolved
		for i := range f.Tokens {
			f.Tokens[i].Winner = f.Tokens[i].Winner || c.winner != "" && f.Tokens[i].TokenID == c.winner
		}
		f.AtMS = time.Now().UnixMilli()
		k.facts[c.market] = f
		if c.resolved {
			k.follow(k.tokens())
		}
		return k.publish(ctx, f) // the list may lag behind the socket; the next refresh reads it
	}
	m, err := k.clob.Market(ctx, string(c.market))
	if err != nil {
		return fmt.Errorf("read market %s: %w", c.market, err)
	}
	if f, known = fact(m, time.Now()); !known {
		return nil
	}
	k.price(&f)
	k.facts[c.market] = f
	k.follow(k.tokens())
	return k.publish(ctx, f)
}

// publishAll publishes every fact again.
func (k *catalogue) publishAll(ctx context.Context) error {
	var errs []error
	for _, f := range k.facts {
		errs = append(errs, k.publish(ctx, f))
	}
	return errors.Join(errs...)
}

// publish stores one fact: it is there when publish has returned nil.
func (k *catalogue) publish(ctx context.Context, f msgs.Market) error {
	ctx, cancel := context.WithTimeout(ctx, factTimeout)
	defer cancel()
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode market: %w", err)
	}
	if _, err = k.js.Publish(ctx, msgs.MDSubject(venue, "market", string(f.ConditionID)), b); err != nil {
		k.count.publish.WithLabelValues("market").Inc()
		return fmt.Errorf("publish market %s: %w", f.ConditionID, err)
	}
	return nil
}

// tokens are the tokens of the open markets, in an order that does not change.
func (k *catalogue) tokens() []token {
	var out []token
	for _, f := range k.facts {
		if f.Closed {
			continue
		}
		for _, t := range f.Tokens {
			out = append(out, token{id: t.TokenID, market: f.ConditionID, tick: f.TickSize, minSize: f.MinSize, negRisk: f.NegRisk})
		}
	}
	slices.SortFunc(out, func(a, b token) int {
		return cmp.Or(cmp.Compare(a.market, b.market), cmp.Compare(a.id, b.id))
	})
	return out
}
