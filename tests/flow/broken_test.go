package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pkg/limits"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
	"sluice/pkg/sandbox/judge"
	"sluice/services/executor"
)

// Each test here breaks one promise on purpose, outside the product, and wants the judge to count exactly that. A zero of
// the other tests means something only because of these.

var errReset = errors.New("connection reset by the test")

// TestJudgeSeesASecondSignature: behind the executor's back the transport signs the same order anew, and posts it too.
func TestJudgeSeesASecondSignature(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
			if r.posts() {
				p.byHand("main", coin, polymarket.Buy, "0.10", "10")
			}
			return send()
		})
		p.submit("a", "BUY", "GTC", "0.10", "10")
		p.is("a", "open")
		p.submit("b", "BUY", "GTC", "0.10", "10")
		p.is("b", "open")
		p.want = wrongs{judge.DuplicatesAtVenue: 2}
	})
}

// TestJudgeSeesTheSameBytesTwice: the transport posts every order twice. A venue that remembers refuses the second one; one
// that has forgotten the hash takes it.
func TestJudgeSeesTheSameBytesTwice(t *testing.T) {
	for name, c := range map[string]struct {
		forgets bool
		want    wrongs
	}{
		"remembered": {false, wrongs{judge.UnsafeResends: 1}},
		"forgotten":  {true, wrongs{judge.UnsafeResends: 1, judge.DuplicatesAtVenue: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			inPlant(t, setup{}, func(p *plant) {
				p.venue.SetFaults(func(f *sandbox.Faults) { f.ForgetHash = c.forgets })
				p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
					a, err := send()
					if r.posts() && err == nil {
						if again, err := send(); err == nil {
							again.Body.Close()
						}
					}
					return a, err
				})
				p.submit("a", "BUY", "GTC", "0.52", "10")
				p.has("a", "settled")
				p.want = c.want
			})
		})
	}
}

// forge appends a message to the log of main as only its owner may: under the next epoch when claims is set, else under the
// present one. The events are given without their common part.
func (p *plant) forge(claims bool, cursors map[string]uint64, events ...map[string]any) {
	p.t.Helper()
	s := p.stream(msgs.LogStream("main"))
	ctx, cancel := p.deadline()
	defer cancel()
	last, err := s.GetLastMsgForSubject(ctx, msgs.EvtSubject("order", "main"))
	if err != nil {
		p.t.Fatal(err)
	}
	var env struct {
		Owner   string
		Epoch   uint64
		Cursors map[string]uint64
		Events  []struct{ N uint64 }
	}
	if err := json.Unmarshal(last.Data, &env); err != nil {
		p.t.Fatal(err)
	}
	if claims {
		env.Epoch, env.Owner = env.Epoch+1, "forger"
		events = append([]map[string]any{{"type": "order.owner", "owner": env.Owner, "epoch": env.Epoch}}, events...)
	}
	for name, seq := range cursors {
		env.Cursors[name] = seq
	}
	n := env.Events[len(env.Events)-1].N
	for i, e := range events {
		e["v"], e["account"], e["env"], e["n"], e["at_ms"] = 1, "main", "sandbox", n+1+uint64(i), time.Now().UnixMilli()
	}
	b, err := json.Marshal(map[string]any{"v": 1, "account": "main", "env": "sandbox", "owner": env.Owner, "epoch": env.Epoch, "cursors": env.Cursors, "events": events})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.b.JetStream().Publish(ctx, msgs.EvtSubject("order", "main"), b); err != nil {
		p.t.Fatal(err)
	}
}

// TestJudgeSeesADroppedCommand: two submits and a cancel are stored while no executor runs, and a forged message says that
// they have been decided.
func TestJudgeSeesADroppedCommand(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("kept", "BUY", "GTC", "0.52", "10")
		p.has("kept", "settled")
		p.executor().Stop()
		p.submit("dropped-1", "BUY", "GTC", "0.10", "10")
		p.submit("dropped-2", "BUY", "GTC", "0.10", "11")
		seq := p.send("cancel", "{'client_order_id':'nobody'}")
		p.forge(true, map[string]uint64{"submit": seq, "express": seq})
		p.start(p.successor())
		p.ready()
		p.submit("kept-too", "BUY", "GTC", "0.52", "12")
		p.has("kept-too", "settled")
		if s := p.story("main", "dropped-1") + p.story("main", "dropped-2"); s != "" {
			t.Errorf("the forged cursor was not believed: %s", s)
		}
		p.want = wrongs{judge.LostCommands: 3}
	})
}

// hold keeps the next request that carries orders, and tells the executor that it has not left. The function that it gives
// lets it leave.
func (p *plant) hold() (release func()) {
	kept := make(chan func() (*http.Response, error), 1)
	var once atomic.Bool
	p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
		if r.posts() && once.CompareAndSwap(false, true) {
			body := r.body
			again := r.Clone(p.t.Context())
			kept <- func() (*http.Response, error) {
				again.Body = readCloser(body)
				return p.executor().transport.RoundTrip(again)
			}
			return nil, errReset
		}
		return send()
	})
	return func() {
		p.t.Helper()
		a, err := (<-kept)()
		if err != nil {
			p.t.Fatal(err)
		}
		a.Body.Close()
	}
}

// TestJudgeSeesAnIgnoredBarrier: the transport holds an order back and posts it three seconds after a cancel_all that has
// killed it, or a halt, or its own cancel.
func TestJudgeSeesAnIgnoredBarrier(t *testing.T) {
	for name, command := range map[string][2]string{
		"cancel_all": {"cancel_all", "{'request_id':'panic'}"},
		"halt":       {"halt", "{'request_id':'panic','cancel':true}"},
		"cancel":     {"cancel", "{'client_order_id':'held'}"},
	} {
		t.Run(name, func(t *testing.T) {
			inPlant(t, setup{}, func(p *plant) {
				release := p.hold()
				p.submit("held", "BUY", "GTC", "0.10", "10", always)
				p.is("held", "unknown")
				p.sendTo("main", command[0], quoted("%s", command[1]))
				p.final("held")
				p.pass(3 * time.Second)
				release()
				// The order stands at the venue and was told to be cancelled: that is a wrong state as well.
				p.want = wrongs{judge.AfterBarrier: 1, judge.WrongState: 1}
			})
		})
	}
}

// TestJudgeSeesALateSend: the transport holds an order back for four seconds, beyond send-by, and for ten, beyond the age
// of the command.
func TestJudgeSeesALateSend(t *testing.T) {
	for _, d := range []time.Duration{4 * time.Second, 9 * time.Second} {
		t.Run(d.String(), func(t *testing.T) {
			inPlant(t, setup{}, func(p *plant) {
				p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
					if !r.posts() {
						return send()
					}
					// The product's own limit on sending is in the request's context: the broken transport forgets it.
					time.Sleep(d)
					again := r.Clone(context.Background())
					again.Body = readCloser(r.body)
					return p.executor().transport.RoundTrip(again)
				})
				p.submit("late", "BUY", "GTC", "0.10", "10")
				p.is("late", "open")
				p.gate.set(nil)
				p.submit("prompt", "BUY", "GTC", "0.10", "11")
				p.is("prompt", "open")
				p.want = wrongs{judge.LateSends: 1}
			})
		})
	}
}

// TestJudgeSeesAWrongFinalState: the last word about a filled order is forged to be a cancel, and that about a resting
// order to be a fill.
func TestJudgeSeesAWrongFinalState(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("filled", "BUY", "GTC", "0.52", "10")
		p.submit("rests", "BUY", "GTC", "0.10", "10")
		p.has("filled", "settled")
		p.is("rests", "open")
		p.executor().Stop()
		order := func(id string, more map[string]any) map[string]any {
			e := p.last("main", id)
			out := map[string]any{"client_order_id": id, "order_id": e.OrderID, "token_id": e.TokenID, "side": "BUY", "order_type": "GTC", "size": "10", "final": true, "cmd_seq": e.CmdSeq}
			for k, v := range more {
				out[k] = v
			}
			return out
		}
		p.forge(false, nil,
			order("filled", map[string]any{"type": "order.cancelled", "reason": "venue", "state": "cancelled", "filled": "10", "remaining": "0", "price": "0.52"}),
			order("rests", map[string]any{"type": "order.cancelled", "reason": "venue", "state": "cancelled", "filled": "0", "remaining": "10", "price": "0.1"}))
		p.want = wrongs{judge.WrongState: 2}
	})
}

// lastIntent is the order id of the intent written last. It may be asked in the gate.
func (p *plant) lastIntent() string {
	s := p.stream(msgs.LogStream("main"))
	ctx, cancel := p.deadline()
	defer cancel()
	m, err := s.GetLastMsgForSubject(ctx, msgs.EvtSubject("order", "main"))
	if err != nil {
		p.t.Error(err)
		return ""
	}
	var env struct{ Events []event }
	if err := json.Unmarshal(m.Data, &env); err != nil {
		p.t.Error(err)
	}
	for _, e := range env.Events {
		if e.Type == "order.submitting" {
			return e.Orders[0].OrderID
		}
	}
	p.t.Error("the last message has no intent")
	return ""
}

// TestJudgeSeesALyingVenue: the transport answers for the venue: that it has what was never sent, that it has refused what
// it took.
func TestJudgeSeesALyingVenue(t *testing.T) {
	t.Run("phantom", func(t *testing.T) {
		inPlant(t, setup{}, func(p *plant) {
			p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
				if r.posts() {
					return answer(r, 200, "application/json", `{"success":true,"errorMsg":"","orderID":"`+p.lastIntent()+`","status":"live","makingAmount":"","takingAmount":""}`), nil
				}
				return send()
			})
			p.submit("never", "BUY", "GTC", "0.10", "10")
			p.is("never", "open")
			p.want = wrongs{judge.Phantom: 1}
		})
	})
	t.Run("denied", func(t *testing.T) {
		inPlant(t, setup{}, func(p *plant) {
			p.venue.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = true })
			p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
				a, err := send()
				if r.posts() && err == nil {
					a.Body.Close()
					return answer(r, 400, "application/json", `{"error":"not enough balance / allowance"}`), nil
				}
				return a, err
			})
			p.submit("taken", "BUY", "GTC", "0.10", "10")
			p.final("taken")
			p.want = wrongs{judge.Denied: 1}
		})
	})
	t.Run("early replace", func(t *testing.T) {
		inPlant(t, setup{}, func(p *plant) {
			p.submit("old", "BUY", "GTC", "0.10", "10")
			p.is("old", "open")
			p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
				if r.cancels() {
					return answer(r, 200, "application/json", `{"canceled":["`+p.last("main", "old").OrderID+`"],"not_canceled":{}}`), nil
				}
				a, err := send()
				if err == nil && r.Method == "GET" && strings.Contains(r.URL.Path, "/order/") {
					body, _ := io.ReadAll(a.Body)
					a.Body.Close()
					return answer(r, a.StatusCode, "application/json", strings.Replace(string(body), "LIVE", "CANCELED", 1)), nil
				}
				return a, err
			})
			p.send("replace", "{'client_order_id':'new','replaces':'old','price':'0.11'}")
			p.is("new", "open")
			p.want = wrongs{judge.EarlyReplaces: 1, judge.WrongState: 1}
		})
	})
}

// TestJudgeSeesAnOrderOfNobody: an order is placed beside Sluice while nothing is there to notice it.
func TestJudgeSeesAnOrderOfNobody(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("own", "BUY", "GTC", "0.10", "10")
		p.is("own", "open")
		p.ingest.Stop()
		p.byHand("main", coin, polymarket.Buy, "0.11", "10")
		p.want = wrongs{judge.Unlogged: 1}
	})
}

// TestJudgeSeesTwoWriters: somebody who was replaced writes once more, under his old epoch.
func TestJudgeSeesTwoWriters(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("a", "BUY", "GTC", "0.10", "10")
		p.is("a", "open")
		p.executor().Stop()
		ctx, cancel := p.deadline()
		defer cancel()
		n := p.log("main")[len(p.log("main"))-1].N
		p.forge(true, nil)
		old := fmt.Sprintf(`{"v":1,"account":"main","env":"sandbox","owner":"first","epoch":1,"events":[{"v":1,"type":"order.resumed","account":"main","env":"sandbox","n":%d,"at_ms":1,"by":"sluice"}]}`, n+2)
		if _, err := p.b.JetStream().Publish(ctx, msgs.EvtSubject("order", "main"), []byte(old)); err != nil {
			t.Fatal(err)
		}
		p.want = wrongs{judge.FenceBreaks: 1}
	})
}

// TestJudgeSeesALimitExceeded: an executor that believes in ten times the venue's order allowance. The venue marks in its
// journal when it was too much; the judge names the limit once.
func TestJudgeSeesALimitExceeded(t *testing.T) {
	cfg := setup{executor: func(c *executor.Config) {
		much := limits.Standard()
		much.Orders.PerSecond *= 10
		much.Orders.Burst *= 10
		c.Limits.Profile = much.Long()
	}}
	inPlant(t, cfg, func(p *plant) {
		p.executor().Stop()
		for i := range 200 {
			p.submit(fmt.Sprintf("o-%d", i), "BUY", "GTC", "0.10", "5", always)
		}
		p.start("hasty")
		p.until("all rest", func() bool { return len(p.ofType("main", "order.accepted")) == 200 })
		p.pass(3 * time.Second)
		over := 0
		for _, l := range p.journal() {
			if l.Kind == "limit" && l.Excess > 0 {
				over++
			}
		}
		if over == 0 {
			t.Fatal("no limit was exceeded: the variant is not broken")
		}
		p.want = wrongs{judge.LimitsExceeded: 1}
		v := p.verdict(p.record())
		if len(v.Excesses) != 1 || v.Excesses[0].Times != over || v.Excesses[0].Recounted == 0 {
			t.Errorf("the judge says %+v; the venue counted too much %d times", v.Excesses, over)
		}
	})
}

// TestJudgeSeesAFillThatWasNotTold: the record of the bus lacks the event in which a fill was told; of the hole in the numbers
// the judge speaks too.
func TestJudgeSeesAFillThatWasNotTold(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("a", "BUY", "GTC", "0.52", "10")
		p.has("a", "settled")
		p.pass(rest)
		p.stopAll()
		holed := p.record()
		for i := range holed {
			holed[i].without(t, "order.filled")
		}
		v := p.verdict(holed)
		if v.FillsMissing != 1 || v.NGaps != 1 {
			t.Errorf("%d fills missing, %d gaps; want one of each\n%s", v.FillsMissing, v.NGaps, v)
		}
	})
}

// without takes the events of a type out of a recorded message of the log.
func (l *recordLine) without(t *testing.T, kind string) {
	t.Helper()
	if !strings.HasPrefix(l.Subject, "evt.") {
		return
	}
	var env map[string]json.RawMessage
	var events, kept []json.RawMessage
	err := json.Unmarshal([]byte(l.Data), &env)
	if err == nil {
		err = json.Unmarshal(env["events"], &events)
	}
	for _, e := range events {
		if !strings.Contains(string(e), `"type":"`+kind+`"`) {
			kept = append(kept, e)
		}
	}
	if err == nil {
		env["events"], err = json.Marshal(kept)
	}
	b, fail := json.Marshal(env)
	if err = errors.Join(err, fail); err != nil {
		t.Fatal(err)
	}
	l.Data = string(b)
}
