package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// scripted is a relayer that says what a test has written down, on a real bus.
type scripted struct {
	*bus
	t  *testing.T
	nc *nats.Conn
	js jetstream.JetStream
	n  uint64

	playing sync.Mutex // held while a command is answered: the tool may have heard the end of it before the last answer is acknowledged
}

const condition = "0xbd31000000000000000000000000000000000000000000000000000000000001"

// relayerSays starts a bus on which play answers each command of main.
func relayerSays(t *testing.T, play func(s *scripted, c msgs.Command, seq uint64)) *scripted {
	t.Helper()
	s := &scripted{bus: startBus(t, "sandbox", "main"), t: t}
	s.nc = s.service(t)
	var err error
	if s.js, err = jetStream(s.nc); err != nil {
		t.Fatal(err)
	}
	s.answer(marketsSubject, func([]byte) any {
		return msgs.MarketsAnswer{Markets: msgs.List[msgs.Market]{{ConditionID: condition, Slug: "sandbox-coin"}}}
	})
	cons, err := s.js.OrderedConsumer(t.Context(), msgs.AskStream("main"), jetstream.OrderedConsumerConfig{FilterSubjects: []string{msgs.CmdSubject(msgs.FamilyTx, "main", "*")}})
	if err != nil {
		t.Fatal(err)
	}
	reading, err := cons.Consume(func(m jetstream.Msg) {
		c, refused := msgs.DecodeCommand(m.Subject(), m.Data())
		if refused != nil {
			t.Errorf("%s %s: %v", m.Subject(), m.Data(), refused)
			return
		}
		at, err := m.Metadata()
		if err != nil {
			t.Error(err)
			return
		}
		s.playing.Lock()
		defer s.playing.Unlock()
		play(s, c, at.Sequence.Stream)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		reading.Stop()
		s.playing.Lock()
	})
	return s
}

// say puts events on the log in one message.
func (s *scripted) say(events ...msgs.Event) {
	for _, e := range events {
		s.n++
		h := msgs.HeadOf(e)
		h.V, h.Account, h.Env, h.N, h.AtMS = 1, "main", msgs.Sandbox, s.n, time.Now().UnixMilli()
	}
	b, err := json.Marshal(msgs.Envelope{V: 1, Account: "main", Env: msgs.Sandbox, Events: events})
	if err == nil {
		_, err = s.js.Publish(context.WithoutCancel(s.t.Context()), msgs.EvtSubject(msgs.FamilyTx, "main"), b)
	}
	if err != nil {
		s.t.Error(err)
	}
}

// answer answers a question.
func (s *scripted) answer(subject string, with func(question []byte) any) {
	s.t.Helper()
	if _, err := s.nc.Subscribe(subject, func(m *nats.Msg) {
		b, err := json.Marshal(with(m.Data))
		if err == nil {
			err = m.Respond(b)
		}
		if err != nil {
			s.t.Error(err)
		}
	}); err != nil {
		s.t.Fatal(err)
	}
	if err := s.nc.Flush(); err != nil {
		s.t.Fatal(err)
	}
}

// stands answers where a request stands.
func (s *scripted) stands(with func(id msgs.RequestID) any) {
	s.answer(msgs.SvcSubject("relayer", "main", "request"), func(q []byte) any {
		var question msgs.TxQuestion
		if err := json.Unmarshal(q, &question); err != nil {
			s.t.Error(err)
		}
		return with(question.RequestID)
	})
}

func (s *scripted) call(args ...string) told {
	return call(s.t, append(args, "--nats", s.ClientURL(), "--data", s.dir)...)
}

func headOf(kind msgs.Type, id string, seq uint64) msgs.Head {
	return msgs.Head{Type: kind, ReqID: id, CmdSeq: seq}
}

func unit(kind msgs.Type, ids ...msgs.RequestID) *msgs.TxUnit {
	return &msgs.TxUnit{Head: msgs.Head{Type: kind}, Unit: "u-19", RequestIDs: ids, Carrier: msgs.ByRelayer, Nonce: "7"}
}

func confirmed(id string, seq uint64) *msgs.TxConfirmed {
	return &msgs.TxConfirmed{Head: headOf(msgs.KindTxConfirmed, id, seq), Unit: "u-19", Carrier: msgs.ByOwnGas, TxHash: "0xabc", Block: 77,
		Effect: msgs.Effect{"pUSD": -25 * money.Unit, "123": 25 * money.Unit}, GasPOL: "0.0123", Final: true}
}

func failed(kind msgs.Type, id string, seq uint64, code msgs.Code) *msgs.TxFailed {
	return &msgs.TxFailed{Head: headOf(kind, id, seq), Error: &msgs.Error{Code: code, Cause: "cause of " + string(code), Fix: "fix of " + string(code)}, Final: true}
}

// Every step of a request is a line, what is said of others is not, and its end is the tool's.
func TestRequestIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	s := relayerSays(t, func(s *scripted, c msgs.Command, seq uint64) {
		s.say(&msgs.TxQueued{Head: headOf(msgs.KindTxQueued, c.ID(), seq), LeavesByMS: time.Now().UnixMilli()}, &msgs.TxQueued{Head: headOf(msgs.KindTxQueued, "other", 1)})
		s.say(unit(msgs.KindTxSealed, "other", msgs.RequestID(c.ID())), unit(msgs.KindTxSubmitting, "other", msgs.RequestID(c.ID())))
		s.say(unit(msgs.KindTxSubmitted, "stranger"))
		s.say(&msgs.TxRerouted{Head: msgs.Head{Type: msgs.KindTxRerouted}, Unit: "u-20", From: msgs.ByRelayer, To: msgs.ByOwnGas, Cause: "strange"},
			&msgs.TxRerouted{Head: msgs.Head{Type: msgs.KindTxRerouted}, Unit: "u-19", From: msgs.ByRelayer, To: msgs.ByOwnGas, Cause: "no unit is left"})
		s.say(&msgs.TxWaiting{Head: msgs.Head{Type: msgs.KindTxWaiting}, RequestIDs: []msgs.RequestID{msgs.RequestID(c.ID())}, Cause: "the owner has no gas", Fix: "send POL"})
		s.say(&msgs.TxReleased{Head: msgs.Head{Type: msgs.KindTxReleased}, Unit: "u-19", RequestIDs: msgs.List[msgs.RequestID]{msgs.RequestID(c.ID())}, Cause: "its nonce is used"})
		s.say(failed(msgs.KindTxFailed, "other", 1, msgs.WouldRevert), confirmed(c.ID(), seq))
	})
	r := s.call("tx", "split", "--id", "s1", "--market", "sandbox-coin", "--amount", "25")
	if r.code != 0 {
		t.Fatalf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	at := 0
	for _, line := range []string{"tx.queued      s1  leaves by", "tx.sealed      unit u-19 of 2 requests  by relayer  nonce 7", "tx.submitting", "tx.rerouted    unit u-19  from relayer to own_gas: no unit is left",
		"tx.waiting     the owner has no gas", "→ send POL", "tx.released    unit u-19  is over: its nonce is used", "tx.confirmed   s1  block 77  -25 pUSD  +25 123  for 0.0123 POL of gas"} {
		i := strings.Index(r.out[at:], line)
		if i < 0 {
			t.Fatalf("no %q, or not in this order:\n%s", line, r.out)
		}
		at += i
	}
	if strings.Contains(r.out, "strange") || strings.Contains(r.out, "tx.submitted") || strings.Contains(r.out, "tx.failed") {
		t.Errorf("it speaks of others:\n%s", r.out)
	}
	var e msgs.TxConfirmed
	if r = s.call("tx", "split", "--market", condition, "--amount", "25", "-o", "json"); r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	one(t, r.out, &e)
	if e.Type != msgs.KindTxConfirmed || !strings.HasPrefix(e.ReqID, "cli-") || e.Effect["pUSD"] != -25*money.Unit {
		t.Errorf("%+v", e)
	}
}

// What fails is an error with its cause and its fix; that another command with the same id is refused is none of ours.
func TestRequestThatFailsIsAnError(t *testing.T) {
	t.Parallel()
	s := relayerSays(t, func(s *scripted, c msgs.Command, seq uint64) {
		s.say(failed(msgs.KindTxFailed, c.ID(), seq+1000, msgs.DuplicateID))
		switch c.ID() {
		case "good":
			s.say(confirmed("good", seq))
		case "nothing":
			s.say(&msgs.TxConfirmed{Head: headOf(msgs.KindTxConfirmed, "nothing", seq), Final: true})
		case "again":
			s.say(failed(msgs.KindTxFailed, "again", seq, msgs.DuplicateID))
		default:
			s.say(failed(msgs.KindTxDropped, c.ID(), seq, msgs.DeadlinePassed))
		}
	})
	if r := s.call("tx", "wrap", "--amount", "1", "--id", "good"); r.code != 0 || strings.Contains(r.out, "duplicate") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	if r := s.call("tx", "wrap", "--amount", "1", "--id", "nothing"); r.code != 0 || !strings.Contains(r.out, "nothing was left to do on chain") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	for id, code := range map[string]string{"again": "duplicate_id", "late": "deadline_passed"} {
		r := s.call("tx", "wrap", "--amount", "1", "--id", id, "-o", "json")
		if f := r.failure(t); r.code != 1 || f.Error.Code != code || f.Error.Fix != "fix of "+code || strings.Count(r.out, "\n") != 1 {
			t.Errorf("%s: exit code %d, %+v, %s", id, r.code, f, r.out)
		}
	}
	refused(t, s.call("tx", "wrap", "--amount", "1"), "sluice: cause of deadline_passed", "→ fix of deadline_passed")
}

// Whoever asks for the same once more hears no event about it: the relayer is asked, and what ended before is said.
func TestRequestThatEndedBeforeIsSaid(t *testing.T) {
	t.Parallel()
	s := relayerSays(t, func(*scripted, msgs.Command, uint64) {})
	asked := 0
	s.stands(func(id msgs.RequestID) any {
		switch id {
		case "done":
			return msgs.TxAnswer{N: 9, RequestID: id, Last: msgs.KindTxConfirmed, Unit: "u-3", Carrier: msgs.ByRelayer, TxHash: "0xabc", Final: true}
		case "lost":
			return msgs.TxAnswer{N: 9, RequestID: id, Last: msgs.KindTxFailed, Error: &msgs.Error{Code: msgs.WouldRevert, Cause: "it would revert", Fix: "look"}, Final: true}
		case "under-way":
			if asked++; asked == 2 {
				s.say(confirmed("under-way", 1))
			}
			return msgs.TxAnswer{N: 9, RequestID: id, Last: msgs.KindTxSubmitted, Unit: "u-4"}
		}
		return msgs.ErrorReply{Error: &msgs.Error{Code: msgs.NotFound, Cause: "no request has the id " + string(id), Fix: "give another id"}}
	})
	if r := s.call("tx", "deploy", "--id", "done"); r.code != 0 || !strings.Contains(r.out, "tx.confirmed   done  said before") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	if f := s.call("tx", "deploy", "--id", "lost", "-o", "json").failure(t); f.Error.Code != "would_revert" {
		t.Errorf("%+v", f)
	}
	if r := s.call("tx", "get", "--wait", "under-way"); r.code != 0 || !strings.Contains(r.out, "tx.confirmed   under-way  block 77") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	says(t, "get", s.call("tx", "get", "done").out, "REQUEST", "tx.confirmed", "u-3", "true")
	if f := s.call("tx", "get", "unheard-of", "-o", "json").failure(t); f.Error.Code != "not_found" {
		t.Errorf("%+v", f)
	}
	f := s.call("tx", "deploy", "--id", "never", "--timeout", "100ms", "-o", "json").failure(t)
	if f.Error.Code != "no_event" || !strings.Contains(f.Error.Fix, "sluice tx get --wait never") {
		t.Errorf("%+v", f)
	}
}

// A request of an account that no relayer runs is stored; whoever sent it learns that nothing becomes of it.
func TestRequestThatNobodyRunsIsExplained(t *testing.T) {
	t.Parallel()
	s := relayerSays(t, func(*scripted, msgs.Command, uint64) {})
	for _, args := range [][]string{{"tx", "approve"}, {"tx", "get", "r1"}, {"tx", "cancel", "r1"}} {
		f := s.call(append(args, "-o", "json")...).failure(t)
		if f.Error.Code != "nobody_runs" || !strings.Contains(f.Error.Cause, "no relayer runs account main") || !strings.Contains(f.Error.Fix, "sluice relayer") {
			t.Errorf("%v: %+v", args, f)
		}
	}
	f := s.call("tx", "approve", "--account", "mian", "-o", "json").failure(t)
	if f.Error.Code != "unknown_account" || !strings.Contains(f.Error.Fix, "did you mean main") {
		t.Errorf("%+v", f)
	}
}

// A cancel is good when its request is dropped, and not when it came too late.
func TestCancelOfARequestSaysWhetherItWasInTime(t *testing.T) {
	t.Parallel()
	s := relayerSays(t, func(s *scripted, c msgs.Command, seq uint64) {
		k := c.(*msgs.TxCancel)
		switch k.Cancels {
		case "queued":
			s.say(failed(msgs.KindTxDropped, "queued", seq, "cancelled"))
		case "left":
			s.say(failed(msgs.KindTxFailed, c.ID(), seq, msgs.AlreadyFinal))
		case "raced":
			s.say(confirmed("raced", 1))
		}
	})
	if r := s.call("tx", "cancel", "queued"); r.code != 0 || !strings.Contains(r.out, "tx.dropped") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	for _, id := range []string{"left", "raced"} {
		if f := s.call("tx", "cancel", id, "-o", "json").failure(t); f.Error.Code != "already_final" {
			t.Errorf("%s: %+v", id, f)
		}
	}
}

// Each verb says on the bus what the wire contract says, and the tool's flags are in it.
func TestEveryRequestIsPublishedAsTheContractSays(t *testing.T) {
	t.Parallel()
	heard := make(chan msgs.Command, 1)
	s := relayerSays(t, func(s *scripted, c msgs.Command, seq uint64) { heard <- c })
	const to = "0x00000000000000000000000000000000000000aa"
	deadline := time.Now().Add(time.Hour).Truncate(time.Second)
	common := msgs.TxCommon{RequestID: "r"}
	urgent := msgs.TxCommon{RequestID: "r", Urgency: msgs.High, DeadlineMS: deadline.UnixMilli()}
	for _, c := range []struct {
		args string
		want msgs.Command
	}{
		{"split --market sandbox-coin --amount 2.5 --urgency high --deadline " + deadline.Format(time.RFC3339), &msgs.Split{TxCommon: urgent, ConditionID: condition, Amount: 2_500_000}},
		{"merge --market " + condition + " --amount max --allow-held", &msgs.Merge{TxCommon: common, ConditionID: condition, Amount: msgs.AmountOrMax{Max: true}, AllowHeld: true}},
		{"redeem --market sandbox-coin", &msgs.Redeem{TxCommon: common, ConditionID: condition}},
		{"convert --market sandbox-coin --amount 3", &msgs.Convert{TxCommon: common, ConditionID: condition, Amount: msgs.AmountOrMax{Amount: 3_000_000}}},
		{"wrap --amount max", &msgs.Wrap{TxCommon: common, Amount: msgs.AmountOrMax{Max: true}}},
		{"unwrap --amount 1", &msgs.Unwrap{TxCommon: common, Amount: msgs.AmountOrMax{Amount: 1_000_000}}},
		{"approve", &msgs.Approve{TxCommon: common, Set: "trading"}},
		{"deploy", &msgs.Deploy{TxCommon: common}},
		{"transfer --asset pUSD --amount 4 --to " + to, &msgs.Transfer{TxCommon: common, Asset: "pUSD", Amount: msgs.AmountOrMax{Amount: 4_000_000}, To: to}},
		{"transfer --token 123 --amount max --allow-held --to " + to, &msgs.Transfer{TxCommon: common, TokenID: "123", Amount: msgs.AmountOrMax{Max: true}, To: to, AllowHeld: true}},
		{"cancel x", &msgs.TxCancel{RequestID: "r", Cancels: "x"}},
	} {
		r := s.call(append([]string{"tx"}, strings.Fields(c.args+" --id r --no-wait -o json")...)...)
		if r.code != 0 || !strings.Contains(r.out, `"request_id":"r"`) {
			t.Fatalf("%s: exit code %d: %s%s", c.args, r.code, r.out, r.err)
		}
		select {
		case got := <-heard:
			if got.Base().SentMS == 0 {
				t.Errorf("%s: without sent_ms", c.args)
			}
			if msgs.ContentHash(got) != msgs.ContentHash(c.want) {
				t.Errorf("%s: %+v, want %+v", c.args, got, c.want)
			}
		case <-time.After(patience):
			t.Fatalf("%s: never stored", c.args)
		}
	}
}

// What cannot be is refused before anything is sent.
func TestRequestsThatCannotBeAreNotSent(t *testing.T) {
	t.Parallel()
	s := relayerSays(t, func(_ *scripted, c msgs.Command, _ uint64) { t.Errorf("sent: %+v", c) })
	for _, c := range []struct{ args, code, cause string }{
		{"split --market sandbox-coin --amount 0", "bad_value", "amount is 0"},
		{"split --market sandbox-coin --amount ten", "bad_value", "--amount"},
		{"split --market sandbox-coin --amount 1 --deadline soon", "bad_value", "--deadline"},
		{"split --market sandbox-coin --amount 1 --deadline 2020-01-01T00:00:00Z", "deadline_passed", "has passed"},
		{"split --amount 1", "bad_usage", "--market"},
		{"wrap --amount 1 --urgency soon", "bad_usage", "--urgency"},
		{"transfer --amount 1 --to 0x00000000000000000000000000000000000000aa", "missing_field", "what to transfer"},
		{"cancel x --id x", "bad_value", "the id of the request it takes back"},
	} {
		if f := s.call(append(append([]string{"tx"}, strings.Fields(c.args)...), "-o", "json")...).failure(t); f.Error.Code != c.code || !strings.Contains(f.Error.Cause, c.cause) {
			t.Errorf("%s: %+v", c.args, f)
		}
	}
	if got := fmt.Sprint(lingers(msgs.High), lingers(""), lingers(msgs.Low)); got != "1s 30s 1h0m0s" {
		t.Errorf("requests wait for company for %s", got)
	}
}

// The tools against the relayer itself: a request is final, asking again does nothing, other content is refused, a cancel is in time
// as long as nothing has left, and money goes nowhere that is not listed.
func works(t *testing.T, r *running) {
	split := func(amount string) told {
		return call(t, r.tool("tx", "split", "--id", "t1", "--market", "sandbox-coin", "--amount", amount, "--urgency", "high")...)
	}
	first := split("3")
	if first.code != 0 {
		t.Fatalf("exit code %d: %s%s", first.code, first.out, first.err)
	}
	says(t, "split", first.out, "tx.queued", "tx.sealed", "tx.submitting", "tx.submitted", "tx.confirmed", "-3 pUSD")
	if again := split("3"); again.code != 0 || strings.Contains(again.out, "tx.sealed") {
		t.Errorf("the same again: exit code %d: %s%s", again.code, again.out, again.err)
	}
	refused(t, split("4"), "used for another command")
	var s msgs.TxAnswer
	one(t, ok(t, r.tool("tx", "get", "t1", "-o", "json")...), &s)
	if !s.Final || s.Last != msgs.KindTxConfirmed || s.TxHash == "" || s.Carrier != msgs.ByRelayer {
		t.Errorf("get: %+v", s)
	}

	ok(t, r.tool("tx", "wrap", "--id", "t2", "--amount", "1", "--urgency", "low", "--no-wait")...)
	says(t, "cancel", ok(t, r.tool("tx", "cancel", "t2")...), "tx.dropped", "t2")
	says(t, "what was taken back", ok(t, r.tool("tx", "get", "t2")...), "tx.dropped", "true")
	for _, id := range []string{"t1", "never-asked"} {
		if f := call(t, r.tool("tx", "cancel", id, "-o", "json")...).failure(t); f.Error.Code == "no_event" {
			t.Errorf("cancel of %s: %+v", id, f)
		}
	}
	f := call(t, r.tool("tx", "transfer", "--asset", "pUSD", "--amount", "1", "--to", "0x00000000000000000000000000000000000000aa", "--urgency", "high", "-o", "json")...).failure(t)
	if f.Error.Code != "destination_not_listed" {
		t.Errorf("a payment to a stranger: %+v", f)
	}
}
