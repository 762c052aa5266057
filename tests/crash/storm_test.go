package crash

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// storm sends random commands. Every order has a token, price and size that no other has, so that orders can be told apart
// without our ids.
type storm struct {
	p      *plant
	rng    *rand.Rand
	next   int
	past   []struct{ verb, body string }
	orders map[string]key // by client_order_id

	// Where the first submit of an id, and the first cancel of it, are stored; 0 when the broker has not said.
	submitted, cancelled map[string]uint64

	published, repeats, cancels int
	left                        atomic.Int64 // of the burst
	stop, ended                 chan struct{}
}

// key is what tells two orders apart at the venue.
type key struct{ token, price, size string }

// Some dozens of commands fall into the life of each executor, and some while nobody lives. More would pile up.
const (
	burst = 40
	pace  = 10 * time.Millisecond // of a burst
	calm  = 10                    // times slower after it
)

func newStorm(p *plant, seed uint64) *storm {
	return &storm{p: p, rng: rand.New(rand.NewPCG(seed, 1)), orders: map[string]key{}, submitted: map[string]uint64{}, cancelled: map[string]uint64{}}
}

// outcome is a token that is traded.
type outcome struct{ slug, name string }

// outcomes are the tokens of two markets with ticks of a cent, one of them neg-risk.
func outcomes() []outcome {
	return []outcome{{"sandbox-coin", "Yes"}, {"sandbox-coin", "No"}, {"sandbox-election", "Yes"}, {"sandbox-election", "No"}}
}

// order is a submit that no other one is like: the number of the order runs through tokens, then prices, then sizes, and
// each kind of order has sizes of its own.
func (s *storm) order(i int) string {
	const prices, kinds = 20, 5
	token := outcomes()[i%4]
	step, round := i/4%prices, i/4/prices
	kind := []struct {
		side, kind string
		from       int // lowest price in cents
		more       string
	}{
		{"BUY", "GTC", 10, ",'post_only':true"}, {"BUY", "GTC", 52, ""}, {"SELL", "FAK", 31, ""}, {"SELL", "FOK", 31, ""},
		{"BUY", "GTD", 10, fmt.Sprintf(",'expires_ms':%d", time.Now().Add(time.Hour).UnixMilli())},
	}
	k := []int{0, 0, 0, 1, 2, 2, 3, 4}[s.rng.IntN(8)]
	cents := 500 + kinds*round + k
	price, size := fmt.Sprintf("0.%02d", kind[k].from+step), fmt.Sprintf("%d.%02d", cents/100, cents%100)
	id, age := fmt.Sprintf("o-%d", i), ""
	if s.rng.IntN(2) == 0 {
		age = ",'valid_until_ms':0" // wanted whenever it can leave
	}
	s.orders[id] = s.p.key(token, price, size)
	return quoted("{'client_order_id':'%s','market':'%s','outcome':'%s','side':'%s','type':'%s','price':'%s','size':'%s'%s%s}",
		id, token.slug, token.name, kind[k].side, kind[k].kind, price, size, kind[k].more, age)
}

// key names an order as the venue's journal does.
func (p *plant) key(o outcome, price, size string) key {
	for _, m := range p.urls.Markets {
		if m.Slug == o.slug && o.name == "Yes" {
			return key{m.Tokens[0], plain(price), plain(size)}
		}
		if m.Slug == o.slug {
			return key{m.Tokens[1], plain(price), plain(size)}
		}
	}
	p.t.Fatalf("no market %s", o.slug)
	return key{}
}

// command is the next one: mostly orders, cancels of what was and of what will be, repeats, now and then everything.
func (s *storm) command() (verb, body string) {
	switch n := s.rng.IntN(100); {
	case n < 70:
		verb, body = "submit", s.order(s.next)
		s.next++
	case n < 78 && s.next > 0:
		s.cancels++
		return "cancel", quoted("{'client_order_id':'o-%d'}", max(0, s.next-1-s.rng.IntN(60)))
	case n < 83:
		return "cancel", quoted("{'client_order_id':'o-%d'}", s.next+s.rng.IntN(4))
	case n < 98 && len(s.past) > 0:
		s.repeats++
		c := s.past[max(0, len(s.past)-1-s.rng.IntN(80))]
		return c.verb, c.body
	case n < 99 && s.rng.IntN(5) == 0:
		verb, body = "cancel_all", quoted("{'request_id':'sweep-%d'}", s.next)
	default:
		verb, body = "cancel", quoted("{'client_order_ids':['o-%d','o-%d'],'request_id':'list-%d'}", s.next+1, s.next/2, s.next)
	}
	s.past = append(s.past, struct{ verb, body string }{verb, body})
	return verb, body
}

// run publishes until end is called, whether anybody listens or not.
func (s *storm) run() {
	s.stop, s.ended = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(s.ended)
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-s.stop:
				return
			case <-tick.C:
				if s.left.Add(-1) < 0 && i%calm != 0 {
					continue
				}
				verb, body := s.command()
				s.published++
				s.note(verb, body, s.p.publish(verb, body))
			}
		}
	}()
}

// note remembers where a command is stored.
func (s *storm) note(verb, body string, seq uint64) {
	var c struct {
		ClientOrderID string `json:"client_order_id"`
	}
	where := map[string]map[string]uint64{"submit": s.submitted, "cancel": s.cancelled}[verb]
	if where == nil || json.Unmarshal([]byte(body), &c) != nil || c.ClientOrderID == "" {
		return
	}
	if _, known := where[c.ClientOrderID]; !known {
		where[c.ClientOrderID] = seq
	}
}

// hurry begins a burst.
func (s *storm) hurry() { s.left.Store(burst) }

// end stops publishing.
func (s *storm) end() {
	close(s.stop)
	<-s.ended
}
