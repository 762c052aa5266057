package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/msgs"
)

// badInput is a command that must be refused, and how.
type badInput struct {
	name   string
	verb   string // submit when empty
	body   string // with ' for "
	code   msgs.Code
	hint   string   // that the cause or the fix must name
	header []string // beside Reply-To
	judged bool     // by the executor only: the schema cannot see what is wrong
}

// badInputs is everything of the contract's page that a strategy can get wrong.
func badInputs() []badInput {
	now := time.Now()
	order := func(rest string) string {
		return "{'client_order_id':'%[1]s','market':'sandbox-coin','outcome':'Yes'," + rest + "}"
	}
	const good = "'side':'BUY','type':'GTC','price':'0.10','size':'10'"
	return []badInput{
		{name: "not JSON", body: "hello", code: msgs.BadJSON},
		{name: "nothing", body: "", code: msgs.BadJSON},
		{name: "half a message", body: "{'client_order_id':'%[1]s','side", code: msgs.BadJSON},
		{name: "a list", body: "[]", code: msgs.BadJSON},
		{name: "not UTF-8", body: "{'client_order_id':'\xff\xfe'}", code: msgs.BadJSON},
		{name: "a name twice", body: order(good + ",'price':'0.11'"), code: msgs.BadJSON, judged: true},
		{name: "misspelt post_only", body: order(good + ",'post_olny':true"), code: msgs.UnknownField, hint: "post_only"},
		{name: "number for a price", body: order("'side':'BUY','type':'GTC','price':0.1,'size':'10'"), code: msgs.NumberNotString},
		{name: "number for a size", body: order("'side':'BUY','type':'GTC','price':'0.10','size':10"), code: msgs.NumberNotString},
		{name: "side missing", body: order("'type':'GTC','price':'0.10','size':'10'"), code: msgs.MissingField, hint: "side"},
		{name: "id missing", body: "{'market':'sandbox-coin','outcome':'Yes'," + good + "}", code: msgs.MissingField, hint: "client_order_id"},
		{name: "price missing", body: order("'side':'BUY','type':'GTC','size':'10'"), code: msgs.MissingField, hint: "price"},
		{name: "size missing", body: order("'side':'BUY','type':'GTC','price':'0.10'"), code: msgs.MissingField, hint: "size"},
		{name: "token missing", body: "{'client_order_id':'%[1]s'," + good + "}", code: msgs.MissingField, hint: "token_id"},
		{name: "lower-case side", body: order("'side':'buy','type':'GTC','price':'0.10','size':'10'"), code: msgs.BadValue, hint: "BUY"},
		{name: "unknown type", body: order("'side':'BUY','type':'IOC','price':'0.10','size':'10'"), code: msgs.BadValue, hint: "FAK"},
		{name: "text for a flag", body: order(good + ",'post_only':'yes'"), code: msgs.BadValue, hint: "post_only"},
		{name: "blank in the id", body: strings.Replace(order(good), "%[1]s", "%[1]s x", 1), code: msgs.BadValue, hint: "client_order_id"},
		{name: "post-only FOK", body: order("'side':'BUY','type':'FOK','price':'0.10','size':'10','post_only':true"), code: msgs.BadValue, hint: "post_only"},
		{name: "price and slippage", body: order("'side':'BUY','type':'FAK','price':'0.10','max_slippage':'0.01','size':'10'"), code: msgs.BadValue},
		{name: "price of one", body: order("'side':'BUY','type':'GTC','price':'1','size':'10'"), code: msgs.BadValue, hint: "price"},
		{name: "exponent", body: order("'side':'BUY','type':'GTC','price':'1e-1','size':'10'"), code: msgs.BadValue, hint: "price"},
		{name: "meta too long", body: order(good + ",'meta':{'x':'" + strings.Repeat("y", 1100) + "'}"), code: msgs.TooLarge, judged: true},
		{name: "price off the tick", body: order("'side':'BUY','type':'GTC','price':'0.105','size':'10'"), code: msgs.PriceOffTick, hint: "0.11", judged: true},
		{name: "seven decimals", body: order("'side':'BUY','type':'GTC','price':'0.1000001','size':'10'"), code: msgs.TooManyDecimals},
		{name: "three decimals of a share", body: order("'side':'BUY','type':'GTC','price':'0.10','size':'10.001'"), code: msgs.TooManyDecimals},
		{name: "too small", body: order("'side':'BUY','type':'GTC','price':'0.10','size':'4'"), code: msgs.BelowMinSize, judged: true},
		{name: "unknown token", body: "{'client_order_id':'%[1]s','token_id':'12345'," + good + "}", code: msgs.UnknownToken, judged: true},
		{name: "unknown outcome", body: "{'client_order_id':'%[1]s','market':'sandbox-coin','outcome':'yes'," + good + "}", code: msgs.UnknownToken, hint: "Yes", judged: true},
		{name: "unknown market", body: "{'client_order_id':'%[1]s','market':'moon','outcome':'Yes'," + good + "}", code: msgs.UnknownToken, judged: true},
		{name: "expired by its own word", body: order(good + fmt.Sprintf(",'valid_until_ms':%d", now.Add(-time.Second).UnixMilli())), code: msgs.ExpiredInQueue, judged: true},
		{name: "expired by its age", body: order(good + fmt.Sprintf(",'sent_ms':%d", now.Add(-10*time.Second).UnixMilli())), code: msgs.ExpiredInQueue, judged: true},
		{name: "sender's clock ahead", body: order(good + fmt.Sprintf(",'sent_ms':%d", now.Add(time.Hour).UnixMilli())), code: msgs.ClockSkew, judged: true},
		{name: "id of the day before yesterday", body: order(good + fmt.Sprintf(",'valid_until_ms':0,'sent_ms':%d", now.Add(-48*time.Hour).UnixMilli())), code: msgs.IDTooOld, judged: true},
		{name: "GTD too short", body: order(strings.Replace(good, "GTC", "GTD", 1) + fmt.Sprintf(",'expires_ms':%d", now.Add(time.Minute).UnixMilli())), code: msgs.BadValue, hint: "180", judged: true},
		{name: "oversized", body: order(good) + strings.Repeat(" ", 64<<10), code: msgs.TooLarge, judged: true},
		{name: "wrong Nats-Msg-Id", body: order(good), code: msgs.BadMsgID, header: []string{"Nats-Msg-Id", "main.cancel.%[1]s"}, judged: true},
		{name: "event subject as Reply-To", body: order(good), code: msgs.BadReplyTo, header: []string{"Reply-To", "evt.order.main"}, judged: true},
		{name: "wildcard as Reply-To", body: order(good), code: msgs.BadReplyTo, header: []string{"Reply-To", "_INBOX.>"}, judged: true},
		{name: "replace of nothing", verb: "replace", body: "{'client_order_id':'%[1]s','replaces':'nobody','price':'0.10','size':'10'}", code: msgs.NotFound, judged: true},
		{name: "replace of itself", verb: "replace", body: "{'client_order_id':'%[1]s','replaces':'%[1]s','price':'0.10','size':'10'}", code: msgs.BadValue, judged: true},
		{name: "cancel that is not JSON", verb: "cancel", body: "cancel everything", code: msgs.BadJSON},
		{name: "cancel of nothing", verb: "cancel", body: "{}", code: msgs.MissingField},
		{name: "cancel with an unknown field", verb: "cancel", body: "{'client_order_id':'x','prefx':'a'}", code: msgs.UnknownField},
		{name: "cancel_all without id", verb: "cancel_all", body: "{}", code: msgs.MissingField, hint: "request_id"},
		{name: "cancel_all with a misspelt filter", verb: "cancel_all", body: "{'request_id':'%[1]s','prefx':'a'}", code: msgs.UnknownField, hint: "prefix"},
		{name: "cancel_all of an unknown market", verb: "cancel_all", body: "{'request_id':'%[1]s','market':'moon'}", code: msgs.UnknownToken, judged: true},
		{name: "halt without id", verb: "halt", body: "{'reason':'x'}", code: msgs.MissingField, hint: "request_id"},
		{name: "halt with text for a flag", verb: "halt", body: "{'request_id':'%[1]s','cancel':'yes'}", code: msgs.BadValue, hint: "cancel"},
		{name: "resume with an unknown field", verb: "resume", body: "{'request_id':'%[1]s','force':true}", code: msgs.UnknownField},
	}
}

// TestBadInputIsAnsweredAndStopsNothing sends each bad command, and after each a good order that is filled. Every one gets
// exactly one event with its sequence and the contract's code, and a copy of it; a restart tells the same.
func TestBadInputIsAnsweredAndStopsNothing(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		all := badInputs()
		for i, c := range all {
			id := fmt.Sprintf("bad-%d", i)
			inbox, copies := p.inbox()
			headers := []string{"Reply-To", inbox}
			for _, h := range c.header {
				headers = append(headers, strings.ReplaceAll(h, "%[1]s", id))
			}
			body := strings.ReplaceAll(strings.ReplaceAll(c.body, "%[1]s", id), "'", `"`)
			verb := c.verb
			if verb == "" {
				verb = "submit"
			}
			seq := p.sendTo("main", verb, body, headers...)
			if !c.judged {
				p.bad[fmt.Sprintf("ASK_main:%d", seq)] = true
			}
			good := fmt.Sprintf("good-%d", i)
			p.submit(good, "BUY", "GTC", "0.52", "5")
			p.final(good)
			p.refused(c, seq)
			if s := p.story("main", good); !strings.HasPrefix(s, "submitting") || p.last("main", good).State != "filled" {
				t.Errorf("after %s: %s", c.name, s)
			}
			p.never(id)
			want := 1
			if c.code == msgs.BadReplyTo {
				want = 0
			}
			if got := copies(); len(got) != want {
				t.Errorf("%s: %d copies at the inbox, want %d", c.name, len(got), want)
			}
		}
		p.pass(3 * time.Second)
		p.sameAfterRestart()
	})
}

// refused checks the one event of a bad command.
func (p *plant) refused(c badInput, seq uint64) {
	p.t.Helper()
	got := p.of("main", seq)
	if len(got) != 1 || got[0].Error == nil {
		p.t.Errorf("%s: %d events with its cmd_seq, want one with an error: %v", c.name, len(got), got)
		return
	}
	e := got[0]
	if e.Error.Code != c.code {
		p.t.Errorf("%s: %s (%s), want %s", c.name, e.Error.Code, e.Error.Cause, c.code)
	}
	if e.Error.Cause == "" || e.Error.Fix == "" {
		p.t.Errorf("%s: cause %q, fix %q: both must say something", c.name, e.Error.Cause, e.Error.Fix)
	}
	if said := e.Error.Field + " " + e.Error.Cause + " " + e.Error.Fix; !strings.Contains(said, c.hint) {
		p.t.Errorf("%s: %q does not name %q", c.name, said, c.hint)
	}
	want := "order.rejected"
	if c.verb != "" && c.verb != "replace" {
		want = "order.control_rejected"
	}
	if e.Type != want {
		p.t.Errorf("%s: %s, want %s", c.name, e.Type, want)
	}
}

// inbox is a reply subject of the strategy, and what has come to it.
func (p *plant) inbox() (string, func() []event) {
	p.t.Helper()
	subject := p.bus.NewInbox()
	var mu sync.Mutex
	var got []event
	sub, err := p.bus.Subscribe(subject, func(m *nats.Msg) {
		var e event
		if err := json.Unmarshal(m.Data, &e); err != nil {
			p.t.Errorf("copy %s: %v", m.Data, err)
		}
		if err := p.valid.CheckEvent(m.Data); err != nil {
			p.t.Errorf("copy: %v\n%s", err, m.Data)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, e)
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = sub.Unsubscribe() })
	if err := p.bus.FlushTimeout(patience); err != nil {
		p.t.Fatal(err)
	}
	return subject, func() []event {
		p.b.Wait()
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
}

// question asks a service as a strategy does.
func (p *plant) question(subject, body string) []byte {
	p.t.Helper()
	m, err := p.bus.Request(subject, []byte(body), patience)
	if err != nil {
		p.t.Fatalf("%s: %v", subject, err)
	}
	return m.Data
}

// state is what the executor answers about all orders of main.
func (p *plant) state() string {
	p.t.Helper()
	var all []json.RawMessage
	for after := ""; ; {
		var page struct {
			Orders []json.RawMessage
			Next   string
		}
		b := p.question("svc.executor.main.orders", quoted("{'limit':100,'after':'%s'}", after))
		if err := json.Unmarshal(b, &page); err != nil {
			p.t.Fatalf("%v in %s", err, b)
		}
		all = append(all, page.Orders...)
		if after = page.Next; after == "" {
			out, err := json.Marshal(all)
			if err != nil {
				p.t.Fatal(err)
			}
			return string(out)
		}
	}
}

// sameAfterRestart checks that a new executor, which has only the log, knows the same and has nothing to say about it.
func (p *plant) sameAfterRestart() {
	p.t.Helper()
	before, told := p.state(), len(p.log("main"))
	p.crash()
	p.pass(time.Second)
	if after := p.state(); after != before {
		p.t.Errorf("orders before:\n%s\nafter a restart:\n%s", before, after)
	}
	for _, e := range p.log("main")[told:] {
		if e.Type != "order.owner" && e.Type != "order.compared" {
			p.t.Errorf("a restart says %s of %s", e.word(), e.ClientOrderID)
		}
	}
}

// TestDuplicatesDoNothingTwice repeats a submit with the same content, which gets the present state and no event, and with
// other content, which is refused and leaves the first order alone; before and after the order's end, and after a restart.
func TestDuplicatesDoNothingTwice(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		same := submitOf(coin, "d", "BUY", "GTC", "0.10", "10")
		other := submitOf(coin, "d", "BUY", "GTC", "0.10", "11")
		p.sendTo("main", "submit", same)
		p.is("d", "open")
		repeat := func(body, state string) {
			t.Helper()
			told := len(p.log("main"))
			inbox, copies := p.inbox()
			seq := p.sendTo("main", "submit", body, "Reply-To", inbox)
			p.pass(time.Second)
			got := copies()
			if len(got) != 1 || got[0].State != state || got[0].CmdSeq != seq && body == other {
				t.Errorf("a repeat gets %v, want one %s", got, state)
			}
			if new := p.log("main")[told:]; body == same && len(new) != 0 {
				t.Errorf("a repeat with the same content leads to %s", new[0].Type)
			} else if body == other && (len(new) != 1 || new[0].word() != "rejected:duplicate_id." || new[0].CmdSeq != seq) {
				t.Errorf("a repeat with other content leads to %v", new)
			}
		}
		repeat(same, "open")
		repeat(other, "rejected")
		if open := p.open("main"); len(open) != 1 {
			t.Errorf("%d orders are open", len(open))
		}
		p.restart()
		repeat(same, "open")
		repeat(other, "rejected")
		p.send("cancel", "{'client_order_id':'d'}")
		p.until("cancelled", func() bool { return strings.Contains(p.story("main", "d"), "cancelled:requested.") })
		repeat(same, "cancelled")
		repeat(other, "rejected")
		p.once("d")
		p.sameAfterRestart()
	})
}

// TestRepeatedRequestsDoNothingTwice repeats cancel_all, halt and resume under their request_id.
func TestRepeatedRequestsDoNothingTwice(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.send("cancel_all", "{'request_id':'r1'}")
		p.send("halt", "{'request_id':'r2'}")
		p.send("resume", "{'request_id':'r3'}")
		p.submit("o", "BUY", "GTC", "0.10", "10")
		p.is("o", "open")
		told := len(p.log("main"))
		for range 2 {
			p.send("cancel_all", "{'request_id':'r1'}")
			p.send("halt", "{'request_id':'r2'}")
			p.pass(time.Second)
			p.restart()
		}
		for _, e := range p.log("main")[told:] {
			if e.Type != "order.owner" && e.Type != "order.compared" {
				t.Errorf("a repeated request leads to %s", e.Type)
			}
		}
		if e := p.last("main", "o"); e.State != "open" {
			t.Errorf("a repeated cancel_all has made the order %s", e.State)
		}
	})
}

// TestNobodyToAsk publishes for an account, a verb and a family that nobody has: "no responders", and nothing is stored.
func TestNobodyToAsk(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("o", "BUY", "GTC", "0.10", "10")
		p.is("o", "open")
		count := func() (n int) {
			for _, l := range p.record() {
				if strings.HasPrefix(l.Subject, "cmd.") {
					n++
				}
			}
			return n
		}
		before := count()
		for _, subject := range []string{"cmd.order.nobody.submit", "cmd.order.main.submitt", "cmd.control.main.stop", "cmd.control.all.cancel_all", "cmd.tx.nobody.split"} {
			if m, err := p.bus.Request(subject, []byte("{}"), time.Second); !errors.Is(err, nats.ErrNoResponders) {
				t.Errorf("%s: %v, %v; want no responders", subject, m, err)
			}
		}
		// What does not even look like a command is forbidden to strategies; nobody hears it either.
		for _, subject := range []string{"cmd.order.main", "cmd.ordre.main.submit", "cmd.order.main.submit.now", "cmd.order.Main.submit"} {
			if m, err := p.b.NATS().Request(subject, []byte("{}"), time.Second); !errors.Is(err, nats.ErrNoResponders) {
				t.Errorf("%s: %v, %v; want no responders", subject, m, err)
			}
		}
		if after := count(); after != before {
			t.Errorf("%d commands were stored", after-before)
		}
	})
}
