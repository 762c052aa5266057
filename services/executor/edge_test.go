package executor

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// request asks a question of svc.executor and decodes the answer.
func request[T any](p *plant, verb, text string) T {
	p.t.Helper()
	var v T
	m, err := p.b.NATS().Request(msgs.SvcSubject("executor", "main", verb), []byte(strings.ReplaceAll(text, "'", `"`)), time.Second)
	if err != nil {
		p.t.Fatalf("ask %s: %v", verb, err)
	}
	if err := json.Unmarshal(m.Data, &v); err != nil {
		p.t.Fatalf("ask %s: %v in %s", verb, err, m.Data)
	}
	return v
}

// TestQuestionsAreAnsweredFromTheLog asks for orders and status and compares with what the log says.
func TestQuestionsAreAnsweredFromTheLog(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		for _, id := range []string{"mm-1", "mm-2", "xx-1"} {
			p.submit(id, msgs.Buy, msgs.GTC, "0.05", "10")
		}
		p.pass(time.Second)
		p.send("cancel", `{'client_order_id':'mm-2'}`)
		p.pass(time.Second)
		if a := request[msgs.OrderAnswer](p, "order", `{'client_order_id':'mm-1'}`); a.Order.State != msgs.Open || a.N == 0 {
			t.Errorf("order: %+v", a)
		}
		if a := request[msgs.ErrorReply](p, "order", `{'client_orderid':'nope'}`); a.Error == nil || a.Error.Code != msgs.MissingField {
			t.Errorf("a question that names no order is answered with %+v, which must not be that there is none", a)
		}
		if a := request[msgs.ErrorReply](p, "order", `{'client_order_id':'nope'}`); a.Error == nil || a.Error.Code != msgs.NotFound {
			t.Errorf("unknown order: %+v", a)
		}
		page := request[msgs.OrdersAnswer](p, "orders", `{'limit':2}`)
		rest := request[msgs.OrdersAnswer](p, "orders", `{'limit':2,'after':'`+page.Next+`'}`)
		if len(page.Orders) != 2 || len(rest.Orders) != 1 || rest.Next != "" || rest.Orders[0].ClientOrderID != "xx-1" {
			t.Errorf("pages: %+v, %+v", page, rest)
		}
		if a := request[msgs.OrdersAnswer](p, "orders", `{'open':true,'prefix':'mm-'}`); len(a.Orders) != 1 || a.Orders[0].ClientOrderID != "mm-1" {
			t.Errorf("open orders: %+v", a)
		}
		s := request[msgs.StatusAnswer](p, "status", "")
		if s.Open != 2 || s.Halted || s.Venue != "ok" || s.Owner != "test" || len(s.Limits) == 0 || s.N != page.N {
			t.Errorf("status: %+v", s)
		}
	})
}

// TestCopiesOfACommandToAllGoToItsSender has commands of the account and to all accounts under the same sequences of their two streams, one
// of them unreadable: each sender gets the copies of its own.
func TestCopiesOfACommandToAllGoToItsSender(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		hear := func(inbox string) func() string {
			sub, err := p.b.NATS().SubscribeSync(inbox)
			if err != nil {
				t.Fatal(err)
			}
			return func() string {
				var words []string
				for {
					m, err := sub.NextMsg(time.Millisecond)
					if err != nil {
						return strings.Join(words, " ")
					}
					var h msgs.Head
					if err := json.Unmarshal(m.Data, &h); err != nil {
						t.Fatal(err)
					}
					words = append(words, strings.TrimPrefix(string(h.Type), "order."))
				}
			}
		}
		own, all := hear("_INBOX.own"), hear("_INBOX.all")
		send := func(subject, inbox, text string) {
			m := nats.NewMsg(subject)
			m.Data, m.Header = []byte(text), nats.Header{"Reply-To": {inbox}}
			if _, err := p.b.JetStream().PublishMsg(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			p.pass(time.Second)
		}
		for _, text := range []string{`not JSON`, `{"request_id":"h1"}`} {
			send(msgs.CmdSubject("order", "main", "cancel"), "_INBOX.own", `{"client_order_id":"nobody"}`)
			send(msgs.CmdSubject("control", msgs.AllAccounts, "halt"), "_INBOX.all", text)
		}
		if got := all(); got != "control_rejected halted" {
			t.Errorf("who commanded all accounts has copies of %q", got)
		}
		if got := own(); got != "cancel_rejected cancel_rejected" {
			t.Errorf("who cancelled has copies of %q", got)
		}
	})
}

// TestReplyToGetsEveryEventUntilTheLast sends a submit with an inbox and reads its order's life there, one event a message.
func TestReplyToGetsEveryEventUntilTheLast(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		const inbox = "_INBOX.strategy.1"
		sub, err := p.b.NATS().SubscribeSync(inbox)
		if err != nil {
			t.Fatal(err)
		}
		send := func(text string) {
			m := nats.NewMsg(msgs.CmdSubject("order", "main", "submit"))
			m.Data, m.Header = []byte(text), nats.Header{"Reply-To": {inbox}}
			if _, err := p.b.JetStream().PublishMsg(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		order := `{"client_order_id":"a1","market":"` + sandbox.Markets()[0].Slug + `","outcome":"Yes","side":"BUY","type":"GTC","price":"0.99","size":"10"}`
		send(order)
		p.pass(500 * time.Millisecond)
		send(order) // a repeat: the present state, and no event
		p.pass(2 * time.Second)
		var got []string
		for {
			m, err := sub.NextMsg(time.Millisecond)
			if err != nil {
				break
			}
			var e struct {
				msgs.Head
				State msgs.State `json:"state"`
			}
			if err := json.Unmarshal(m.Data, &e); err != nil {
				t.Fatal(err)
			}
			if e.Env != msgs.Sandbox || e.N == 0 {
				t.Errorf("copy without identity: %s", m.Data)
			}
			got = append(got, strings.TrimPrefix(string(e.Type), "order."))
		}
		// Filled is final, so what follows on the log is not copied; the last one is the answer to the repeat, the state of which the
		// latest event was the fill.
		if words := strings.Join(got, " "); words != "submitting accepted filled filled" {
			t.Errorf("copies: %s", words)
		}
		p.want("a1", "submitting accepted filled:10. settled.")
	})
}

// TestStatusTellsWhatTheVenueIs asks for the status after the venue has answered an order with 425, and when that is over.
func TestStatusTellsWhatTheVenueIs(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.Restarting, f.RetryAfterS = true, 1 })
		p.submit("a1", msgs.Buy, msgs.GTC, "0.05", "10", `,'valid_until_ms':0`)
		p.pass(time.Second)
		if s := request[msgs.StatusAnswer](p, "status", ""); s.Venue != "restarting" {
			t.Errorf("while it restarts: %+v", s)
		}
		p.venue.SetFaults(func(f *sandbox.Faults) { f.Restarting = false })
		p.pass(3 * time.Second)
		if s := request[msgs.StatusAnswer](p, "status", ""); s.Venue != "ok" || s.Open != 1 {
			t.Errorf("afterwards: %+v", s)
		}
	})
}

// TestBadInputIsAnsweredAndStopsNothing sends everything that can be wrong with a message, then an order that is right.
func TestBadInputIsAnsweredAndStopsNothing(t *testing.T) {
	slug := sandbox.Markets()[0].Slug
	order := func(more string) string {
		return `{'client_order_id':'ID','market':'` + slug + `','outcome':'Yes','side':'BUY','type':'GTC','price':'0.05','size':'10'` + more + `}`
	}
	cases := []struct {
		text   string
		header nats.Header
		code   msgs.Code
	}{
		{text: "not json", code: msgs.BadJSON},
		{text: "", code: msgs.BadJSON},
		{text: order(`,'post_olny':true`), code: msgs.UnknownField},
		{text: strings.Replace(order(""), "'0.05'", "0.05", 1), code: msgs.NumberNotString},
		{text: `{'client_order_id':'ID','side':'BUY'}`, code: msgs.MissingField},
		{text: strings.Replace(order(""), "0.05", "0.055", 1), code: msgs.PriceOffTick},
		{text: strings.Replace(order(""), "'10'", "'10.001'", 1), code: msgs.TooManyDecimals},
		{text: strings.Replace(order(""), slug, "nowhere", 1), code: msgs.UnknownToken},
		{text: order(`,'valid_until_ms':1`), code: msgs.ExpiredInQueue},
		{text: order(`,'meta':{'x':'` + strings.Repeat("x", 70_000) + `'}`), code: msgs.TooLarge},
		{text: order(""), header: nats.Header{"Reply-To": {"evt.order.main"}}, code: msgs.BadReplyTo},
		{text: order(""), header: nats.Header{"Nats-Msg-Id": {"whatever"}}, code: msgs.BadMsgID},
	}
	inPlant(t, nil, func(t *testing.T, p *plant) {
		want := map[uint64]msgs.Code{}
		for i, c := range cases {
			m := nats.NewMsg(msgs.CmdSubject("order", "main", "submit"))
			m.Data, m.Header = []byte(strings.ReplaceAll(strings.ReplaceAll(c.text, "ID", "id-"+string(rune('a'+i))), "'", `"`)), c.header
			ack, err := p.b.JetStream().PublishMsg(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			want[ack.Sequence] = c.code
		}
		p.submit("good", msgs.Buy, msgs.GTC, "0.05", "10")
		first := p.submit("twice", msgs.Buy, msgs.GTC, "0.05", "10")
		want[p.submit("twice", msgs.Buy, msgs.GTC, "0.06", "10")] = msgs.DuplicateID
		p.pass(time.Second)
		got := map[uint64]msgs.Code{}
		for _, e := range p.events() {
			if r, ok := e.(*msgs.OrderRejected); ok {
				got[r.CmdSeq] = r.Error.Code
				if r.Error.Fix == "" || r.Error.Cause == "" {
					t.Errorf("%s without cause or fix", r.Error.Code)
				}
			}
		}
		for seq, code := range want {
			if got[seq] != code {
				t.Errorf("command %d got %q, want %q", seq, got[seq], code)
			}
		}
		if got[first] != "" || len(got) != len(want) {
			t.Errorf("refused: %v", got)
		}
		p.want("good", "submitting accepted")
		if got := p.story("twice"); got != "submitting rejected:duplicate_id. accepted" && got != "submitting accepted rejected:duplicate_id." {
			t.Errorf("twice: %s", got)
		}
	})
}

// TestRestartTakesUpWhatWasOpen stops the executor with an order resting, one unknown and one filled meanwhile, and starts
// it again: everything is found, nothing is sent twice.
func TestRestartTakesUpWhatWasOpen(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.submit("rests", msgs.Buy, msgs.GTC, "0.05", "10")
		p.pass(time.Second)
		p.venue.SetFaults(func(f *sandbox.Faults) { f.DropAnswer.Next = 3; f.DropAnswer.On = "*" })
		p.submit("lost", msgs.Buy, msgs.GTC, "0.06", "10")
		time.Sleep(50 * time.Millisecond)
		p.b.Wait()
		p.stop()
		p.venue.SetFaults(func(f *sandbox.Faults) { f.DropAnswer.Next = 0 })
		p.start()
		p.pass(2 * time.Second)
		p.send("cancel", `{'client_order_ids':['rests','lost']}`)
		p.pass(time.Second)
		p.want("rests", "submitting accepted cancelled:requested.")
		if s := p.story("lost"); !strings.HasPrefix(s, "submitting") || !strings.HasSuffix(s, "accepted cancelled:requested.") {
			t.Errorf("lost: %s", s)
		}
		for salt, n := range p.posts() {
			if n != 1 {
				t.Errorf("salt %s posted %d times", salt, n)
			}
		}
	})
}

// TestHaltStopsAndSurvivesARestart halts, restarts, submits and resumes.
func TestHaltStopsAndSurvivesARestart(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.submit("before", msgs.Buy, msgs.GTC, "0.05", "10")
		p.pass(time.Second)
		p.send("halt", `{'request_id':'h1','cancel':true}`)
		p.submit("during", msgs.Buy, msgs.GTC, "0.05", "10")
		p.pass(time.Second)
		p.stop()
		p.start()
		p.pass(time.Second)
		p.submit("still", msgs.Buy, msgs.GTC, "0.05", "10")
		p.pass(time.Second)
		p.send("resume", `{'request_id':'h2'}`)
		p.submit("after", msgs.Buy, msgs.GTC, "0.05", "10")
		p.pass(time.Second)
		p.want("before", "submitting accepted cancelled:requested.")
		// Stored right behind the halt, it may have been written before that was heard; but it never leaves.
		if got := p.story("during"); strings.TrimPrefix(got, "submitting ") != "rejected:halted." {
			t.Errorf("during: %s", got)
		}
		if sent := p.posts(); len(sent) != 2 {
			t.Errorf("%d orders were sent, want those before and after the halt", len(sent))
		}
		p.want("still", "rejected:halted.")
		p.want("after", "submitting accepted")
	})
}

// TestReplaceAtTheVenue replaces a resting order that has filled in part: what leaves is what is left.
func TestReplaceAtTheVenue(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.submit("a1", msgs.Buy, msgs.GTC, "0.05", "10")
		p.pass(time.Second)
		p.send("replace", `{'client_order_id':'a2','replaces':'a1','price':'0.06'}`)
		p.pass(2 * time.Second)
		p.want("a1", "submitting accepted cancelled:requested.")
		p.want("a2", "submitting submitting accepted")
		open, err := p.clob.OpenOrders(t.Context(), polymarket.OrderFilter{})
		if err != nil || len(open) != 1 || open[0].Price != 60_000 {
			t.Errorf("open at the venue: %+v, %v", open, err)
		}
	})
}

// TestFAKTakesWhatIsThere buys more than the best level holds: the rest is killed, and the order ends.
func TestFAKTakesWhatIsThere(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		book, err := p.clob.Book(t.Context(), sandbox.Markets()[0].Tokens[0])
		if err != nil {
			t.Fatal(err)
		}
		best := book.Asks[0]
		size := best.Size + 50*money.Unit
		p.submit("a1", msgs.Buy, msgs.FAK, best.Price.String(), size.String())
		p.pass(3 * time.Second)
		if s := p.story("a1"); !strings.HasPrefix(s, "submitting accepted filled:") || !strings.Contains(s, "cancelled:unfilled_rest.") {
			t.Errorf("FAK: %s", s)
		}
	})
}

// TestSlippageNeedsAFreshBook refuses a market order without a book, and takes one with it.
func TestSlippageNeedsAFreshBook(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		m := sandbox.Markets()[0]
		book, err := p.clob.Book(t.Context(), m.Tokens[0])
		if err != nil {
			t.Fatal(err)
		}
		say := func(fresh bool) {
			p.publish(msgs.MDSubject(venue, "book", m.Tokens[0]), msgs.Book{V: 1, TokenID: msgs.TokenID(m.Tokens[0]), Fresh: fresh, RecvUS: time.Now().UnixMicro(),
				Asks: []msgs.Level{{Price: book.Asks[0].Price, Size: book.Asks[0].Size}}})
		}
		send := func(id string) {
			p.send("submit", `{'client_order_id':'`+id+`','market':'`+m.Slug+`','outcome':'Yes','side':'BUY','type':'FAK','max_slippage':'0.01','amount':'5'}`)
			p.pass(3 * time.Second)
		}
		send("no-book")
		say(false)
		send("stale")
		say(true)
		send("good")
		p.want("no-book", "rejected:no_fresh_book.")
		p.want("stale", "rejected:no_fresh_book.")
		if s := p.story("good"); !strings.HasPrefix(s, "submitting accepted filled:") {
			t.Errorf("good: %s", s)
		}
	})
}

// TestDryRunPostsNothing signs and checks, and sends nothing.
func TestDryRunPostsNothing(t *testing.T) {
	inPlant(t, func(p *plant) { p.cfg.DryRun = true }, func(t *testing.T, p *plant) {
		p.submit("a1", msgs.Buy, msgs.GTC, "0.05", "10")
		p.pass(time.Second)
		p.want("a1", "submitting rejected:not_live.")
		if n := len(p.posts()); n != 0 {
			t.Errorf("%d orders posted", n)
		}
	})
}

// TestConfigTellsEverythingAtOnce checks a configuration with several faults.
func TestConfigTellsEverythingAtOnce(t *testing.T) {
	c := Config{Env: "moon", CLOB: "venue", Accounts: []Account{{Name: "all"}, {Name: "a", Kind: polymarket.Safe}, {Name: "a", Caps: Caps{Day: -1}}}}
	err := c.Check()
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, part := range []string{"env", "clob", "nats", `"all"`, "no key", "funder", "twice", "caps"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not told: %v", part, err)
		}
	}
}
