package relayer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// A log that may have lost units lets nothing leave, over restarts too, until an operator accepts it: what was asked meanwhile, and what
// an earlier log may have had executed, is dropped and says why.
func TestLogInDoubtDropsWhatIsAsked(t *testing.T) {
	b := newTrial(t, polymarket.Safe)
	b.claimed()
	b.tell(actor.Started{Losses: []msgs.Loss{{Code: msgs.LogRolledBack, Stream: "LOG_main", Cause: "the log ends before what its snapshot knows"}}})
	ask := func(id string) {
		b.ask("wrap", fmt.Sprintf(`{"request_id":%q,"amount":"5","urgency":"high"}`, id))
	}
	ask("w1")
	b.tell(actor.LaneEnd{})
	b.wait(2 * time.Second)
	if d := b.tell(actor.Tick{}); len(d.Early)+len(d.Deeds) > 0 {
		t.Fatalf("in doubt, and yet: %s", text(d))
	}
	b.core = b.replayed()
	b.claim()
	b.tell(actor.LaneEnd{})
	ask("w2")
	for _, id := range []msgs.RequestID{"w1", "w2"} {
		if a, ok := b.core.Answer(id); !ok || !a.Final || a.Last != msgs.KindTxDropped || a.Error.Code != msgs.LogInDoubt {
			t.Errorf("%s: %s", id, text(a))
		}
	}
	b.core.rules.AcceptLog = true
	b.claim()
	b.tell(actor.LaneEnd{})
	ask("w3")
	b.wait(2 * time.Second)
	if deedOf[Submit](t, b.sealed(b.looks(7)).Deeds).Unit.RequestIDs[0] != "w3" {
		t.Error("nothing leaves although the log is accepted")
	}
	if !strings.Contains(b.kinds(), "tx.held") || b.log[len(b.log)-5].Kind() != msgs.KindTxReady {
		t.Errorf("events are %s", b.kinds())
	}
}

// A permission that somebody took back makes a call revert in the rehearsal. Nobody has read it for a while, so it is read again before
// anything fails; then it is given again in the same unit.
func TestRevokedPermissionIsGrantedAgain(t *testing.T) {
	b := begun(t, polymarket.Safe)
	b.ask("wrap", `{"request_id":"w1","amount":"5","urgency":"high"}`)
	b.wait(2 * time.Second)
	s := deedOf[Submit](t, b.sealed(b.looks(7)).Deeds)
	b.tell(Submitted{Unit: s.Unit.Unit, ID: "id-1"})
	b.tell(Seen{Unit: s.Unit.Unit, TxHash: "0x01", Block: 107, Executed: true, Final: true})
	b.ask("split", `{"request_id":"s1","condition_id":"`+testCondition+`","amount":"5","urgency":"high"}`)
	b.wait(2 * time.Second)
	if l := deedOf[Look](t, b.tell(actor.Tick{}).Early); l.Approvals {
		t.Error("read again although they were read a moment ago")
	}
	l := b.looks(8)
	l.Approvals = false
	r := deedOf[Rehearse](t, b.tell(l).Early)
	again := deedOf[Look](t, b.tell(Rehearsed{Pack: r.Pack, Failed: 0, Cause: "allowance", Nonce: 8}).Early)
	if a, _ := b.core.Answer("s1"); a.Final || !again.Approvals {
		t.Fatalf("the request ended (%s), or the permissions are not read again (%s)", text(a), text(again))
	}
	l = b.looks(8)
	l.Missing = b.id.Contracts.Approvals()[2:3] // pUSD for the adapter
	r = deedOf[Rehearse](t, b.tell(l).Early)
	if len(r.Pack.Calls) != 2 || len(r.Pack.Calls[0].Requests) != 0 || !r.Pack.Approvals {
		t.Errorf("packed %s", text(r.Pack))
	}
	// With permissions just read, the same failure is the request's own.
	b.tell(Rehearsed{Pack: r.Pack, Failed: 1, Cause: "paused", Nonce: 8})
	if a, _ := b.core.Answer("s1"); a.Last != msgs.KindTxFailed || a.Error.Code != msgs.WouldRevert || !strings.Contains(a.Error.Cause, "paused") {
		t.Errorf("answered %s", text(a))
	}
	b.consistent()
}

// Of an EOA's unit each request ends as its own calls do, and its gas is its own.
func TestEOAsRequestsEndByTheirOwnCalls(t *testing.T) {
	b := begun(t, polymarket.EOA)
	b.ask("wrap", `{"request_id":"w1","amount":"5","urgency":"high"}`)
	b.ask("transfer", `{"request_id":"t1","asset":"pUSD","amount":"5","to":"`+listed+`","urgency":"high"}`)
	b.wait(2 * time.Second)
	d := b.sealed(b.looks(0))
	u := deedOf[Bring](t, d.Deeds).Unit
	b.tell(Brought{Unit: u.Unit, Err: failure(msgs.NoGas, "no POL", "send some"), Part: true})
	if len(b.core.queue()) != 0 {
		t.Fatal("calls that may have been taken on are back in the queue")
	}
	b.wait(time.Minute)
	deedOf[Bring](t, b.tell(actor.Tick{}).Deeds)
	b.tell(Brought{Unit: u.Unit})
	half := Seen{Unit: u.Unit, Steps: []Step{{TxHash: "0x01", Block: 9, Final: true}, {}}}
	if d := b.tell(half); len(d.Events) != 0 {
		t.Errorf("ended before all calls were final: %s", text(d.Events))
	}
	half.Steps[1] = Step{TxHash: "0x02", Block: 9, Final: true, Err: failure(msgs.Reverted, "it reverted", "look")}
	half.Final = true
	b.tell(half)
	if a, _ := b.core.Answer("w1"); a.Last != msgs.KindTxConfirmed || a.TxHash != "0x01" {
		t.Errorf("w1: %s", text(a))
	}
	if a, _ := b.core.Answer("t1"); a.Last != msgs.KindTxFailed || a.TxHash != "0x02" {
		t.Errorf("t1: %s", text(a))
	}
	b.consistent()
}

// A transfer of something that is not known, in a log of another version, ends alone; it is not taken for a transfer of money.
func TestTransferOfWhatIsNotKnownMovesNothing(t *testing.T) {
	b := begun(t, polymarket.Safe)
	b.ask("wrap", `{"request_id":"w1","amount":"5","urgency":"high"}`)
	queued := &msgs.TxQueued{Verb: msgs.VerbTransfer, Command: []byte(`{"request_id":"t1","asset":"POL","amount":"5","to":"` + listed + `"}`), StoredMS: b.now.UnixMilli(), LeavesByMS: b.now.UnixMilli()}
	queued.Type, queued.ReqID = msgs.KindTxQueued, "t1"
	b.take(queued)
	b.wait(2 * time.Second)
	s := deedOf[Submit](t, b.sealed(b.looks(7)).Deeds)
	if len(s.Unit.RequestIDs) != 1 || s.Unit.RequestIDs[0] != "w1" {
		t.Errorf("sealed %s", text(s.Unit))
	}
	if a, _ := b.core.Answer("t1"); a.Last != msgs.KindTxFailed && a.Last != msgs.KindTxDropped || a.Error.Code != msgs.BadValue {
		t.Errorf("t1: %s", text(a))
	}
	b.consistent()
}

// When a request is due follows from its urgency and its deadline.
func TestWhenARequestIsDue(t *testing.T) {
	const stored = 1_000_000_000
	after := func(d time.Duration) int64 { return stored + d.Milliseconds() }
	for _, c := range []struct {
		urgency  msgs.Urgency
		deadline time.Duration
		want     time.Duration
	}{
		{"", 0, 30 * time.Second},
		{msgs.High, 0, time.Second},
		{msgs.Normal, 0, 30 * time.Second},
		{msgs.Low, 0, time.Hour},
		{"", 12 * time.Hour, 12*time.Hour - 2*time.Minute},
		{"", time.Minute, 30 * time.Second},
		{msgs.Low, 30 * time.Minute, 28 * time.Minute},
		{msgs.High, 12 * time.Hour, time.Second},
		{msgs.High, time.Second, 500 * time.Millisecond},
		{"", -time.Second, 0},
	} {
		x := &msgs.TxCommon{Urgency: c.urgency}
		if c.deadline != 0 {
			x.DeadlineMS = after(c.deadline)
		}
		if got := leavesBy(stored, x); got != after(c.want) {
			t.Errorf("urgency %q, deadline in %s: due in %d ms, want %s", c.urgency, c.deadline, got-stored, c.want)
		}
	}
}

// An end is remembered for a week, and of too many the oldest go first.
func TestEndsAreRememberedForAWeek(t *testing.T) {
	e := newEndings()
	day := (24 * time.Hour).Milliseconds()
	add := func(i int, at int64) {
		e.add(&ending{ID: msgs.RequestID(fmt.Sprint(i)), AtMS: at})
	}
	add(1, 0)
	add(2, 3*day)
	add(3, 7*day)
	if e.byID["1"] == nil {
		t.Error("forgotten within a week")
	}
	add(4, 8*day)
	if e.byID["1"] != nil || e.byID["2"] == nil || len(e.list) != 3 {
		t.Errorf("remembered: %d", len(e.list))
	}
	for i := range maxEnded + 10 {
		add(100+i, 8*day)
	}
	if len(e.list) != maxEnded || len(e.byID) != maxEnded || e.byID["4"] != nil {
		t.Errorf("remembered: %d, at most %d", len(e.list), maxEnded)
	}
}

// A merge that is asked for while the world is being looked at is packed with the next look: that nothing is known of its positions does
// not mean that there are none.
func TestWhatComesDuringALookWaitsForTheNext(t *testing.T) {
	b := begun(t, polymarket.Safe)
	b.ask("wrap", `{"request_id":"w1","amount":"5","urgency":"high"}`)
	b.wait(2 * time.Second)
	if l := deedOf[Look](t, b.tell(actor.Tick{}).Early); len(l.Tokens) != 0 {
		t.Fatalf("looks for %v", l.Tokens)
	}
	b.ask("merge", `{"request_id":"m1","condition_id":"`+testCondition+`","amount":"5","urgency":"high"}`)
	l := b.looks(7)
	l.Positions = nil
	r := deedOf[Rehearse](t, b.tell(l).Early)
	if a, _ := b.core.Answer("m1"); a.Final || len(r.Pack.Requests) != 1 {
		t.Errorf("packed %v, and of the merge: %s", r.Pack.Requests, text(a))
	}
}

// The relayer takes a proxy wallet's unit and sits on it. Own gas could perform it twice, so it is said that it waits and why, and the
// same bytes are asked for again: nothing is forgotten, and nothing leaves by another way.
func TestProxysUnitThatIsNotBroughtIsAskedForAgain(t *testing.T) {
	b := begun(t, polymarket.Proxy)
	b.ask("wrap", `{"request_id":"w1","amount":"5","urgency":"high"}`)
	b.wait(2 * time.Second)
	first := deedOf[Submit](t, b.sealed(b.looks(7)).Deeds)
	b.tell(Submitted{Unit: first.Unit.Unit, ID: "id-1"})
	b.wait(idle + time.Minute)
	if d := b.tell(actor.Tick{}); len(d.Events) != 1 || d.Events[0].Kind() != msgs.KindTxWaiting {
		t.Fatalf("the relayer does nothing for %s: %s", idle+time.Minute, text(d))
	}
	b.consistent()
	b.wait(retryFirst)
	again := deedOf[Submit](t, b.tell(actor.Tick{}).Deeds)
	if text(again.Unit) != text(first.Unit) {
		t.Errorf("other bytes are asked for: %s", text(again.Unit))
	}
	b.tell(Submitted{Unit: first.Unit.Unit, ID: "id-1"})
	if d := b.tell(actor.Tick{}); len(d.Events)+len(d.Deeds) != 0 {
		t.Errorf("found again, and yet: %s", text(d))
	}
	b.tell(Seen{Unit: first.Unit.Unit, TxHash: "0x01", Block: 107, Executed: true, Final: true})
	if a, _ := b.core.Answer("w1"); a.Last != msgs.KindTxConfirmed {
		t.Errorf("answered %s", text(a))
	}
	b.consistent()
}

// An address is taken off the list while a transfer to it waits, or is sealed and not signed. The transfer fails alone: what is packed
// beside it goes.
func TestTransferThatIsNoLongerListedFailsAlone(t *testing.T) {
	for name, sealed := range map[string]bool{"queued": false, "sealed": true} {
		t.Run(name, func(t *testing.T) {
			b := begun(t, polymarket.Safe)
			b.ask("wrap", `{"request_id":"w1","amount":"5","urgency":"high"}`)
			b.ask("transfer", `{"request_id":"t1","asset":"pUSD","amount":"5","to":"`+listed+`","urgency":"high"}`)
			b.wait(2 * time.Second)
			if sealed {
				u := deedOf[Submit](t, b.sealed(b.looks(7)).Deeds).Unit.Unit
				b.core.id.SendTo = nil
				b.tell(Submitted{Unit: u, Denied: failure(msgs.DestinationNotListed, "it is not in the configuration file", "list it there")})
				b.wait(2 * time.Second)
			}
			b.core.id.SendTo = nil
			if s := deedOf[Submit](t, b.sealed(b.looks(7)).Deeds); len(s.Unit.RequestIDs) != 1 || s.Unit.RequestIDs[0] != "w1" {
				t.Errorf("sealed %s", text(s.Unit))
			}
			if a, _ := b.core.Answer("t1"); !a.Final || a.Error.Code != msgs.DestinationNotListed {
				t.Errorf("answered %s", text(a))
			}
		})
	}
}

// Endpoints that do not agree about the wallet's nonce let nothing be sealed, and are not asked in a circle without a pause.
func TestEndpointsThatDisagreeAreAskedAfterAPause(t *testing.T) {
	b := begun(t, polymarket.Safe)
	b.ask("wrap", `{"request_id":"w1","amount":"5","urgency":"high"}`)
	b.wait(2 * time.Second)
	d := b.tell(b.looks(7))
	for range 5 {
		r := deedOf[Rehearse](t, d.Early)
		again := b.tell(Rehearsed{Pack: r.Pack, Failed: -1, Nonce: 6})
		if look := deedOf[Look](t, again.Early); look.FromMS < b.now.Add(time.Second).UnixMilli() || len(again.Deeds) != 0 {
			t.Fatalf("at %d asked at once again: %s", b.now.UnixMilli(), text(again))
		}
		b.wait(time.Second)
		d = b.tell(b.looks(7))
	}
}
