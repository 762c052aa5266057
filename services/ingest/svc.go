package ingest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// version is of the answers on svc.ingest.*.
const version = "1.0.0"

// maxMarketsAnswer bounds a reply, which must fit one message of 1 MiB: a market is below 2 KB.
const maxMarketsAnswer = 400

// questions answers svc.ingest.*. It answers from the last values in the stream MARKET, not from the books of this process,
// so that every replica can answer for every token.
type questions struct {
	js jetstream.JetStream

	mu    sync.RWMutex
	facts map[msgs.ConditionID]msgs.Market
}

// run answers until ctx ends.
func (q *questions) run(ctx context.Context, nc *nats.Conn) (err error) {
	sub, err := nc.Subscribe(msgs.MDSubject(venue, "market", "*"), func(m *nats.Msg) { q.learn(m.Data) })
	if err != nil {
		return fmt.Errorf("follow market facts: %w", err)
	}
	defer func() { err = errors.Join(err, actor.UnlessClosed(sub.Unsubscribe())) }()
	if err := q.load(ctx); err != nil {
		return err
	}
	end, err := actor.Desk{Service: "ingest", Version: version, Doc: "market data of " + venue, Verbs: map[string]actor.Answer{
		"book": q.book, "midpoint": q.midpoint, "price": q.price, "tick_size": q.tickSize, "markets": q.markets,
	}}.Open(ctx, nc)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return end()
}

// load reads the facts that are there already, those of other replicas among them.
func (q *questions) load(ctx context.Context) error {
	st, err := q.js.Stream(ctx, msgs.MarketStream)
	if err != nil {
		return fmt.Errorf("open stream of last values: %w", err)
	}
	info, err := st.Info(ctx, jetstream.WithSubjectFilter(msgs.MDSubject(venue, "market", "*")))
	if err != nil {
		return fmt.Errorf("list market facts: %w", err)
	}
	for subject := range info.State.Subjects {
		m, err := st.GetLastMsgForSubject(ctx, subject)
		if err != nil {
			return fmt.Errorf("read market fact: %w", err)
		}
		q.learn(m.Data)
	}
	return nil
}

func (q *questions) learn(data []byte) {
	var f msgs.Market
	if json.Unmarshal(data, &f) != nil {
		return // not written by ingest
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if f.AtMS >= q.facts[f.ConditionID].AtMS { // what load reads may be older than what was heard meanwhile
		q.facts[f.ConditionID] = f
	}
}

// find is the market of a slug or condition id.
func (q *questions) find(name string) (msgs.Market, bool) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if f, ok := q.facts[msgs.ConditionID(strings.ToLower(name))]; ok {
		return f, true
	}
	for _, f := range q.facts {
		if f.Slug != "" && f.Slug == name {
			return f, true
		}
	}
	return msgs.Market{}, false
}

// of is the market that a token belongs to.
func (q *questions) of(id msgs.TokenID) (msgs.Market, bool) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	for _, f := range q.facts {
		if slices.ContainsFunc(f.Tokens, func(t msgs.MarketToken) bool { return t.TokenID == id }) {
			return f, true
		}
	}
	return msgs.Market{}, false
}

// token reads a question and finds the token that it is about.
func (q *questions) token(data []byte) (msgs.BookQuestion, *msgs.Error) {
	var b msgs.BookQuestion
	if err := json.Unmarshal(data, &b); err != nil {
		return b, refuse(msgs.BadJSON, "the question is not a JSON object: "+err.Error(), `send {"token_id":"…"} or {"market":"…","outcome":"…"}`)
	}
	if b.TokenID != "" {
		if !msgs.ValidTokenID(string(b.TokenID)) {
			return b, refuse(msgs.BadValue, "token_id is not a decimal number", "copy it from svc.ingest.markets")
		}
		return b, nil
	}
	if b.Market == "" {
		return b, refuse(msgs.MissingField, "neither token_id nor market is given", `send {"token_id":"…"} or {"market":"…","outcome":"…"}`)
	}
	f, ok := q.find(b.Market)
	if !ok {
		return b, refuse(msgs.UnknownToken, "no such market is followed", "svc.ingest.markets lists those that are")
	}
	for _, t := range f.Tokens {
		if strings.EqualFold(t.Outcome, b.Outcome) {
			b.TokenID = t.TokenID
			return b, nil
		}
	}
	return b, refuse(msgs.UnknownToken, fmt.Sprintf("the market has no outcome %q", b.Outcome), "svc.ingest.markets lists its outcomes")
}

func refuse(code msgs.Code, cause, fix string) *msgs.Error {
	return &msgs.Error{Code: code, Cause: cause, Fix: fix}
}

// last is the last book of the token that is asked about.
func (q *questions) last(ctx context.Context, data []byte) (msgs.BookQuestion, msgs.Book, *msgs.Error) {
	var b msgs.Book
	ask, refusal := q.token(data)
	if refusal != nil {
		return ask, b, refusal
	}
	st, err := q.js.Stream(ctx, msgs.MarketStream)
	var m *jetstream.RawStreamMsg
	if err == nil {
		m, err = st.GetLastMsgForSubject(ctx, msgs.MDSubject(venue, "book", string(ask.TokenID)))
	}
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return ask, b, refuse(msgs.UnknownToken, "there is no book of this token", "svc.ingest.markets lists the tokens that are followed")
	case err != nil:
		return ask, b, refuse(msgs.NoFreshBook, "the last book cannot be read: "+err.Error(), "ask again")
	}
	if err := json.Unmarshal(m.Data, &b); err != nil {
		return ask, b, refuse(msgs.NoFreshBook, "the last book cannot be read: "+err.Error(), "ask again")
	}
	return ask, b, nil
}

func (q *questions) book(ctx context.Context, data []byte) (any, *msgs.Error) {
	_, b, refusal := q.last(ctx, data)
	return b, refusal
}

// midpoint is the middle of the best prices, for display: nobody trades there.
func (q *questions) midpoint(ctx context.Context, data []byte) (any, *msgs.Error) {
	_, b, refusal := q.last(ctx, data)
	switch {
	case refusal != nil:
		return nil, refusal
	case len(b.Bids) == 0 || len(b.Asks) == 0:
		return nil, refuse(msgs.NoFreshBook, "one side of the book is empty", "ask for the book")
	}
	return answerOf(b, (b.Bids[0].Price+b.Asks[0].Price)/2), nil
}

// price is what can be had now: the best ask for who wants to buy, the best bid for who wants to sell.
func (q *questions) price(ctx context.Context, data []byte) (any, *msgs.Error) {
	ask, b, refusal := q.last(ctx, data)
	side := b.Asks
	switch {
	case refusal != nil:
		return nil, refusal
	case ask.Side == msgs.Sell:
		side = b.Bids
	case ask.Side != msgs.Buy:
		return nil, refuse(msgs.MissingField, "side is neither BUY nor SELL", `add "side":"BUY" to know what buying costs`)
	}
	if len(side) == 0 {
		return nil, refuse(msgs.NoFreshBook, "that side of the book is empty", "ask for the book")
	}
	return answerOf(b, side[0].Price), nil
}

func answerOf(b msgs.Book, p money.Price) msgs.PriceAnswer {
	age := time.Since(time.UnixMicro(b.RecvUS)).Milliseconds()
	return msgs.PriceAnswer{TokenID: b.TokenID, Price: p, Fresh: b.Fresh, AgeMS: max(age, 0)}
}

func (q *questions) tickSize(ctx context.Context, data []byte) (any, *msgs.Error) {
	ask, refusal := q.token(data)
	if refusal != nil {
		return nil, refusal
	}
	f, ok := q.of(ask.TokenID)
	if !ok {
		return nil, refuse(msgs.UnknownToken, "no followed market has this token", "svc.ingest.markets lists the tokens that are followed")
	}
	return msgs.TickAnswer{TokenID: ask.TokenID, TickSize: f.TickSize, MinSize: f.MinSize}, nil
}

// markets lists what is known, or the one market that is asked for.
func (q *questions) markets(_ context.Context, data []byte) (any, *msgs.Error) {
	var ask msgs.MarketsQuestion
	if len(data) > 0 {
		if err := json.Unmarshal(data, &ask); err != nil {
			return nil, refuse(msgs.BadJSON, "the question is not a JSON object: "+err.Error(), `send {} or {"market":"…"}`)
		}
	}
	out := msgs.MarketsAnswer{Markets: []msgs.Market{}}
	switch {
	case ask.Market != "":
		f, ok := q.find(ask.Market)
		if !ok {
			return nil, refuse(msgs.UnknownToken, "no such market is followed", "send {} for all that are")
		}
		out.Markets = append(out.Markets, f)
	case ask.TokenID != "":
		f, ok := q.of(ask.TokenID)
		if !ok {
			return nil, refuse(msgs.UnknownToken, "no followed market has this token", "send {} for all that are")
		}
		out.Markets = append(out.Markets, f)
	default:
		out.Markets = q.all()
	}
	return out, nil
}

// all are the known markets by slug, open ones first, as many as fit one reply.
func (q *questions) all() []msgs.Market {
	q.mu.RLock()
	defer q.mu.RUnlock()
	out := make([]msgs.Market, 0, len(q.facts))
	for _, f := range q.facts {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b msgs.Market) int {
		if a.Closed != b.Closed {
			return map[bool]int{true: 1, false: -1}[a.Closed]
		}
		return cmp.Or(cmp.Compare(a.Slug, b.Slug), cmp.Compare(a.ConditionID, b.ConditionID))
	})
	return out[:min(len(out), maxMarketsAnswer)]
}
