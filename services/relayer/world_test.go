package relayer

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"sluice/pkg/limits/quota"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// begin performs a deed.
func (w *world) begin(j *job) {
	switch d := j.deed.(type) {
	case Look:
		if d.FromMS > w.now.UnixMilli() {
			return
		}
		l := w.looks(w.nonce)
		l.Block = 100 + uint64(len(w.past))
		l.Quota.Limit, l.Deployed = 0, w.made
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
		case len(d.Pack.Calls) > 0 && w.chance(6):
			r.Failed, r.Cause = w.r.IntN(len(d.Pack.Calls)), "paused"
		}
		j.out = []any{r}
	case Probe:
		j.out = []any{Answering{}}
	case Submit:
		j.out = []any{w.submit(d, j.recovered)}
	case Bring:
		j.out = []any{w.bring(d, j.recovered)}
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
		b = &body{unit: u, calls: make([]bool, len(u.Calls)), on: make([]bool, len(u.Calls))}
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
	if w.core.held {
		w.t.Fatalf("%s is signed for over a log in doubt", b.unit.Unit)
	}
	if b.signed = true; b.unit.Create {
		return // of several creations one makes the wallet
	}
	for _, name := range w.order {
		o := w.units[name]
		if o == b || !o.signed {
			continue
		}
		for _, id := range b.unit.RequestIDs {
			if w.gone[id] || !slices.Contains(o.unit.RequestIDs, id) || !w.canAct(o) {
				continue
			}
			if w.kind == polymarket.EOA || o.unit.Nonce != b.unit.Nonce || w.kind == polymarket.Proxy && (own || o.own) {
				w.t.Fatalf("request %s is signed for in %s (nonce %d) and %s (nonce %d), and both can have effect\nfinal %d used by %v\n%+v\n%s", id, name, o.unit.Nonce, b.unit.Unit, b.unit.Nonce, w.final, w.past, *o, w.story(id))
			}
		}
	}
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
		return slices.Equal(b.calls, b.on)
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
	out := Submitted{Unit: d.Unit.Unit, AtMS: w.now.UnixMilli(), Left: recovered || d.Left || w.sent[d.Unit.Unit]}
	if w.kind == polymarket.Proxy && b.own {
		w.t.Fatalf("a proxy wallet's unit that own gas has taken is submitted beside it")
	}
	if w.chance(8) && !out.Left {
		out.Exhausted = &quota.Exhausted{Until: w.now.Add(time.Hour), Limit: 100, Used: 100}
		return out
	}
	again := d.Unit.Create && b.failed // one that failed is not the next
	if b.taken && out.Left && !again {
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
		polymarket.RelayerPrecheck, polymarket.RelayerUnauthorised, polymarket.RelayerRejected, polymarket.RelayerForbidden, polymarket.RelayerStranger}
	switch {
	case d.Unit.Create && w.made:
		return no(polymarket.RelayerRejected)
	case !d.Unit.Create && w.nonce != d.Unit.Nonce:
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
	b.taken, b.failed, b.dead = true, b.failed && !again, b.dead && !again
	switch {
	case w.chance(6):
		b.sits = true
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

func (w *world) bring(d Bring, recovered bool) Brought {
	b := w.body(d.Unit)
	out := Brought{Unit: d.Unit.Unit, AtMS: w.now.UnixMilli()}
	switch {
	case w.absent && !w.calm:
		out.Err, out.Unknown = failure(msgs.NoGas, "own gas is not switched on", "switch it on"), recovered || d.Unsure
	case w.chance(8), d.Unsure && w.chance(30): // most of all where it matters
		out.Err, out.Unknown = failure(msgs.VenueDown, "the sender is silent", "wait"), true
	case w.kind == polymarket.EOA:
		w.bringCalls(d, b, &out)
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
	case d.Unit.Create && w.made:
		out.Err = failure(msgs.WouldRevert, "it is there", "look")
	case w.kind == polymarket.Safe && !d.Unit.Create && w.nonce != d.Unit.Nonce:
		out.Err, out.Past = failure(msgs.WouldRevert, "GS026", "look"), w.nonce > d.Unit.Nonce
	case w.chance(6):
		out.Err = failure(msgs.WouldRevert, "GS013", "look")
	default:
		w.sign(b, true)
		b.own = true
	}
	return out
}

// bringCalls has the owner's sender take on the calls of an EOA's unit one by one: some would revert or are too late, and are not sent, and
// before any of them the gas can be gone or the sender fall silent.
func (w *world) bringCalls(d Bring, b *body, out *Brought) {
	part := slices.Contains(b.on, true)
	stop := func(err *msgs.Error) { out.Err, out.Part, out.Refused = err, part, nil }
	for i := range b.on {
		late := d.SendBy != 0 && w.now.UnixMilli() > d.SendBy
		switch {
		case b.on[i]:
			continue
		case late && !part && i == 0:
			stop(failure(msgs.DeadlinePassed, "late", "later"))
			return
		case late:
			out.Refused = append(out.Refused, msgs.TxRefused{Call: i, Error: failure(msgs.DeadlinePassed, "late", "later")})
			continue
		case w.chance(15):
			stop(failure(msgs.NoGas, "no gas", "send some"))
			return
		case w.chance(8):
			stop(failure(msgs.VenueDown, "the sender is silent", "wait"))
			out.Unknown = true
			return
		case w.chance(8):
			out.Refused = append(out.Refused, msgs.TxRefused{Call: i, Error: failure(msgs.WouldRevert, "paused", "look")})
			continue
		}
		w.sign(b, true)
		b.own, b.on[i], part = true, true, true
	}
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
	if w.made && !w.stands && len(w.past) == 0 && w.chance(10) {
		w.made = false
		w.madeBy(-1)
		for _, b := range w.units {
			b.reverted = b.reverted && !b.unit.Create // it was in vain as the wallet was there
		}
	}
	if w.made && w.chance(2) {
		w.others++
	}
	if w.made && w.others > 0 && w.r.IntN(3) == 0 {
		w.others--
		w.past = append(w.past, "")
		w.nonce++
	}
	for _, i := range w.r.Perm(len(w.order)) {
		w.mine(w.units[w.order[i]])
	}
	if w.calm || w.r.IntN(3) == 0 {
		w.stands = w.made
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
			if b.on[i] && !b.calls[i] && w.r.IntN(2) == 0 {
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
	can := b.taken && !b.dead && (w.calm || !b.sits) && w.r.IntN(3) == 0 || b.own && !b.reverted && !b.moot && w.r.IntN(2) == 0
	switch {
	case !can || w.expired(b):
	case b.unit.Create && w.made:
		b.reverted, b.failed = b.own, b.failed || b.taken
	case b.unit.Create:
		w.made, w.maker = true, b.unit.Unit
		w.madeBy(1)
	case !w.made: // there is no wallet
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

// madeBy counts the creation of the wallet for whoever asked for it in the unit that made it.
func (w *world) madeBy(n int) {
	w.makes += n
	w.count(w.maker, n)
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
	case f.Unit.Create && w.made:
		s.Executed, s.Final, s.Block, s.TxHash = true, w.stands, 99, "0x0c"
	case f.Unit.Create:
		s.Reverted, s.Final = b.reverted, b.reverted
	case w.kind == polymarket.EOA:
		s.Final = true
		for i := range b.calls {
			x := Step{Final: b.calls[i], Block: 1, TxHash: "0x01"}
			if n := slices.IndexFunc(f.Refused, func(r msgs.TxRefused) bool { return r.Call == i }); n >= 0 {
				x = Step{Final: true, Err: f.Refused[n].Error}
			}
			s.Steps = append(s.Steps, x)
			s.Final = s.Final && x.Final
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
