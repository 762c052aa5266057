package flow

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/services/executor"
)

// transcripts are what every executor's core was asked in a run, and what it said.
type transcripts struct {
	mu   sync.Mutex
	list []*transcript
}

// around is for executor.Config.
func (ts *transcripts) around(a msgs.Account, c actor.Core) actor.Core {
	t := &transcript{Core: c, account: a}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.list = append(ts.list, t)
	return t
}

// transcript is one core's life. It belongs to the actor's goroutine until the actor has ended.
type transcript struct {
	actor.Core
	account msgs.Account
	calls   []call
}

// call is one call of a core: again repeats it on another core and says what came of it.
type call struct {
	what  string
	about string // the event applied
	again func(actor.Core) string
	said  string
}

func (t *transcript) note(what, said string, again func(actor.Core) string) {
	t.calls = append(t.calls, call{what: what, again: again, said: said})
}

// Decide asks the core and writes down its decision before the actor has filled anything in.
func (t *transcript) Decide(now time.Time, m any) actor.Decision {
	d := t.Core.Decide(now, m)
	t.note(fmt.Sprintf("%T", m), decision(d), func(c actor.Core) string { return decision(c.Decide(now, m)) })
	return d
}

// Apply writes the event down as the log has it.
func (t *transcript) Apply(e msgs.Event) {
	b, err := msgs.EncodeEvent(e)
	t.Core.Apply(e)
	t.note("apply", "", func(c actor.Core) string {
		again, failed := msgs.DecodeEvent(b)
		if err != nil || failed != nil {
			return fmt.Sprint(err, failed)
		}
		c.Apply(again)
		return ""
	})
	t.calls[len(t.calls)-1].about = string(b)
}

// Open writes down what is taken up after a start.
func (t *transcript) Open() iter.Seq[actor.Deed] {
	var all []actor.Deed
	for d := range t.Core.Open() {
		all = append(all, d)
	}
	t.note("open", deeds(all), func(c actor.Core) string {
		var again []actor.Deed
		for d := range c.Open() {
			again = append(again, d)
		}
		return deeds(again)
	})
	return func(yield func(actor.Deed) bool) {
		for _, d := range all {
			if !yield(d) {
				return
			}
		}
	}
}

// Restore writes down the state that a start began with.
func (t *transcript) Restore(b []byte) error {
	err := t.Core.Restore(b)
	t.note("restore", fmt.Sprint(err), func(c actor.Core) string { return fmt.Sprint(c.Restore(b)) })
	return err
}

func decision(d actor.Decision) string {
	s := fmt.Sprintf("uses %d wait %t drain %t deeds %s early %s", d.Uses, d.Wait, d.Drain, deeds(d.Deeds), deeds(d.Early))
	for _, e := range d.Events {
		s += "\n" + text(e)
	}
	return s
}

func deeds(list []actor.Deed) (s string) {
	for _, d := range list {
		s += fmt.Sprintf("%T%s ", d, text(d))
	}
	return s
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// repeat asks new cores everything again, in the same order. It returns how many answers were the same, and the first that was
// another one.
func (ts *transcripts) repeat(t *testing.T) (same int, other string) {
	t.Helper()
	for n, one := range ts.list {
		id := identityOf(t, string(one.account))
		fresh := executor.NewOrders(executor.Identity{Account: one.account, Kind: polymarket.WalletKind(id.SignatureType), Owner: id.key.Address(), Maker: id.funder,
			Signer: id.key.Address(), ChainID: polymarket.Polygon}, executor.Rules{BookAge: time.Minute})
		for i, c := range one.calls {
			if got := c.again(fresh); got != c.said {
				return same, fmt.Sprintf("executor %d of %s, call %d (%s): decided\n%s\nand again\n%s", n, one.account, i, c.what, c.said, got)
			}
			same++
		}
	}
	return same, ""
}

// TestRepeatSeesAnotherDecision: the same questions without one event of the past lead to another answer, which is seen.
func TestRepeatSeesAnotherDecision(t *testing.T) {
	cores := &transcripts{}
	inPlant(t, setup{executor: func(e *executor.Config) { e.Around = cores.around }}, func(p *plant) {
		p.submit("o", "BUY", "GTC", "0.10", "10")
		p.is("o", "open")
		p.send("cancel", "{'client_order_id':'o'}")
		p.final("o")
	})
	if same, other := cores.repeat(t); other != "" || same == 0 {
		t.Fatalf("after %d answers: %s", same, other)
	}
	for i, c := range cores.list[0].calls {
		if c.what == "apply" && strings.Contains(c.about, "order.submitting") {
			cores.list[0].calls = slices.Delete(cores.list[0].calls, i, i+1)
			break
		}
	}
	if _, other := cores.repeat(t); other == "" {
		t.Error("a core that never heard of the order decides the same about it")
	}
}
