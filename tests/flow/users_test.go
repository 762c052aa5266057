package flow

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor/natsd"
)

// strategy is a NATS user of one account, with everything that the server has held against it.
type strategy struct {
	*nats.Conn
	mu      sync.Mutex
	refused []error
}

func (p *plant) strategy(u natsd.User) *strategy {
	p.t.Helper()
	s := &strategy{}
	s.Conn = p.connectAs(u, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.refused = append(s.refused, err)
	}))
	return s
}

// violations is how often the server has refused something so far.
func (s *strategy) violations() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range s.refused {
		if errors.Is(err, nats.ErrPermissionViolation) {
			n++
		}
	}
	return n
}

// TestStrategyDoesOnlyWhatItMay trades as a user that may use the account main alone, and tries everything else: events,
// feeds, another account's commands, everybody's halt, the JetStream API, an event's subject as reply subject.
func TestStrategyDoesOnlyWhatItMay(t *testing.T) {
	mm := natsd.StrategyUser("mm", "secret", "main")
	inPlant(t, setup{accounts: []string{"main", "second"}, users: []natsd.User{mm}}, func(p *plant) {
		s := p.strategy(mm)
		events := make(chan string, 100)
		sub, err := s.Subscribe("evt.order.main", func(m *nats.Msg) {
			var env struct{ Events []event }
			if err := json.Unmarshal(m.Data, &env); err != nil {
				t.Error(err)
			}
			for _, e := range env.Events {
				events <- e.word()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		p.publish(s.Conn, "cmd.order.main.submit", []byte(submitOf(coin, "o", "BUY", "GTC", "0.52", "10")))
		p.has("o", "settled")
		p.b.Wait()
		if err := sub.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
		close(events)
		var heard []string
		for w := range events {
			heard = append(heard, w)
		}
		if len(heard) != 4 || heard[3] != "settled." {
			t.Errorf("the strategy hears %v", heard)
		}

		before, n := p.record(), s.violations()
		for _, subject := range []string{
			"evt.order.main", "evt.order.second", "stored.evt.order.main", "feed.main.trade", "feed.main.order",
			"cmd.order.second.submit", "cmd.order.second.cancel_all", "cmd.control.second.halt", "cmd.control.all.halt", "cmd.control.all.resume",
			"$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.API.STREAM.PURGE.LOG_main", "$JS.API.STREAM.DELETE.LOG_main", "$JS.API.STREAM.MSG.GET.ASK_second",
			"$JS.API.CONSUMER.CREATE.LOG_second", "md.polymarket.book.1", "svc.executor.second.orders", "dead.executor.poison", "$SYS.REQ.SERVER.PING",
		} {
			if m, err := s.Request(subject, []byte("{}"), 100*time.Millisecond); err == nil {
				t.Errorf("%s is answered with %s", subject, m.Data)
			}
			p.b.Wait()
			if s.violations() != n+1 {
				t.Errorf("publishing on %s is not refused", subject)
			}
			n = s.violations()
		}
		for _, subject := range []string{"evt.order.second", "feed.second.>", "cmd.>", "stored.>", "$JS.>", "svc.>"} {
			sub, err := s.SubscribeSync(subject)
			if err != nil {
				t.Fatal(err)
			}
			p.pass(time.Second)
			if s.violations() != n+1 {
				t.Errorf("listening to %s is not refused", subject)
			}
			n = s.violations()
			_ = sub.Unsubscribe()
		}
		// The reply subject of a request is not looked at by permissions; the broker's acknowledgement must not land there.
		for _, reply := range []string{"evt.order.main", "feed.main.trade", "$JS.API.STREAM.DELETE.LOG_main", "cmd.order.second.submit"} {
			if err := s.PublishRequest("cmd.order.main.cancel", reply, []byte(`{"client_order_id":"nobody"}`)); err != nil {
				t.Fatal(err)
			}
			p.pass(time.Second)
		}
		for stream, more := range added(before, p.record()) {
			if stream == "LOG_main" && more != 4 || stream == "ASK_main" && more != 4 || stream != "LOG_main" && stream != "ASK_main" {
				t.Errorf("%d messages were added to %s", more, stream)
			}
		}
		for _, l := range p.record() {
			if l.Stream == "ASK_second" {
				t.Errorf("the strategy reached %s: %s", l.Subject, l.Data)
			}
		}
		if p.story("second", "o") != "" || len(p.ofType("main", "order.halted")) > 0 {
			t.Error("something that was refused had an effect")
		}
	})
}

// added counts the messages that a later record has more than an earlier one, by stream.
func added(before, after []recordLine) map[string]int {
	out := map[string]int{}
	orders := func(l recordLine) bool { return l.Subject != "evt.ledger.main" }
	for _, l := range after {
		if orders(l) {
			out[l.Stream]++
		}
	}
	for _, l := range before {
		if !orders(l) {
			continue
		}
		if out[l.Stream]--; out[l.Stream] == 0 {
			delete(out, l.Stream)
		}
	}
	return out
}
