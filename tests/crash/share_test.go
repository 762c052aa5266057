package crash

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/msgs"
)

// The figures that two executors share: windows that both fill within seconds, and that a test of seconds lives to see slide. A second's
// is far above what dead ones may have on the way for half a minute, some fifteen orders each. Of batches there is one, so that nothing
// but these windows binds.
const (
	aSecond, aSpan, span = 100, 400, 8 * time.Second

	ourFigures = `
profiles:
- name: small
  date: 2026-11-22
  source: a test
  api: clob
  rules:
  - name: orders
    scope: ip
    class: order
    for: [POST /order]
    layers: [{n: %d, per: 1s}, {n: %d, per: %s}]
  - name: batches
    scope: ip
    class: order
    for: [POST /orders]
    layers: [{n: 1, per: 10m}]
`
	itsFigures = `{"edition":"small","builders":[{"name":"Unverified","units":100}],"windows":[
{"name":"orders 1s","on":["POST /order"],"n":%d,"per_ms":1000},{"name":"orders","on":["POST /order"],"n":%d,"per_ms":%d},
{"name":"batches","on":["POST /orders"],"n":1,"per_ms":600000}]}`
)

// sharing is a plant whose venue enforces small figures for its address, and whose services keep to the same ones.
type sharing struct {
	*plant
	figures []string // flags
	by      map[string]*process
}

func newSharing(t *testing.T, backlog int, accounts ...string) *sharing {
	t.Helper()
	dir := t.TempDir()
	write := func(name, format string, args ...any) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, fmt.Appendf(nil, format, args...), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	ours := write("ours.yaml", ourFigures, aSecond, aSpan, span)
	its := write("its.json", itsFigures, aSecond, aSpan, span.Milliseconds())
	s := &sharing{figures: []string{"--limits", ours, "--limits-profile", "small", "--limits-factor", "1"}, by: map[string]*process{}}
	s.plant = &plant{t: t, dir: t.TempDir(), port: "127.0.0.1:0", judgeOf: strings.Join(accounts, ","),
		venueArgs: []string{"--enforce-limits", "--limits", its}, ingestArgs: s.figures}
	s.begin()
	for _, a := range accounts {
		s.store(a, backlog)
	}
	for _, a := range accounts {
		s.begins(a)
	}
	return s
}

// store puts orders on the bus that wait for ever, and rest.
func (s *sharing) store(name string, n int) {
	s.t.Helper()
	subject := msgs.CmdSubject(msgs.FamilyOrder, msgs.Account(name), "submit")
	s.until("the queue of "+name+" is there", func() bool {
		m, err := s.bus.Request(msgs.CmdSubject(msgs.FamilyOrder, msgs.Account(name), "cancel"), []byte(quoted("{'client_order_id':'none'}")), time.Second)
		return err == nil && strings.Contains(string(m.Data), `"seq"`)
	})
	for i := range n {
		m := nats.NewMsg(subject)
		m.Data = []byte(quoted("{'client_order_id':'%s-%d','market':'sandbox-coin','outcome':'Yes','side':'BUY','type':'GTC','price':'0.%02d','size':'5','valid_until_ms':0}", name, i, 1+i%20))
		if err := s.bus.PublishMsg(m); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.bus.Flush(); err != nil {
		s.t.Fatal(err)
	}
}

// begins starts the executor of an account.
func (s *sharing) begins(name string) {
	s.t.Helper()
	s.by[name] = s.executor("", append([]string{"--account", name}, s.figures...)...)
}

// other is the account of the other executor.
func (s *sharing) other(name string) string {
	if name == "main" {
		return "eoa"
	}
	return "main"
}

// arrived is how many orders of each account have come to the venue, and when the first and the last.
func (s *sharing) arrived() (of map[string]int, first, last time.Time) {
	s.t.Helper()
	of = map[string]int{}
	for _, l := range s.journal() {
		if l.Kind != "request" || l.Method != "POST" || l.Path != "/order" {
			continue
		}
		at := time.UnixMicro(l.AtUS)
		if of[l.Account]++; first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return of, first, last
}

// goesOn waits until so many more orders of each account have come.
func (s *sharing) goesOn(more int, names ...string) {
	s.t.Helper()
	before, _, _ := s.arrived()
	for _, name := range names {
		e := s.by[name]
		for end := time.Now().Add(patience); ; pass(200 * time.Millisecond) {
			if now, _, _ := s.arrived(); now[name] >= before[name]+more {
				break
			}
			if time.Now().After(end) {
				s.t.Fatalf("of %s do not come %d more\n%s", name, more, e.said())
			}
		}
	}
}

// TestExecutorsShareOneAllowance runs two executors as processes of their own, for an account each, behind one address whose figures
// both fill. One is killed and started again, then the other, so that whoever grants has fallen once. Nothing is ever over by the venue's
// count and the judge's, nothing is refused, both go on each time, and while both run neither starves.
func TestExecutorsShareOneAllowance(t *testing.T) {
	t.Parallel()
	rounds, backlog := 1, 1200
	if full() {
		rounds, backlog = 3, 12_000
	}
	s := newSharing(t, backlog, "main", "eoa")
	s.goesOn(1, "main", "eoa")
	before, _, _ := s.arrived()
	s.goesOn(aSpan/4, "main", "eoa")
	after, _, _ := s.arrived()
	if a, b := after["main"]-before["main"], after["eoa"]-before["eoa"]; a > 3*b || b > 3*a {
		t.Errorf("of one come %d, of the other meanwhile %d", a, b)
	}
	for range rounds {
		for _, name := range []string{"main", "eoa"} {
			s.by[name].kill()
			s.goesOn(aSpan/8, s.other(name))
			s.begins(name)
			s.goesOn(aSpan/8, "main", "eoa")
			if full() {
				pass(time.Minute)
			}
		}
	}
	of, first, last := s.arrived()
	most := aSpan + int(last.Sub(first)*aSpan/span)
	t.Logf("%v in %s, at most %d: %d permille", of, last.Sub(first).Round(time.Second), most, (of["main"]+of["eoa"])*1000/most)
	for _, name := range []string{"main", "eoa"} {
		s.ends(name)
	}
	s.within()
}

// ends cancels what an account has left, in the queue and at the venue.
func (s *sharing) ends(name string) {
	s.t.Helper()
	s.until("what is left of "+name+" is cancelled", func() bool {
		m, err := s.bus.Request(msgs.CmdSubject(msgs.FamilyOrder, msgs.Account(name), "cancel_all"), []byte(quoted("{'request_id':'end'}")), time.Second)
		return err == nil && strings.Contains(string(m.Data), `"seq"`)
	})
	s.until("nothing of "+name+" is left", func() bool {
		m, err := s.service.Request(msgs.SvcSubject("executor", msgs.Account(name), "status"), nil, time.Second)
		var a msgs.StatusAnswer
		return err == nil && json.Unmarshal(m.Data, &a) == nil && a.Owner != "" && a.Open+a.Unknown+int(a.Queue.Submit) == 0
	}, s.by[name])
	pass(time.Second) // what the end of the last is told by
	s.by[name].send(s.t, syscall.SIGTERM)
	<-s.by[name].done
}

// within demands that nothing was over a limit or refused for one, and nothing else wrong.
func (s *sharing) within() {
	s.t.Helper()
	v := s.content()
	if n := v.Wrong.LimitsExceeded; n != 0 {
		s.t.Errorf("%d are over a limit\n%s", n, v)
	}
	for _, l := range s.journal() {
		if l.Kind == "request" && l.Word == "429" {
			s.t.Errorf("refused: %s %s of %s", l.Method, l.Path, l.Account)
		}
	}
}
