package relayer

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"sluice/pkg/limits/quota"
	"sluice/pkg/limits/retry"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// How a unit is tried again.
const (
	retryFirst  = 5 * time.Second
	retryLast   = time.Minute
	retryGas    = 30 * time.Second // while the owner's account cannot pay
	outageLasts = time.Minute      // before a relayer that was down is asked again beside own gas
	// lostTries is how often a lost answer is asked about again before a Safe's owner brings the same bytes.
	lostTries = 2
	// busyTries is the same for a wallet that the relayer says is busy, and for a nonce that it does not see yet.
	busyTries = tollQuick
	// idle is how long the relayer may sit on a unit: then a Safe's owner brings it, and a proxy's is asked for again.
	idle = 10 * time.Minute
)

// backoff grows with the tries.
func backoff(tries int) time.Duration {
	return retry.Policy{First: retryFirst, Last: retryLast}.Back(max(tries, 1), 0)
}

// submitted takes what became of a submit.
func (t *decision) submitted(m *Submitted) {
	u := t.unit
	if u == nil || u.name() != m.Unit || u.Phase == following && m.ID == "" {
		return
	}
	left := u.Left || m.Left
	switch {
	case m.ID != "":
		if u.ID == m.ID && (u.Phase == following || u.Carrier != msgs.ByRelayer) {
			return
		}
		e := step(msgs.KindTxSubmitted, u)
		e.Carrier, e.RelayerID = msgs.ByRelayer, m.ID
		t.emit(e)
		f := u.follow()
		f.ID = m.ID
		t.deed(f)
	case u.Carrier != msgs.ByRelayer:
	case m.Denied != nil:
		t.denied(u, m.Denied, left)
	case m.Exhausted != nil:
		t.exhausted(u, m.Exhausted, left)
	case m.Err != nil:
		t.notTaken(u, m.Err, left)
	}
}

// denied ends a unit that must not be signed. Where the reason is a transfer to who is not listed any more, the rest is sealed anew.
func (t *decision) denied(u *unit, err *msgs.Error, left bool) {
	rs := t.inUnit(u)
	var rest []*request
	if !left || u.fencedByNonce() {
		rest = but(rs, func(r *request) bool { return t.unlisted(r) != nil })
	}
	if len(rest) == len(rs) {
		rest = nil
	}
	t.giveUp(u, rest, err, left && u.fencedByNonce())
	for _, r := range but(rs, func(r *request) bool { return slices.Contains(rest, r) }) {
		t.fail(r, u, err, "")
	}
}

// exhausted takes our own book's refusal: this time nothing has left.
func (t *decision) exhausted(u *unit, e *quota.Exhausted, left bool) {
	why := failure(msgs.QuotaExhausted, e.Error(), "wait, or let work go by own gas; a higher tier has a larger quota")
	able, _ := t.id.Kind.Can()
	until := e.Until.UnixMilli()
	switch {
	case !left:
		// Nothing has ever left: the queue decides anew, with what the book says.
		t.giveUp(u, t.inUnit(u), why, false)
		t.look(0)
	case able.OwnGas == polymarket.OwnGasSamePayload:
		t.lend(u, why, max(until, t.at(outageLasts)))
	default:
		again := max(until, t.at(retryFirst))
		if d := u.Payload.DeadlineS * 1000; d > 0 {
			again = max(min(again, d+1), t.at(retryFirst)) // it is signed anew then
		} else {
			again = min(again, t.at(retryLast))
		}
		t.hold(u, why, until, again, left, nil)
	}
}

// notTaken takes the relayer's answer to a submit that did not say that it has the unit.
func (t *decision) notTaken(u *unit, e *polymarket.RelayerError, left bool) {
	able, _ := t.id.Kind.Can()
	why := failure(relayerCode(e), e.Error(), e.Fix())
	before := left
	nothing := e.Reason == polymarket.RelayerNeverLeft || e.Reason == polymarket.RelayerNoLogin
	left = left || !nothing && e.Method == http.MethodPost
	until := int64(0)
	if e.Named {
		until = t.at(e.After)
	}
	tries, pause := u.Tries, backoff(u.Tries)
	if costly(e) {
		tries, pause = max(tries, t.toll.Units+1), max(pause, tollPause(t.toll.Units+1))
	}
	again := max(until, t.at(pause))
	if costly(e) && t.toll.Units+1 >= tollQuick {
		until = again
	}
	same := able.OwnGas == polymarket.OwnGasSamePayload
	after := able.OwnGas == polymarket.OwnGasAfterRefusal
	switch {
	case nothing && !left:
		t.giveUp(u, t.inUnit(u), why, false)
		t.wait(t.inUnit(u), why, 0)
		t.look(backoff(u.Tries))
	case e.Reason == polymarket.RelayerRateLimited, nothing:
		t.hold(u, why, until, again, left, e)
	case e.Reason == polymarket.RelayerWalletBusy, e.Reason == polymarket.RelayerNonce:
		if same && tries >= busyTries {
			t.reroute(u, msgs.ByOwnGas, why, left, e)
			return
		}
		if t.hold(u, why, until, again, left, e) {
			t.deed(u.follow())
		}
	case unknown(e):
		if same && tries >= lostTries {
			t.reroute(u, msgs.ByOwnGas, why, left, e)
			return
		}
		if t.hold(u, why, until, again, left, e) {
			t.deed(u.follow())
		}
	case !e.Refuses():
		t.hold(u, why, until, again, left, e)
	case same, after && !before && len(t.ghosts) == 0:
		t.reroute(u, msgs.ByOwnGas, why, left, e)
	case e.Reason == polymarket.RelayerStranger && t.toll.Strange+1 < strangeTries:
		t.hold(u, why, until, again, left, e)
	case e.Reason == polymarket.RelayerStranger, e.Reason == polymarket.RelayerCallBlocked, e.Reason == polymarket.RelayerPrecheck, e.Reason == polymarket.RelayerRejected:
		// Refused for good, and there is no other way. What was signed dies with its deadline or its nonce.
		if e.Reason == polymarket.RelayerStranger {
			why.Cause = fmt.Sprintf("asked %d times, %s", t.toll.Strange+1, why.Cause)
		}
		rs := t.inUnit(u)
		t.giveUp(u, nil, why, true)
		for _, r := range rs {
			t.fail(r, u, why, "")
		}
	case costly(e):
		t.hold(u, why, until, again, left, e)
	default:
		t.hold(u, why, until, min(again, t.at(retryLast)), left, e)
	}
}

func relayerCode(e *polymarket.RelayerError) msgs.Code {
	switch e.Reason {
	case polymarket.RelayerQuota:
		return msgs.QuotaExhausted
	case polymarket.RelayerUnauthorised, polymarket.RelayerNoLogin:
		return msgs.Unauthorised
	case polymarket.RelayerForbidden:
		return msgs.Blocked
	case polymarket.RelayerStranger, polymarket.RelayerCallBlocked, polymarket.RelayerRejected:
		return msgs.RelayerRefused
	case polymarket.RelayerPrecheck:
		return msgs.WouldRevert
	case polymarket.RelayerNonce:
		return msgs.NonceTaken
	}
	return msgs.VenueDown
}

// brought takes what became of a bring.
func (t *decision) brought(m *Brought) {
	u := t.unit
	if u == nil || u.name() != m.Unit || u.Carrier != msgs.ByOwnGas || u.Phase == following {
		return
	}
	rs := t.inUnit(u)
	next := *u // as the sender's word makes it
	next.Part, next.Unsure, next.Refused = u.Part || m.Part, m.Unknown, m.Refused
	switch {
	case m.Denied != nil:
		t.denied(u, m.Denied, u.Left)
	case m.Err == nil:
		e := step(msgs.KindTxSubmitted, u)
		e.Refused = m.Refused
		t.emit(e)
		t.deed(next.follow())
	case next.Part, next.Unsure:
		if t.hold(&next, m.Err, 0, t.at(retryGas), u.Left, nil) && u.is(polymarket.Safe) {
			t.deed(u.follow()) // its nonce tells even without the sender
		}
	case m.Past:
		t.hold(&next, failure(msgs.NonceTaken, "nonce "+u.nonce()+" of the wallet is used in the newest block", "wait until that is final"), 0, t.at(retryGas), u.Left, nil)
		t.deed(u.follow()) // it tells anew what it sees
	case !u.Left:
		// The sender says that it has taken nothing on: the queue decides anew.
		t.handBack(u, rs, m.Err, false)
		if m.Err.Code != msgs.WouldRevert && m.Err.Code != msgs.DeadlinePassed {
			t.wait(rs, m.Err, 0)
			t.look(retryGas)
		}
	case m.Err.Code == msgs.WouldRevert, m.Err.Code == msgs.DeadlinePassed:
		// It cannot be brought as it is, and cannot be made otherwise: the relayer has its signature.
		t.giveUp(u, nil, m.Err, u.fencedByNonce())
		for _, r := range rs {
			t.fail(r, u, m.Err, "")
		}
	case u.is(polymarket.Safe) && u.ID != "" && u.BackMS == 0:
		// The relayer has called it failed, and the owner cannot bring it. Another unit stands beside it at the same nonce.
		t.handBack(u, rs, failure(msgs.RelayerFailed, "the relayer did not bring it; by own gas: "+m.Err.Cause, m.Err.Fix), true)
		t.look(retryFirst)
	default:
		t.hold(&next, m.Err, 0, t.at(retryGas), u.Left, nil)
	}
}

// handBack gives a unit up and its requests back to the queue. Those that have been in too many units end with the cause.
func (t *decision) handBack(u *unit, rs []*request, why *msgs.Error, live bool) {
	var back, over []*request
	for _, r := range rs {
		if r.Seals >= maxSeals && why.Code == msgs.WouldRevert || r.Taken >= maxSeals && why.Code == msgs.RelayerFailed {
			over = append(over, r)
		} else {
			back = append(back, r)
		}
	}
	t.giveUp(u, back, why, live)
	for _, r := range over {
		t.fail(r, u, why, "")
	}
}

// fencedByNonce reports whether another unit of the same nonce can stand beside what was signed of this one.
func (u *unit) fencedByNonce() bool {
	return u.is(polymarket.Safe) || u.is(polymarket.Deposit) || u.is(polymarket.Proxy) && u.Carrier == msgs.ByRelayer
}

// fail gives the last word about a request of a unit.
func (t *decision) fail(r *request, u *unit, err *msgs.Error, tx msgs.TxHash) {
	t.emit(&msgs.TxFailed{Head: r.about(msgs.KindTxFailed), Unit: u.name(), Error: err, TxHash: tx, Final: true, Meta: r.meta()})
}

// giveUp ends a unit. Those of its requests that are given go back to the queue; live says that it can still have effect.
func (t *decision) giveUp(u *unit, back []*request, why *msgs.Error, live bool) {
	t.emit(&msgs.TxReleased{Head: msgs.Head{Type: msgs.KindTxReleased}, Unit: u.name(), RequestIDs: ids(back), Cause: why.Cause, Code: why.Code, Live: live})
	if live {
		t.deed(u.follow())
	}
}

// lend has the owner carry what has left for the relayer, which is asked again from backMS on if the owner cannot.
func (t *decision) lend(u *unit, why *msgs.Error, backMS int64) {
	t.rerouteUntil(u, msgs.ByOwnGas, why, true, nil, backMS)
}

// reroute has another carrier carry the same payload.
func (t *decision) reroute(u *unit, to msgs.Carrier, why *msgs.Error, left bool, refusal *polymarket.RelayerError) {
	t.rerouteUntil(u, to, why, left, refusal, 0)
}

// rerouteUntil is reroute until a time, as far as it is known without a refusal. While nothing may leave, the unit waits instead.
func (t *decision) rerouteUntil(u *unit, to msgs.Carrier, why *msgs.Error, left bool, refusal *polymarket.RelayerError, untilMS int64) {
	if !t.ready {
		t.hold(u, why, untilMS, t.at(retryFirst), left, refusal)
		return
	}
	t.emit(&msgs.TxRerouted{Head: msgs.Head{Type: msgs.KindTxRerouted}, Unit: u.name(), From: u.Carrier, To: to, Cause: why.Cause, Code: why.Code,
		Left: left, UntilMS: untilMS, Refusal: refusalText(refusal)})
	next := *u
	next.Carrier, next.Left = to, left
	if refusal != nil {
		next.Refusal = refusalText(refusal)
	}
	t.deed(t.carry(&next))
	if left {
		t.deed(next.follow())
	}
}

// hold lets a unit wait for its next try. What has been said and is still so is not said again, unless it may have cost a unit: said is
// false then.
func (t *decision) hold(u *unit, why *msgs.Error, untilMS, againMS int64, left bool, refusal *polymarket.RelayerError) (said bool) {
	if now := t.unit; !costly(refusal) && now.waitsFor(why, untilMS) && (now.Left || !left) && now.Part == u.Part && now.Unsure == u.Unsure {
		return false
	}
	t.emit(&msgs.TxWaiting{Head: msgs.Head{Type: msgs.KindTxWaiting}, RequestIDs: ids(t.inUnit(u)), UntilMS: untilMS, Cause: why.Cause, Fix: why.Fix,
		Code: why.Code, Unit: u.name(), AgainMS: againMS, Left: left, Part: u.Part, Unsure: u.Unsure, Refusal: refusalText(refusal)})
	return true
}

func refusalText(e *polymarket.RelayerError) json.RawMessage {
	if e == nil {
		return nil
	}
	b, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("relayer: a refusal does not encode: %v", err)) // it holds texts and numbers only
	}
	return b
}

// retry has a unit that waits carried again, by the carrier that is more likely to be able now.
func (t *decision) retry() {
	u := t.unit
	able, _ := t.id.Kind.Can()
	if u.Phase == following && u.Carrier == msgs.ByRelayer && u.Block == 0 && t.nowMS-u.SinceMS > idle.Milliseconds() {
		switch why := failure(msgs.RelayerFailed, "the relayer took the unit and has not brought it for "+idle.String(), "wait"); {
		case able.OwnGas == polymarket.OwnGasSamePayload:
			t.lend(u, why, t.at(outageLasts))
			return
		case u.is(polymarket.Proxy) && !u.Payload.Create && u.Sat > 0:
			// It was found there once more, and nothing came of it: another unit stands beside it at the same nonce.
			why.Fix = "it is sealed anew at the same nonce; tell the venue's support if that lasts"
			t.handBack(u, t.inUnit(u), why, true)
			return
		case u.is(polymarket.Proxy), u.Payload.Create:
			// No other way is safe, or there is none. The same bytes may go to the relayer again, which has them still or not.
			why.Fix = "it is asked for again; tell the venue's support if that lasts, as nothing else may bring it while it can still come"
			t.hold(u, why, 0, t.at(max(retryFirst, tollPause(tollQuick-1+u.Sat))), true, nil)
			return
		}
	}
	rs := t.inUnit(u)
	by := sendBy(rs)
	late := by != 0 && t.nowMS > by && !u.bound()
	if u.Phase != waits || u.AgainMS > t.nowMS && (!late || u.Code == msgs.DeadlinePassed) {
		return
	}
	if d := u.Payload.DeadlineS * 1000; d != 0 && t.nowMS > d {
		if t.hold(u, failure(msgs.RelayerFailed, "the batch's deadline has passed", "wait until that is final; it is signed anew then"), 0, t.at(retryLast), true, nil) {
			t.deed(u.follow())
		}
		return
	}
	if late {
		t.tooLate(u, rs)
		return
	}
	if u.Carrier == msgs.ByOwnGas && u.BackMS != 0 && u.BackMS <= t.nowMS && !u.bound() {
		t.reroute(u, msgs.ByRelayer, failure(u.Code, "own gas cannot bring it, and the relayer may be able again", "wait"), u.Left || u.Unsure, nil)
		return
	}
	quiet := t.quiet(u)
	if !quiet {
		t.emit(step(msgs.KindTxSubmitting, u))
	}
	switch d := t.carry(u).(type) {
	case Submit:
		d.Sure = t.nowMS-t.toll.SinceMS >= tollLast.Milliseconds()
		if quiet {
			d.Every = retryLast
		}
		t.deed(d)
	case Bring:
		if quiet {
			d.Every = retryGas
		}
		t.deed(d)
	}
}

// quiet reports whether a unit that waits may be asked for again without a word on the log: the log says already that it may have left,
// nothing but what guards its bytes decides on it meanwhile, and nobody counts how often it was asked for.
func (t *decision) quiet(u *unit) bool {
	able, _ := t.id.Kind.Can()
	switch {
	case u.Carrier == msgs.ByRelayer:
		return u.Left && (able.OwnGas != polymarket.OwnGasSamePayload || u.Tries >= busyTries)
	case u.is(polymarket.Safe):
		return u.Left
	}
	return u.bound()
}

// tooLate ends a unit whose time to leave has passed. What never left goes back to the queue, where what is late is dropped.
func (t *decision) tooLate(u *unit, rs []*request) {
	why := failure(msgs.DeadlinePassed, "deadline_ms passed before a carrier took it", "send it again with a later deadline_ms")
	switch {
	case !u.Left && !u.Unsure:
		t.giveUp(u, rs, why, false)
	case u.Payload.DeadlineS == 0:
		t.giveUp(u, nil, why, u.fencedByNonce())
		for _, r := range rs {
			t.fail(r, u, why, "")
		}
	default:
		if t.hold(u, why, 0, t.at(retryLast), true, nil) { // it is watched: its deadline or the relayer's nonce will end it
			t.deed(u.follow())
		}
	}
}
