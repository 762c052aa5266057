package relayer

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/limits/quota"
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
	moot     bool // the owner's transaction found the nonce used
	calls    []bool
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
	w := &world{trial: newTrial(t, kind), r: rand.New(rand.NewPCG(seed, uint64(kind))), kind: kind, units: map[string]*body{}, sent: map[string]bool{}, ran: map[msgs.RequestID]int{}}
	w.start()
	return w
}

func (w *world) chance(percent int) bool { return !w.calm && w.r.IntN(100) < percent }

// start is the start of a process: claim, what was open, the lane to its end.
func (w *world) start() {
	w.jobs, w.sent = nil, map[string]bool{}
	for _, b := range w.units {
		b.follows, b.last = false, ""
	}
	var open []actor.Deed
	for d := range w.core.Open() {
		open = append(open, d)
	}
	w.claim()
	for _, d := range open {
		w.jobs = append(w.jobs, &job{deed: d, recovered: true})
	}
	w.hear(actor.LaneEnd{})
}

// crash loses everything but the log.
func (w *world) crash() {
	w.cuts++
	life, err := w.core.Snapshot()
	if err != nil {
		w.t.Fatal(err)
	}
	cut := w.r.IntN(len(w.log) + 1)
	half := NewWallet(w.id, Rules{})
	for _, e := range w.log[:cut] {
		half.Apply(e)
	}
	snap, err := half.Snapshot()
	if err != nil {
		w.t.Fatal(err)
	}
	w.core = NewWallet(w.id, Rules{})
	if err := w.core.Restore(snap); err != nil {
		w.t.Fatal(err)
	}
	for _, e := range w.log[cut:] {
		w.core.Apply(e)
	}
	if again, err := w.core.Snapshot(); err != nil || string(again) != string(life) {
		w.t.Fatalf("snapshot and tail give\n%s\nlife was\n%s\n%v", again, life, err)
	}
	w.start()
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
		w.jobs = append(w.jobs, &job{deed: x})
	}
}

func isFollow(d actor.Deed) bool { _, ok := d.(Follow); return ok }

func (w *world) step() {
	switch n := w.r.IntN(100); {
	case n < 10 && len(w.asked) < 25 && !w.calm:
		w.command()
	case n < 35:
		w.now = w.now.Add(time.Duration(1+w.r.IntN(20)) * time.Second)
		w.hear(actor.Tick{})
	case n < 55:
		w.block()
	case len(w.jobs) > 0:
		j := w.jobs[w.r.IntN(len(w.jobs))]
		if !j.begun {
			w.begin(j)
		}
		if len(j.out) > 0 {
			m := j.out[0]
			j.out = j.out[1:]
			if len(j.out) == 0 && !isFollow(j.deed) {
				w.jobs = slices.DeleteFunc(w.jobs, func(x *job) bool { return x == j })
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
	switch w.r.IntN(5) {
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

// begin performs a deed.
func (w *world) begin(j *job) {
	switch d := j.deed.(type) {
	case Look:
		if d.FromMS > w.now.UnixMilli() {
			return
		}
		l := w.looks(w.nonce)
		l.Block = 100 + uint64(len(w.past))
		l.Quota.Limit = 0
		if w.chance(10) {
			l = Looked{AtMS: w.now.UnixMilli(), Err: failure(msgs.VenueDown, "no endpoint", "wait")}
		}
		if w.chance(15) {
			l.Relayer = Door{Code: msgs.VenueDown, Cause: "down", Fix: "wait"}
		}
		if w.chance(15) {
			l.OwnGas = Door{Code: msgs.NoGas, Cause: "no gas", Fix: "send some"}
		}
		j.out = []any{l}
	case Rehearse:
		r := Rehearsed{Pack: d.Pack, Failed: -1, Nonce: w.nonce}
		switch {
		case w.chance(5):
			r.Err = failure(msgs.VenueDown, "no endpoint", "wait")
		case w.chance(6):
			r.Failed, r.Cause = w.r.IntN(len(d.Pack.Calls)), "paused"
		}
		j.out = []any{r}
	case Submit:
		j.out = []any{w.submit(d, j.recovered)}
	case Bring:
		j.out = []any{w.bring(d)}
	case Follow:
		b := w.body(d.Unit)
		w.jobs = slices.DeleteFunc(w.jobs, func(x *job) bool {
			f, ok := x.deed.(Follow)
			return ok && x != j && x.begun && f.Unit.Unit == d.Unit.Unit
		})
		b.follows, b.last = true, ""
		w.see(j)
	}
	j.begun = true
}

// body is a unit's; what is signed twice must be the same bytes.
func (w *world) body(u msgs.TxPayload) *body {
	b := w.units[u.Unit]
	if b == nil {
		b = &body{unit: u, calls: make([]bool, len(u.Calls))}
		w.units[u.Unit] = b
		w.order = append(w.order, u.Unit)
	}
	if text(b.unit) != text(u) {
		w.t.Fatalf("unit %s has two payloads:\n%s\n%s", u.Unit, text(b.unit), text(u))
	}
	return b
}

// sign is the moment of a signature: no request may have another that can still have effect at another nonce, or, where no nonce
// guards it, any other at all.
func (w *world) sign(b *body, own bool) {
	for _, name := range w.order {
		o := w.units[name]
		if o == b || !o.signed {
			continue
		}
		for _, id := range b.unit.RequestIDs {
			if !slices.Contains(o.unit.RequestIDs, id) || !w.canAct(o) {
				continue
			}
			if w.kind == polymarket.EOA || o.unit.Nonce != b.unit.Nonce || w.kind == polymarket.Proxy && (own || o.own) {
				w.t.Fatalf("request %s is signed for in %s (nonce %d) and %s (nonce %d), and both can have effect\nfinal %d used by %v\n%+v\n%s", id, name, o.unit.Nonce, b.unit.Unit, b.unit.Nonce, w.final, w.past, *o, w.story(id))
			}
		}
	}
	b.signed = true
}

// canAct reports whether a signed unit can still have effect.
func (w *world) canAct(b *body) bool {
	switch {
	case w.kind == polymarket.EOA, w.kind == polymarket.Proxy && b.own:
		return b.own && !b.reverted && !w.executed(b)
	case w.expired(b):
		return false
	}
	return (b.taken && !b.dead || b.own && !b.reverted) && int(b.unit.Nonce) >= w.final
}

func (w *world) executed(b *body) bool {
	if w.kind == polymarket.EOA {
		return !slices.Contains(b.calls, false)
	}
	return slices.Contains(w.past, b.unit.Unit)
}

func (w *world) expired(b *body) bool {
	return b.unit.DeadlineS != 0 && w.now.Unix() > b.unit.DeadlineS && !slices.Contains(w.past, b.unit.Unit)
}

func refused(reason polymarket.RelayerReason) *polymarket.RelayerError {
	return &polymarket.RelayerError{Method: http.MethodPost, Path: "/submit", Reason: reason, Status: 400}
}

func (w *world) submit(d Submit, recovered bool) Submitted {
	b := w.body(d.Unit)
	out := Submitted{Unit: d.Unit.Unit, AtMS: w.now.UnixMilli(), Left: recovered || w.sent[d.Unit.Unit]}
	if w.chance(8) && !out.Left {
		out.Exhausted = &quota.Exhausted{Until: w.now.Add(time.Hour), Limit: 100, Used: 100}
		return out
	}
	if b.taken && out.Left {
		if out.ID = "id-" + d.Unit.Unit; w.chance(15) {
			out.ID, out.Err = "", refused(polymarket.RelayerLost)
		}
		return out
	}
	if d.SendBy != 0 && w.now.UnixMilli() > d.SendBy || w.chance(8) {
		out.Err = refused(polymarket.RelayerNeverLeft)
		return out
	}
	w.sign(b, false)
	w.sent[d.Unit.Unit] = true
	no := func(r polymarket.RelayerReason) Submitted {
		if !out.Left {
			delete(w.sent, d.Unit.Unit)
		}
		out.Err = refused(r)
		out.Err.After, out.Err.Named = time.Hour, r == polymarket.RelayerQuota
		return out
	}
	reasons := []polymarket.RelayerReason{polymarket.RelayerQuota, polymarket.RelayerRateLimited, polymarket.RelayerWalletBusy, polymarket.RelayerCallBlocked,
		polymarket.RelayerPrecheck, polymarket.RelayerUnauthorised, polymarket.RelayerRejected, polymarket.RelayerForbidden}
	switch {
	case w.nonce != d.Unit.Nonce:
		return no(polymarket.RelayerNonce)
	case w.expired(b):
		return no(polymarket.RelayerRejected)
	case w.chance(25):
		return no(reasons[w.r.IntN(len(reasons))])
	case w.chance(8):
		out.Err = refused(polymarket.RelayerLost) // it never came there
		return out
	}
	if !b.taken {
		w.spent++
	}
	b.taken = true
	switch {
	case w.chance(12):
		b.failed, b.dead = true, true
	case w.chance(12):
		b.failed = true // and brings it later all the same
	}
	if out.ID = "id-" + d.Unit.Unit; w.chance(10) {
		out.ID, out.Err = "", refused(polymarket.RelayerLost)
	}
	return out
}

func (w *world) bring(d Bring) Brought {
	b := w.body(d.Unit)
	out := Brought{Unit: d.Unit.Unit, AtMS: w.now.UnixMilli()}
	switch {
	case b.own:
		return out
	case w.kind == polymarket.Proxy && (d.Refusal == nil || !d.Refusal.Refuses()):
		w.t.Fatalf("a proxy wallet's unit is brought without a refusal: %s", text(d))
	case w.kind == polymarket.Proxy && b.taken:
		w.t.Fatalf("a proxy wallet's unit that the relayer has taken is brought beside it")
	case d.SendBy != 0 && w.now.UnixMilli() > d.SendBy:
		out.Err = failure(msgs.DeadlinePassed, "late", "later")
	case w.chance(15):
		out.Err = failure(msgs.NoGas, "no gas", "send some")
	case w.kind == polymarket.Safe && w.nonce != d.Unit.Nonce:
		out.Err, out.Past = failure(msgs.WouldRevert, "GS026", "look"), w.nonce > d.Unit.Nonce
	case w.chance(6):
		out.Err = failure(msgs.WouldRevert, "GS013", "look")
	default:
		w.sign(b, true)
		b.own = true
	}
	return out
}

// block mines: transactions that are under way are executed, or fail, or wait; what is not final can be undone.
func (w *world) block() {
	if w.chance(10) && len(w.past) > w.final {
		cut := w.final + w.r.IntN(len(w.past)-w.final)
		for _, name := range w.past[cut:] {
			w.count(name, -1)
			if name == "" {
				w.others++
			}
		}
		w.past = w.past[:cut]
		w.nonce = uint64(len(w.past))
		for _, b := range w.units {
			b.moot = b.moot && w.kind == polymarket.Proxy // what the owner of a proxy wallet brings is final at once here
		}
	}
	if w.chance(2) {
		w.others++
	}
	if w.others > 0 && w.r.IntN(3) == 0 {
		w.others--
		w.past = append(w.past, "")
		w.nonce++
	}
	for _, i := range w.r.Perm(len(w.order)) {
		w.mine(w.units[w.order[i]])
	}
	if w.calm || w.r.IntN(3) == 0 {
		w.final = w.final + w.r.IntN(len(w.past)-w.final+1)
		if w.calm {
			w.final = len(w.past)
		}
	}
	for _, j := range slices.Clone(w.jobs) {
		if isFollow(j.deed) && j.begun {
			w.see(j)
		}
	}
}

func (w *world) mine(b *body) {
	if w.kind == polymarket.EOA {
		for i := range b.calls {
			if b.own && !b.calls[i] && w.r.IntN(2) == 0 {
				b.calls[i] = true
				for _, id := range b.unit.Calls[i].RequestIDs {
					w.ran[id]++
				}
			}
		}
		return
	}
	if w.kind == polymarket.Proxy && b.own {
		if !b.moot && w.r.IntN(2) == 0 {
			b.moot = true // executed, by its own transaction
			w.count(b.unit.Unit, 1)
		}
		return
	}
	can := b.taken && !b.dead && w.r.IntN(3) == 0 || b.own && !b.reverted && !b.moot && w.r.IntN(2) == 0
	switch {
	case !can || w.expired(b):
	case w.nonce < b.unit.Nonce: // what it was built on was undone
		b.reverted = b.own
	case w.nonce != b.unit.Nonce:
		b.moot = b.own
		b.failed = b.failed || b.taken
	case b.own && w.chance(10):
		b.reverted = true
	default:
		w.past = append(w.past, b.unit.Unit)
		w.nonce++
		w.count(b.unit.Unit, 1)
	}
}

func (w *world) count(name string, n int) {
	if b := w.units[name]; b != nil {
		for _, id := range b.unit.RequestIDs {
			w.ran[id] += n
		}
	}
}

// see tells a follower what it sees, when that is new.
func (w *world) see(j *job) {
	f := j.deed.(Follow)
	b := w.units[f.Unit.Unit]
	s := Seen{Unit: f.Unit.Unit, AtMS: w.now.UnixMilli()}
	if b.taken && f.ID != "" && b.failed {
		s.State = polymarket.TxFailed
	}
	at := slices.Index(w.past, f.Unit.Unit)
	switch {
	case w.kind == polymarket.EOA:
		s.Final = true
		for i := range b.calls {
			s.Steps = append(s.Steps, Step{Final: b.calls[i], Block: 1, TxHash: "0x01"})
			s.Final = s.Final && b.calls[i]
		}
	case w.kind == polymarket.Proxy && b.own:
		s.Executed, s.Final, s.Block, s.TxHash = b.moot, b.moot, 50, "0x01"
	case at >= 0:
		s.Executed, s.Block, s.TxHash, s.Final = true, uint64(100+at), "0x01", at < w.final
	case int(f.Unit.Nonce) < w.final:
		s.NonceUsed, s.Final, s.UsedBy = true, true, ""
		if o := w.units[w.past[f.Unit.Nonce]]; o != nil && w.kind == polymarket.Safe {
			s.UsedBy = o.unit.Hash
		}
	case w.expired(b):
		s.Expired, s.Final = true, true
	case b.reverted:
		s.Reverted, s.Final = true, true
	}
	if now := text(stand(standOf(&s))) + fmt.Sprint(standOf(&s)); now != b.last {
		b.last = now
		j.out = append(j.out, s)
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
	for i := range 40_000 {
		w.step()
		if i%50 == 0 {
			w.now = w.now.Add(5 * time.Minute)
		}
		if i > 800 && len(w.core.requests) == 0 && len(w.core.ghosts) == 0 {
			return
		}
		if i%2000 == 1999 && len(w.core.ghosts) > 0 && len(w.core.requests) == 0 {
			w.past = append(w.past, "") // somebody uses the nonce that given-up units wait at
			w.nonce++
		}
	}
}

// TestEveryRequestOnceInARandomWorld drives a wallet of each kind through random commands, refusals, lost answers, outages, own gas,
// reorganisations, failures that come true later, foreign hands, and a crash at about every sixteenth step. In the end each request
// was executed once and confirmed, or not at all and ended otherwise; at no signature was there another for the same request that
// could have effect beside it; snapshot and tail equalled life at each crash.
func TestEveryRequestOnceInARandomWorld(t *testing.T) {
	seeds, err := strconv.Atoi(os.Getenv("SLUICE_RELAYER_SEEDS"))
	if err != nil {
		seeds = 10
	}
	var requests, executed, cuts, units, seals, late int
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
					case e == nil:
						t.Fatalf("%s has no end: %+v\n%s", id, w.core.requests[id], w.stuck())
					case confirmed && c.Unit != "" && ran != 1, !confirmed && ran != 0, confirmed && c.Unit == "" && ran != 0:
						t.Fatalf("%s was executed %d times and its end is %s\n%s", id, ran, text(e), w.story(id))
					}
					executed += ran
				}
				requests, cuts, units, seals, late = requests+len(w.asked), cuts+w.cuts, units+w.spent, seals+w.seals, late+w.late
			})
		}
	}
	t.Logf("%d requests in %d units, %d of them the relayer's, %d executions, %d late words, %d crashes", requests, seals, units, executed, late, cuts)
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
