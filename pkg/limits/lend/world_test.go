package lend

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/referee"
)

// world is a bus, a disk, a venue that counts for itself, and members that share, all in one thread of virtual time: what happens
// is the same each time for one seed.
type world struct {
	t   testing.TB
	rng *rand.Rand
	now time.Duration
	due events
	n   int

	figures figures
	venue   map[string]*referee.Server // of an endpoint, or of an endpoint and an account
	took    map[string]int
	over    int

	record  []byte // on disk
	rev     int
	stored  time.Time
	members []*member

	slow   int // permille of requests that are on their way for seconds
	lose   int // permille of messages that are lost
	broken broken
}

// broken are ways to build it wrong.
type broken struct {
	forgets bool // who takes over does not count what was lent and reserved
	endless bool // who borrows does not heed the end of a loan, and gives nothing back
}

// figures are what the venue documents.
type figures struct {
	place, cancel   []catalogue.Layer
	orders, cancels catalogue.Layer // of a signer
}

func window(n int, per time.Duration) catalogue.Layer { return catalogue.Layer{N: n, Per: per} }

// wide is of a signer that has as much as is wanted.
var wide = catalogue.Layer{Rate: 100_000, Burst: 100_000}

func (f figures) profile(t testing.TB) catalogue.Profile {
	t.Helper()
	charge := func(of string) []catalogue.Charge { return []catalogue.Charge{{To: of, Item: 1}} }
	p, err := catalogue.Build(catalogue.Profile{Name: "test", Date: "2026-11-22", Source: "a test", API: "clob", Rules: []catalogue.Rule{
		{Name: "place", Scope: catalogue.IP, Class: catalogue.Order, For: []string{place}, Layers: f.place},
		{Name: "cancel", Scope: catalogue.IP, Class: catalogue.Cancel, For: []string{cancel}, Layers: f.cancel},
		{Name: "orders", Scope: catalogue.Signer, Class: catalogue.Order, Layers: []catalogue.Layer{f.orders}, Charges: charge(place)},
		{Name: "cancels", Scope: catalogue.Signer, Class: catalogue.Cancel, Layers: []catalogue.Layer{f.cancels}, Charges: charge(cancel)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	place  = "POST /order"
	cancel = "DELETE /order"
)

func server(layers ...catalogue.Layer) *referee.Server {
	s := &referee.Server{}
	for _, l := range layers {
		if l.N > 0 {
			s.Windows = append(s.Windows, &referee.Window{N: l.N, Per: l.Per})
		} else {
			s.Buckets = append(s.Buckets, &referee.Bucket{Rate: l.Rate, Burst: l.Burst, Per: time.Second, Negative: l.Negative})
		}
	}
	return s
}

func newWorld(t testing.TB, seed uint64, f figures) *world {
	return &world{t: t, rng: rand.New(rand.NewPCG(seed, 7)), figures: f, took: map[string]int{},
		venue: map[string]*referee.Server{place: server(f.place...), cancel: server(f.cancel...)}}
}

// allowed is the most that anybody could send in a span.
func allowed(span time.Duration, layers ...catalogue.Layer) (n int) {
	s := server(layers...)
	for at := s.Next(0, 1); at < span; at = s.Next(at, 1) {
		s.Arrive(at, 1)
		n++
	}
	return n
}

// arrive is a request at the venue.
func (w *world) arrive(q budget.Request) {
	own := q.Endpoint + " " + q.Account
	if w.venue[own] == nil {
		w.venue[own] = server(map[string]catalogue.Layer{place: w.figures.orders, cancel: w.figures.cancels}[q.Endpoint])
	}
	all, signer := w.venue[q.Endpoint].Arrive(w.now, 1), w.venue[own].Arrive(w.now, 1)
	if !all || !signer {
		w.over++
	}
	w.took[q.Endpoint]++
	w.took[own]++
}

// time is the broker's clock.
func (w *world) time() time.Time { return time.Unix(1_000_000, 0).Add(w.now) }

type event struct {
	at time.Duration
	n  int
	do func()
}

// after lets something happen.
func (w *world) after(d time.Duration, do func()) {
	w.n++
	heap.Push(&w.due, event{w.now + max(0, d), w.n, do})
}

// run lets time pass.
func (w *world) run(span time.Duration) {
	for end := w.now + span; ; {
		if len(w.due) == 0 || w.due[0].at > end {
			w.now = end
			return
		}
		e := heap.Pop(&w.due).(event)
		w.now = e.at
		e.do()
	}
}

// between is a random span.
func (w *world) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.rng.Int64N(int64(b-a)+1))
}

func (w *world) chance(permille int) bool { return w.rng.IntN(1000) < permille }

// post carries a message to a member, or to whoever grants.
func (w *world) post(from *member, to func(m *member)) (heard bool) {
	if from.cut || w.chance(w.lose) {
		return true // nobody says that it was lost
	}
	for _, m := range w.members {
		if m.alive && !m.cut && m != from && m.g != nil {
			heard = true
			w.after(w.between(200*time.Microsecond, 2*time.Millisecond), func() { m.wakes(func() { to(m) }) })
		}
	}
	return heard
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].n < e[j].n
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

// must is for what cannot fail in these tests.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprint("test: ", err))
	}
	return v
}
