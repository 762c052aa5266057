package relayer

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// world is a chain with one wallet, a relayer and an owner with gas, all of which fail in every way that is known.
type world struct {
	*trial
	r      *rand.Rand
	kind   polymarket.WalletKind
	calm   bool // no new faults
	jobs   []*job
	units  map[string]*body
	order  []string
	sent   map[string]bool // by this process
	nonce  uint64          // in the newest block
	others int             // transactions of others that are under way
	past   []string        // what used each nonce: a unit, or "" for somebody else
	final  int             // of past, so many are final
	ran    map[msgs.RequestID]int
	asked  []msgs.RequestID
	spent  int
	cuts   int
	seals  int
	late   int
	absent bool // own gas is not switched on in this process
	made   bool // the wallet is on chain, in the newest block
	stands bool // and in a final one
	maker  string
	gone   map[msgs.RequestID]bool // what a log that was rolled back does not know, or not all of
	doubts int
	makes  int
	create map[msgs.RequestID]bool // asks for the wallet

	answered map[string]time.Time // when the carrier of a unit has last said what became of it
}

// body is what became of a unit in the world.
type body struct {
	unit     msgs.TxPayload
	signed   bool
	taken    bool // by the relayer
	dead     bool // the relayer will never bring it
	failed   bool // the relayer says that it failed
	own      bool // the owner's transaction is under way
	reverted bool
	moot     bool   // the owner's transaction found the nonce used
	sits     bool   // the relayer does nothing about it
	calls    []bool // of an EOA: which are executed
	on       []bool // which the owner's sender has taken on
	follows  bool
	last     string
}

// job is a deed under way and what it has to tell.
type job struct {
	deed      actor.Deed
	recovered bool
	begun     bool
	out       []any
}

func newWorld(t testing.TB, seed uint64, kind polymarket.WalletKind) *world {
	w := &world{trial: newTrial(t, kind), r: rand.New(rand.NewPCG(seed, uint64(kind))), kind: kind, units: map[string]*body{}, sent: map[string]bool{}, ran: map[msgs.RequestID]int{},
		gone: map[msgs.RequestID]bool{}, create: map[msgs.RequestID]bool{}, answered: map[string]time.Time{}}
	able, _ := kind.Can()
	w.made = able.Create == "" || seed%2 == 0
	w.stands = w.made
	w.start(nil)
	return w
}

func (w *world) chance(percent int) bool { return !w.calm && w.r.IntN(100) < percent }

// start is the start of a process: claim, what was open, the lane to its end.
func (w *world) start(losses []msgs.Loss) {
	w.jobs, w.sent, w.absent = nil, map[string]bool{}, w.chance(10)
	for _, b := range w.units {
		b.follows, b.last = false, ""
	}
	var open []actor.Deed
	for d := range w.core.Open() {
		open = append(open, d)
	}
	w.claimed()
	w.hear(actor.Started{Losses: losses})
	for _, d := range open {
		w.jobs = append(w.jobs, &job{deed: d, recovered: true})
	}
	w.hear(actor.LaneEnd{})
}

// crash loses everything but the log, and of that sometimes the end, or it is only feared. A log in doubt is accepted at a later start.
func (w *world) crash() {
	w.cuts++
	life, err := w.core.Snapshot()
	if err != nil {
		w.t.Fatal(err)
	}
	rules := Rules{AcceptLog: w.core.held && (w.calm || w.chance(60))}
	cut := w.r.IntN(len(w.log) + 1)
	half := NewWallet(w.id, rules)
	for _, e := range w.log[:cut] {
		half.Apply(e)
	}
	snap, err := half.Snapshot()
	if err != nil {
		w.t.Fatal(err)
	}
	w.core = NewWallet(w.id, rules)
	if err := w.core.Restore(snap); err != nil {
		w.t.Fatal(err)
	}
	for _, e := range w.log[cut:] {
		w.core.Apply(e)
	}
	if again, err := w.core.Snapshot(); err != nil || string(again) != string(life) {
		w.t.Fatalf("snapshot and tail give\n%s\nlife was\n%s\n%v", again, life, err)
	}
	var losses []msgs.Loss
	if !w.core.held && w.chance(2) {
		w.doubts++
		losses = []msgs.Loss{{Code: msgs.LogRolledBack, Stream: "LOG_main", Cause: "it ends before what its snapshot knows"}}
		if w.chance(50) {
			w.rollBack()
		}
	}
	w.start(losses)
}

// rollBack takes the end of the log away. What it said of requests is lost, and nothing is claimed of those any more.
func (w *world) rollBack() {
	keep := len(w.log) - w.r.IntN(min(len(w.log), 20))
	for _, e := range w.log[keep:] {
		for _, id := range requestsOf(e) {
			w.gone[id] = true
		}
	}
	w.log = slices.Clip(w.log[:keep])
	w.n = msgs.HeadOf(w.log[keep-1]).N
	w.core = w.replayed()
}

// hear gives the core a message, and takes on its deeds.
func (w *world) hear(m any) {
	d := w.tell(m)
	for _, e := range d.Events {
		if s, ok := e.(*msgs.TxUnit); ok && s.Type == msgs.KindTxSealed {
			w.seals++
		}
	}
	for _, x := range d.Early {
		if !slices.ContainsFunc(w.jobs, func(j *job) bool { return fmt.Sprintf("%T", j.deed) == fmt.Sprintf("%T", x) && !isFollow(x) }) {
			w.jobs = append(w.jobs, &job{deed: x})
		}
	}
	for _, x := range d.Deeds {
		if w.tooSoon(x) {
			continue
		}
		w.jobs = append(w.jobs, &job{deed: x})
	}
}

// tooSoon reports whether a deed is not begun because its unit's carrier is being asked or was a moment ago.
func (w *world) tooSoon(d actor.Deed) bool {
	unit, every := "", time.Duration(0)
	switch d := d.(type) {
	case Submit:
		unit, every = unitOf(d), d.Every
	case Bring:
		unit, every = unitOf(d), d.Every
	}
	return every > 0 && (w.now.Sub(w.answered[unit]) < every || slices.ContainsFunc(w.jobs, func(j *job) bool { return !isFollow(j.deed) && unitOf(j.deed) == unit }))
}

func isFollow(d actor.Deed) bool { _, ok := d.(Follow); return ok }

func (w *world) step() {
	switch n := w.r.IntN(100); {
	case n < 10 && len(w.asked) < 25 && !w.calm:
		w.command()
	case n < 35:
		w.now = w.now.Add(time.Duration(1+w.r.IntN(20)) * time.Second)
		w.hear(actor.Tick{})
		if w.chance(10) {
			w.hear(Answering{})
		}
	case n < 55:
		w.block()
	case len(w.jobs) > 0:
		j := w.jobs[w.r.IntN(len(w.jobs))]
		if !j.begun {
			w.begin(j)
			if _, own := j.deed.(Bring); own && w.chance(15) || w.chance(5) {
				w.crash() // what became of it is never told
				return
			}
		}
		if len(j.out) > 0 {
			m := j.out[0]
			j.out = j.out[1:]
			if len(j.out) == 0 && !isFollow(j.deed) {
				w.jobs = slices.DeleteFunc(w.jobs, func(x *job) bool { return x == j })
				w.answered[unitOf(j.deed)] = w.now
			}
			w.hear(m)
		}
	}
	if w.chance(6) {
		w.crash()
	}
}

func (w *world) command() {
	id := msgs.RequestID(fmt.Sprintf("r%d", len(w.asked)))
	common := fmt.Sprintf(`"request_id":%q`, id)
	switch w.r.IntN(4) {
	case 0:
		common += `,"urgency":"high"`
	case 1:
		common += fmt.Sprintf(`,"deadline_ms":%d`, w.now.Add(time.Duration(30+w.r.IntN(3000))*time.Second).UnixMilli())
	}
	amount := 1 + w.r.IntN(9)
	verb, body := "split", fmt.Sprintf(`{%s,"condition_id":%q,"amount":"%d"}`, common, testCondition, amount)
	switch w.r.IntN(6) {
	case 5:
		if able, _ := w.kind.Can(); able.Create != "" {
			verb, body = "deploy", fmt.Sprintf(`{%s}`, common)
			w.create[id] = true
		}
	case 0:
		verb, body = "wrap", fmt.Sprintf(`{%s,"amount":"%d"}`, common, amount)
	case 1:
		verb, body = "transfer", fmt.Sprintf(`{%s,"asset":"pUSD","amount":"%d","to":%q}`, common, amount, listed)
	case 2:
		verb, body = "merge", fmt.Sprintf(`{%s,"condition_id":%q,"amount":"%d"}`, common, testCondition, amount)
	}
	w.asked = append(w.asked, id)
	a := w.trial.asked(verb, body)
	w.hear(a)
	if w.chance(30) {
		w.hear(a) // stored twice
	}
	if w.chance(8) {
		w.ask("cancel", fmt.Sprintf(`{"request_id":"c%d","cancels":%q}`, len(w.asked), id))
	}
}

// words are the last final words about each request.
func (w *world) words() map[msgs.RequestID]msgs.Event {
	out := map[msgs.RequestID]msgs.Event{}
	for _, e := range w.log {
		h := msgs.HeadOf(e)
		switch e := e.(type) {
		case *msgs.TxConfirmed:
			if old, ok := out[msgs.RequestID(h.ReqID)].(*msgs.TxConfirmed); ok {
				w.t.Fatalf("%s is confirmed twice: %s, then %s", h.ReqID, text(old), text(e))
			}
			out[msgs.RequestID(h.ReqID)] = e
			if e.Late {
				w.late++
			}
		case *msgs.TxFailed:
			if old := out[msgs.RequestID(h.ReqID)]; old != nil {
				w.t.Fatalf("%s has two ends: %s, then %s", h.ReqID, text(old), text(e))
			}
			out[msgs.RequestID(h.ReqID)] = e
		}
	}
	return out
}

// settle lets the world calm down until nothing moves any more.
func (w *world) settle() {
	w.calm = true
	if w.core.held {
		w.crash()
	}
	if !w.made {
		w.ask("deploy", `{"request_id":"last"}`)
	}
	for i := range 40_000 {
		w.step()
		if i%50 == 0 {
			w.now = w.now.Add(5 * time.Minute)
		}
		if i > 800 && len(w.core.requests) == 0 && len(w.core.ghosts) == 0 {
			return
		}
		if i%2000 == 1999 && len(w.core.ghosts) > 0 && len(w.core.requests) == 0 {
			w.made, w.stands = true, true
			w.past = append(w.past, "") // somebody uses the nonce that given-up units wait at
			w.nonce++
		}
	}
}

// TestEveryRequestOnceInARandomWorld drives a wallet of each kind through random commands, refusals, lost answers, outages, own gas,
// reorganisations, failures that come true later, foreign hands, creations of the wallet, and a crash at about every sixteenth step, after
// which the log is sometimes in doubt or has lost its end. In the end each request that the log knows was executed once and confirmed, or
// not at all and ended otherwise; at no signature was there another for the same request that could have effect beside it, or a log in
// doubt; snapshot and tail equalled life at each crash.
func TestEveryRequestOnceInARandomWorld(t *testing.T) {
	seeds, err := strconv.Atoi(os.Getenv("SLUICE_RELAYER_SEEDS"))
	if err != nil {
		seeds = 10
	}
	var requests, executed, cuts, units, seals, late, made, doubts int
	for _, kind := range []polymarket.WalletKind{polymarket.Safe, polymarket.Proxy, polymarket.Deposit, polymarket.EOA} {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprintf("%s/%d", kind, seed), func(t *testing.T) {
				w := newWorld(t, seed, kind)
				for range 900 {
					w.step()
				}
				w.settle()
				words := w.words()
				for _, id := range w.asked {
					e, ran := words[id], w.ran[id]
					c, confirmed := e.(*msgs.TxConfirmed)
					switch {
					case w.gone[id]:
						continue
					case e == nil:
						t.Fatalf("%s has no end, its last word was %s\n%s", id, w.core.requests[id].Last, w.stuck()+w.story("last"))
					case w.create[id] && confirmed && w.made: // by whichever unit
					case confirmed && c.Unit != "" && ran != 1, !confirmed && ran != 0, confirmed && c.Unit == "" && ran != 0:
						t.Fatalf("%s was executed %d times and its end is %s\n%s", id, ran, text(e), w.story(id))
					}
					executed += ran
				}
				requests, cuts, units, seals, late = requests+len(w.asked), cuts+w.cuts, units+w.spent, seals+w.seals, late+w.late
				made, doubts = made+w.makes, doubts+w.doubts
			})
		}
	}
	t.Logf("%d requests in %d units, %d of them the relayer's, %d executions, %d late words, %d wallets made, %d crashes, %d logs in doubt", requests, seals, units, executed, late, made, cuts, doubts)
}

// stuck says what a world hangs at.
func (w *world) stuck() (out string) {
	if u := w.core.unit; u != nil {
		b := w.units[u.name()]
		out = fmt.Sprintf("unit %s nonce %d %s by %s, again %d left %v code %s id %q; now %d; world: %+v\n", u.name(), u.Payload.Nonce, u.Phase, u.Carrier, u.AgainMS, u.Left, u.Code, u.ID, w.now.UnixMilli(), b)
		if b != nil {
			b.unit = msgs.TxPayload{}
			out = fmt.Sprintf("unit %s nonce %d %s by %s, again %d left %v code %s id %q; now %d; world: %+v\n", u.name(), u.Payload.Nonce, u.Phase, u.Carrier, u.AgainMS, u.Left, u.Code, u.ID, w.now.UnixMilli(), *b)
		}
	}
	for _, g := range w.core.ghosts {
		out += fmt.Sprintf("ghost %s nonce %d\n", g.name(), g.Payload.Nonce)
	}
	for _, j := range w.jobs {
		out += fmt.Sprintf("job %T begun %v, %d to tell\n", j.deed, j.begun, len(j.out))
	}
	return out + fmt.Sprintf("told %+v ready %v nonce %d final %d used by %v\n", w.core.told, w.core.ready, w.nonce, w.final, w.past)
}

// story is what the log says of a request.
func (w *world) story(id msgs.RequestID) (out string) {
	for _, e := range w.log {
		if s := text(e); msgs.HeadOf(e).ReqID == string(id) || e.Kind() == msgs.KindTxOwner || containsQuoted(s, string(id)) {
			out += s + "\n"
		}
	}
	return out
}

func containsQuoted(s, id string) bool {
	for i := 0; i+len(id)+2 <= len(s); i++ {
		if s[i] == '"' && s[i+1:i+1+len(id)] == id && s[i+1+len(id)] == '"' {
			return true
		}
	}
	return false
}
