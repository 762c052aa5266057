package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/limits/catalogue"
	"sluice/pkg/sandbox/judge"
)

// full is an answer with its headers.
type full struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

// ask sends a sealed request and returns everything that came back.
func (tr *trader) ask(method, path, body string) full {
	tr.t.Helper()
	req, err := http.NewRequest(method, tr.base+path, strings.NewReader(body))
	if err != nil {
		tr.t.Fatal(err)
	}
	for k, v := range tr.headers(method, strings.SplitN(path, "?", 2)[0], body) {
		req.Header[k] = []string{v}
	}
	began := time.Now()
	res, err := tr.client.Do(req)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		tr.t.Fatal(err)
	}
	return full{res.StatusCode, res.Header, string(text), time.Since(began)}
}

// anId is of an order that does not exist: to cancel it costs what any cancel costs.
const anID = `"0x00000000000000000000000000000000000000000000000000000000000000aa"`

// manyIDs is the body of a cancel of n orders.
func manyIDs(n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(anID+",", n), ",") + "]"
}

// blanks is the body of a batch of n orders that are none: the bucket is charged before anybody reads them.
func blanks(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("{},", n), ",") + "]" }

// TestTableEqualsTheCatalogue compares the figures that the sandbox enforces with those that the limiter keeps to: written down
// twice, they must say the same of every endpoint that either names.
func TestTableEqualsTheCatalogue(t *testing.T) {
	c, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	for edition, names := range map[string][2]string{EditionNow: {"polymarket-2026-11", "relayer-2026-11"}, EditionFeb: {"polymarket-2026-02", "relayer-2026-02"}} {
		table, err := Edition(edition)
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Profile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		endpoints := p.Endpoints()
		for _, w := range table.Windows {
			for _, on := range w.On {
				endpoints = append(endpoints, catalogue.ParseEndpoint(on, "clob"))
			}
		}
		for _, e := range endpoints {
			if e.Path == "" || e.Path == "keys" || strings.Contains(e.Path+e.Method+e.API, "*") {
				continue
			}
			if ours, theirs := tableOf(table, e), catalogueOf(&p, e); ours != theirs {
				t.Errorf("%s %s: the sandbox has %s, the catalogue %s", edition, e, ours, theirs)
			}
		}
		compareTiers(t, table, &p)
		r, err := c.Profile(names[1])
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range table.Builders {
			want := 0
			if l := r.Rule("relayer units").Of(b.Name)[0]; l.Kind() == catalogue.QuotaKind {
				want = l.Quota
			}
			if !r.HasTier(b.Name) || b.Units != want {
				t.Errorf("%s: builder %s has %d units, want %d", edition, b.Name, b.Units, want)
			}
		}
	}
}

// tableOf and catalogueOf write down all windows of an endpoint.
func tableOf(l Limits, e catalogue.Endpoint) string {
	var out []string
	for _, w := range l.Windows {
		if w.covers(e.API, e.Method+" "+e.Path) {
			out = append(out, fmt.Sprintf("%d in %s", w.N, w.per()))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func catalogueOf(p *catalogue.Profile, e catalogue.Endpoint) string {
	var out []string
	for _, r := range p.Rules {
		if _, ok := r.Cost(e); !ok || r.Scope != catalogue.IP {
			continue
		}
		for _, l := range r.Layers {
			if l.Kind() == catalogue.WindowKind {
				out = append(out, fmt.Sprintf("%d in %s", l.N, l.Per))
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func compareTiers(t *testing.T, table Limits, p *catalogue.Profile) {
	t.Helper()
	if len(table.Tiers) != len(p.Tiers) {
		t.Errorf("%s: %d tiers, the catalogue has %d", table.Edition, len(table.Tiers), len(p.Tiers))
	}
	for _, tier := range table.Tiers {
		for rule, have := range map[string]Tokens{"signer orders": tier.Orders, "signer cancels": tier.Cancels} {
			l := p.Rule(rule).Of(tier.Name)[0]
			if !p.HasTier(tier.Name) || int64(l.Rate) != have.Rate || int64(l.Burst) != have.Burst || rule == "signer cancels" && l.Negative != tier.Overdraw {
				t.Errorf("%s of %s: %+v, the catalogue has %+v", rule, tier.Name, have, l)
			}
		}
	}
}

// TestEveryTierIsEnforcedAtItsFigures spends each tier's burst to the last token, and then just what a second brings.
func TestEveryTierIsEnforcedAtItsFigures(t *testing.T) {
	for _, tier := range now2026().Tiers {
		t.Run(tier.Name, func(t *testing.T) {
			inBubble(t, Config{Enforce: true, Tiers: map[string]string{"main": tier.Name}}, func(w *world) {
				tr := w.trader("main")
				for _, b := range []struct {
					Tokens
					spend func(n int64) full
				}{
					{tier.Cancels, func(n int64) full { return tr.ask("DELETE", "/orders", manyIDs(int(n))) }},
					{tier.Orders, func(n int64) (f full) {
						for ; n > 0 && (f.status == 0 || f.status == 200); n -= min(n, maxBatch) {
							f = tr.ask("POST", "/orders", blanks(int(min(n, maxBatch))))
						}
						return f
					}},
				} {
					first := min(b.Burst, maxCancels)
					if f := b.spend(first); f.status != 200 || f.header.Get("Poly-RateLimit-Remaining") != units(b.Burst-first) || f.header.Get("Poly-RateLimit-Tier") != tier.Name {
						t.Errorf("the burst: %d %v", f.status, f.header)
					}
					if rest := b.Burst - first; rest > 0 && b.spend(rest).status != 200 {
						t.Error("the rest of the burst was refused")
					}
					f := b.spend(1)
					if f.status != 429 || f.body != `{"error":"Too Many Requests"}` || f.header.Get("Retry-After") != "1" || f.header.Get("Poly-RateLimit-Remaining") != "0" {
						t.Errorf("one more: %d %s %v", f.status, f.body, f.header)
					}
					reset := time.Now().Unix() + (b.Burst+b.Rate-1)/b.Rate
					if got := f.header.Get("Poly-RateLimit-Reset"); got != units(reset) {
						t.Errorf("reset %s, want %d", got, reset)
					}
					time.Sleep(time.Second)
					half := min(b.Rate, maxCancels)
					if f := b.spend(half); f.status != 200 {
						t.Errorf("what a second brings was refused: %d", f.status)
					}
					if f := b.spend(1 + b.Rate - half); f.status != 429 {
						t.Errorf("one more than a second brings: %d", f.status)
					}
				}
			})
		})
	}
}

// TestSweepIsPaidBack cancels everything with a hundred orders open: up to Gold the balance goes below zero, and no cancel
// leaves until it is paid back; above Gold such a sweep needs all its tokens.
func TestSweepIsPaidBack(t *testing.T) {
	for tier, want := range map[string]struct{ remaining, wait string }{"Standard": {"-81", "2"}, "Platinum": {"1249", ""}} {
		t.Run(tier, func(t *testing.T) {
			inBubble(t, Config{Enforce: true, Tiers: map[string]string{"main": "Elite"}}, func(w *world) {
				tr := w.trader("main")
				for range 100 {
					tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.1", "5"), "live")
				}
				if err := w.s.SetTier("main", tier); err != nil {
					t.Fatal(err)
				}
				if tier == "Standard" {
					tr.ask("DELETE", "/orders", manyIDs(100)) // twenty are left
				}
				if f := tr.ask("DELETE", "/cancel-all", ""); f.status != 200 || f.header.Get("Poly-RateLimit-Remaining") != want.remaining {
					t.Errorf("cancel-all: %d %v", f.status, f.header)
				}
				if f := tr.ask("DELETE", "/order", `{"orderID":`+anID+`}`); f.header.Get("Retry-After") != want.wait {
					t.Errorf("the next cancel: %d %v", f.status, f.header)
				}
			})
		})
	}
}

// TestTierIsToldAndChanges: the endpoint names the tier in force, a change is told, and what is no tier is refused.
func TestTierIsToldAndChanges(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		tr := w.trader("main")
		tier := func() string { return tr.ask("GET", "/v1/user/rate-limit-tier", "").body }
		if s := tier(); !strings.Contains(s, `"tier":"Standard"`) || !strings.Contains(s, `"orders_per_second":40`) {
			t.Error(s)
		}
		if status, body := tr.send("POST", "/_sandbox/limits", `{"tiers":{"main":"gold"},"edge":"queue","enforce":true}`, nil); status != 200 || !strings.Contains(body, `"main":"Gold"`) || !strings.Contains(body, `"edge":"queue"`) {
			t.Errorf("%d %.200s", status, body)
		}
		if s := tier(); !strings.Contains(s, `"tier":"Gold"`) || !strings.Contains(s, `"cancels_burst":1200`) {
			t.Error(s)
		}
		for _, bad := range []string{`{"tiers":{"main":"Tin"}}`, `{"tiers":{"nobody":"Gold"}}`, `{"builders":{"x":"Tin"}}`, `{"odd":1}`, `{`} {
			if status, _ := tr.send("POST", "/_sandbox/limits", bad, nil); status != 400 {
				t.Errorf("%s: %d", bad, status)
			}
		}
		if _, err := New(Config{Tiers: map[string]string{"main": "Tin"}}); err == nil {
			t.Error("a tier that does not exist was taken")
		}
	})
}

// TestEdgeRefusesQueuesOrBlocks sends 125 requests at an endpoint that allows a hundred in ten seconds.
func TestEdgeRefusesQueuesOrBlocks(t *testing.T) {
	for edge, want := range map[Edge]string{EdgeRefuses: "100 answered, 25 refused as json", EdgeQueues: "125 answered", EdgeBlocks: "100 answered, 25 refused as html"} {
		t.Run("edge "+string(edge), func(t *testing.T) {
			inBubble(t, Config{Enforce: true, Edge: edge, EdgeHold: 11 * time.Second}, func(w *world) {
				tr := w.trader("main")
				began, answered, refused := time.Now(), 0, map[string]int{}
				late := 0
				for range 125 {
					f := tr.ask("GET", "/ok", "")
					if f.took > 9*time.Second {
						late++
					}
					switch {
					case f.status == 200:
						answered++
					case strings.Contains(f.body, "1015") && strings.HasPrefix(f.header.Get("Content-Type"), "text/html"):
						refused["html"]++
					case f.body == `{"error":"Too Many Requests"}`:
						refused["json"]++
					}
				}
				got := fmt.Sprintf("%d answered", answered)
				for how, n := range refused {
					got += fmt.Sprintf(", %d refused as %s", n, how)
				}
				if got != want {
					t.Errorf("%s, want %s", got, want)
				}
				if took := time.Since(began); (edge == EdgeQueues) != (took > 10*time.Second) || (edge == EdgeQueues) != (late == 1) {
					t.Errorf("it took %s, %d were late", took, late)
				}
			})
		})
	}
}

// TestQueueEndsInARefusal: who would have to be held longer than the edge holds anybody is refused.
func TestQueueEndsInARefusal(t *testing.T) {
	inBubble(t, Config{Enforce: true, Edge: EdgeQueues, EdgeHold: 2 * time.Second}, func(w *world) {
		tr := w.trader("main")
		for range 100 {
			tr.send("GET", "/ok", "", nil)
		}
		if f := tr.ask("GET", "/ok", ""); f.status != 429 || f.took != 0 {
			t.Errorf("held for %s, then %d", f.took, f.status)
		}
		time.Sleep(9 * time.Second)
		if f := tr.ask("GET", "/ok", ""); f.status != 200 || f.took < time.Second || f.took > 2*time.Second {
			t.Errorf("held for %s, then %d", f.took, f.status)
		}
	})
}

// TestOtherAPIsAreCountedApart saturates the catalogue, the public history and the relayer's door; none of it counts for the
// order book, and all of it for everything.
func TestOtherAPIsAreCountedApart(t *testing.T) {
	inBubble(t, Config{Enforce: true}, func(w *world) {
		tr := w.trader("main")
		for path, n := range map[string]int{"/gamma/markets": 300, "/gamma/events": 500, "/gamma/public-search?q=coin": 350, "/gamma/tags": 200, "/gamma/comments": 200,
			"/data-api/trades": 200, "/data-api/positions?user=0x1": 150, "/data-api/closed-positions": 150, "/data-api/": 100} {
			for i := range n + 1 {
				f := tr.ask("GET", path, "")
				if want := f.status == 200; want != (i < n) {
					t.Fatalf("request %d of %s: %d %s", i+1, path, f.status, f.body)
				}
			}
		}
		if f := tr.ask("GET", "/ok", ""); f.status != 200 {
			t.Errorf("the order book: %d", f.status)
		}
		for i := range 26 {
			status, body := tr.send("POST", "/relayer/submit", "{}", BuilderKeys()[0].headers("POST", "/submit", "{}"))
			if want := 503; i < 25 && status != want || i == 25 && (status != 429 || body != `{"error":"Too Many Requests"}`) {
				t.Fatalf("submission %d: %d %s", i+1, status, body)
			}
		}
	})
}

// TestDailyUnitsRollAndAreToldWhenGone spends a builder's hundred, is told when the first of them comes back, and gets it then;
// another builder has units of its own, and a key for one's own wallet needs none.
func TestDailyUnitsRollAndAreToldWhenGone(t *testing.T) {
	inBubble(t, Config{Enforce: true}, func(w *world) {
		tr := w.trader("main")
		a, b := BuilderKeys()[0], BuilderKeys()[1]
		submit := func(by BuilderKey) (int, string) {
			return tr.send("POST", "/relayer/submit", "{}", by.headers("POST", "/submit", "{}"))
		}
		for range 100 {
			if status, body := submit(a); status != 503 {
				t.Fatalf("%d %s", status, body)
			}
			time.Sleep(10 * time.Second)
		}
		if status, body := submit(a); status != 429 || body != `{"error":"quota exceeded: 0 units remaining, resets in 85400 seconds"}` {
			t.Errorf("the next: %d %s", status, body)
		}
		if status, _ := submit(b); status != 503 {
			t.Errorf("another builder: %d", status)
		}
		if status, _ := tr.send("POST", "/relayer/submit", "{}", tr.account.ownKey()); status != 503 {
			t.Errorf("a key of one's own: %d", status)
		}
		if status, _ := tr.send("POST", "/relayer/submit", "{}", nil); status != 401 {
			t.Errorf("nobody: %d", status)
		}
		time.Sleep(85_400*time.Second + 1)
		if status, body := submit(a); status != 503 {
			t.Errorf("after the reset: %d %s", status, body)
		}
		if status, _ := submit(a); status != 429 {
			t.Errorf("only one has come back: %d", status)
		}
		if err := w.s.SetBuilder("builder-1", "Partner"); err != nil {
			t.Fatal(err)
		}
		if status, _ := submit(a); status != 503 {
			t.Errorf("a partner: %d", status)
		}
	})
}

// TestVenueAndJudgeCountAlike sends random requests of all kinds, many of them over, and lets the judge count the journal again:
// both must come to the same for every limit. That both can be wrong together is why they share no code.
func TestVenueAndJudgeCountAlike(t *testing.T) {
	own := now2026()
	for i := range own.Windows { // a thirtieth, so that everything is passed soon
		own.Windows[i].N = max(1, own.Windows[i].N/30)
	}
	for _, enforce := range []bool{false, true} {
		t.Run(fmt.Sprintf("enforce %v", enforce), func(t *testing.T) {
			inBubble(t, Config{Limits: &own, Enforce: enforce}, func(w *world) {
				random, tr := rand.New(rand.NewPCG(5, 6)), w.trader("main")
				second := w.trader("second")
				for range 1500 {
					by := tr
					if random.IntN(3) == 0 {
						by = second
					}
					switch random.IntN(9) {
					case 0, 1:
						by.ask("POST", "/orders", blanks(1+random.IntN(15)))
					case 2:
						by.ask("DELETE", "/orders", manyIDs(1+random.IntN(60)))
					case 3:
						by.ask("DELETE", "/order", `{"orderID":`+anID+`}`)
					case 4:
						by.ask("DELETE", "/cancel-all", "")
					case 5:
						by.ask("GET", "/data/order/"+strings.Trim(anID, `"`), "")
					case 6:
						by.ask("GET", "/gamma/markets", "")
					case 7:
						by.ask("GET", "/data/orders", "")
					case 8:
						time.Sleep(time.Duration(random.Int64N(int64(400 * time.Millisecond))))
						if random.IntN(40) == 0 {
							if err := w.s.SetTier("second", own.Tiers[random.IntN(len(own.Tiers))].Name); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				passed := compareCounts(t, w.s, !enforce)
				if passed < 6 {
					t.Errorf("only %d limits were passed: the test has gone blind", passed)
				}
			})
		})
	}
}

// compareCounts counts the journal again and compares with the venue's own counts. Who enforces does not charge the signer for
// what the edge has refused; the judge does, so then only windows are compared.
func compareCounts(t *testing.T, s *Sandbox, signers bool) (passed int) {
	t.Helper()
	record := strings.NewReader(`{"stream":"LOG_main","subject":"evt.order.main","seq":1,"stored_us":1,"headers":{},"data":"{}"}` + "\n" +
		`{"stream":"LOG_second","subject":"evt.order.second","seq":1,"stored_us":1,"headers":{},"data":"{}"}`)
	v, err := judge.Judge(bytes.NewReader(bytes.Join(s.Journal(0), nil)), record, judge.Options{})
	if err != nil {
		t.Fatal(err)
	}
	again := map[string]judge.LimitUse{}
	for _, u := range v.Limits {
		again[u.Limit] = u
	}
	for _, u := range s.LimitUses() {
		name := strings.Join(strings.Fields(u.Scope+" "+u.Account+" "+u.Limit), " ")
		j, known := again[name]
		if !known || u.Scope == "signer" && !signers {
			if !known {
				t.Errorf("the judge has not counted %s", name)
			}
			continue
		}
		if j.Arrived != int64(u.Count) || j.Excess != int64(u.Excess) {
			t.Errorf("%s: the venue counts %d, %d over; the judge %d, %d over", name, u.Count, u.Excess, j.Arrived, j.Excess)
		}
		if u.Excess > 0 {
			passed++
		}
	}
	return passed
}

// TestHeadersCanLie: an answer bears what the fault says, or lacks it, and is else as it was.
func TestHeadersCanLie(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		tr := w.trader("main")
		w.s.SetFaults(func(f *Faults) {
			f.LieHeaders, f.Headers = Fault{Next: 1}, map[string]string{"poly-ratelimit-remaining": "1000000", "Poly-RateLimit-Reset": ""}
		})
		if h := tr.ask("DELETE", "/order", `{"orderID":`+anID+`}`).header; h.Get("Poly-RateLimit-Remaining") != "1000000" || h.Get("Poly-RateLimit-Reset") != "" || h.Get("Poly-RateLimit-Tier") != "Standard" {
			t.Errorf("%v", h)
		}
		if h := tr.ask("DELETE", "/order", `{"orderID":`+anID+`}`).header; h.Get("Poly-RateLimit-Remaining") != "118" {
			t.Errorf("afterwards: %v", h)
		}
		w.s.SetFaults(func(f *Faults) { f.BlockPage = Fault{Next: 1, On: "*"} })
		if f := tr.ask("GET", "/ok", ""); f.status != 403 || !strings.Contains(f.body, "<html>") || !strings.HasPrefix(f.header.Get("Content-Type"), "text/html") {
			t.Errorf("blocked: %d %s", f.status, f.body)
		}
	})
}

// TestFiguresOfOnesOwn: seven in three seconds and sixty-one in forty-seven; what makes no sense is refused.
func TestFiguresOfOnesOwn(t *testing.T) {
	own := Limits{Edition: "mine", Windows: []Window{{"short", []string{"GET /ok"}, 7, 3000}, {"long", []string{"GET /ok"}, 61, 47_000}}}
	inBubble(t, Config{Limits: &own, Enforce: true}, func(w *world) {
		tr := w.trader("main")
		answered := 0
		for range 46 * 10 {
			if f := tr.ask("GET", "/ok", ""); f.status == 200 {
				answered++
			}
			time.Sleep(100 * time.Millisecond)
		}
		if answered != 61 {
			t.Errorf("%d of 47 s were answered, want 61", answered)
		}
		if f := tr.ask("POST", "/orders", blanks(15)); f.header.Get("Poly-RateLimit-Tier") != "" {
			t.Errorf("nobody has a bucket, but %v", f.header)
		}
		if f := tr.ask("GET", "/v1/user/rate-limit-tier", ""); f.status != 404 {
			t.Errorf("tier: %d", f.status)
		}
	})
	for _, bad := range []Limits{
		{Windows: []Window{{"x", []string{"*"}, 0, 1}}}, {Windows: []Window{{"x", nil, 1, 1}}},
		{Tiers: []Tier{{Name: "x", Orders: Tokens{1, 1}}}}, {Builders: []Builder{{"x", -1}}},
	} {
		if _, err := New(Config{Limits: &bad}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	if _, err := Edition("1999-01"); err == nil || !strings.Contains(err.Error(), EditionFeb) {
		t.Errorf("an edition that does not exist: %v", err)
	}
}

// TestJournalSaysWhatWasAllowed: the figures in force stand in it before the first count.
func TestJournalSaysWhatWasAllowed(t *testing.T) {
	file := t.TempDir() + "/journal"
	s, err := New(Config{JournalFile: file, Enforce: true, Edge: EdgeBlocks})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var l limitsLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Kind == "limits" {
			if l.Edition != EditionNow || len(l.Windows) < 40 || len(l.Tiers) != 8 || !l.Enforce || l.Edge != EdgeBlocks {
				t.Errorf("%.200s", line)
			}
			return
		}
	}
	t.Error("it does not say")
}
