package rehearse

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/quota"
)

// quotas are the daily quotas that an endpoint falls under, each with the book that the relayer service keeps of it. As there, a
// unit is reserved when the request has its place in everything else.
type quotas struct {
	books   []*book
	purpose quota.Purpose
	seq     int
}

// book is one quota on the client's side.
type book struct {
	*quota.Book
	rule, layer string
	cost        catalogue.Charge
	pos         uint64
}

// quotasOf opens the books of an endpoint, in full: a quota is not scaled. Errors: gate.ErrNever when a request is dearer than
// what a day holds for the purpose.
func quotasOf(s Scenario) (quotas, error) {
	q := quotas{purpose: s.Purpose}
	e := catalogue.ParseEndpoint(s.Endpoint, s.Profile.API)
	for i := range s.Profile.Rules {
		rule := &s.Profile.Rules[i]
		cost, ok := rule.Cost(e)
		if !ok {
			continue
		}
		for _, l := range rule.Of(s.tier()) {
			if l.Kind() != catalogue.QuotaKind {
				continue
			}
			b := &book{Book: quota.NewBook(l.Quota), rule: rule.Name, layer: layerText(l), cost: cost}
			if left := b.View(epoch()).Left(q.purpose); b.units(s.Items) > left {
				return quotas{}, fmt.Errorf("%s, %s: a request costs %d, and a day has %d for what is %s: %w", b.rule, b.layer, b.units(s.Items), left, q.purpose, gate.ErrNever)
			}
			q.books = append(q.books, b)
		}
	}
	return q, nil
}

// take charges a request to all books and names it, or charges none: then it says which is short, and when to ask again.
func (q *quotas) take(now time.Time, items int) (id string, short *book, again time.Time) {
	q.seq++
	id = strconv.Itoa(q.seq)
	for i, b := range q.books {
		if again := b.reserve(now, id, items, q.purpose); !again.IsZero() {
			for _, o := range q.books[:i+1] {
				o.void(now, id, items)
			}
			return "", b, again
		}
	}
	return id, nil, time.Time{}
}

// confirm says that a request was answered.
func (q *quotas) confirm(now time.Time, id string, items int) {
	for _, b := range q.books {
		for n := range b.units(items) {
			b.apply(b.Confirm(now, unit(id, n)))
		}
	}
}

// units are what a request costs.
func (b *book) units(items int) int { return b.cost.Request + b.cost.Item*items }

// reserve charges the units of a request, as far as there are any; when some are missing it says when the next comes back.
func (b *book) reserve(now time.Time, id string, items int, p quota.Purpose) (again time.Time) {
	b.Forget(now)
	for n := range b.units(items) {
		e, ok, err := b.Reserve(now, unit(id, n), p)
		if short, is := errors.AsType[*quota.Exhausted](err); is {
			return short.Until
		}
		b.apply(e, ok)
	}
	return time.Time{}
}

func (b *book) void(now time.Time, id string, items int) {
	for n := range b.units(items) {
		b.apply(b.Void(now, unit(id, n)))
	}
}

func (b *book) apply(e quota.Event, ok bool) {
	if ok {
		b.pos++
		b.Apply(b.pos, e)
	}
}

// unit names one of the units of a request.
func unit(id string, n int) string { return id + "." + strconv.Itoa(n) }
