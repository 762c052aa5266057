package sandbox

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// journaled returns the journal's lines of a kind as text.
func (s *Sandbox) journaled(kind string) (out []string) {
	for _, line := range s.Journal(0) {
		if strings.HasPrefix(string(line), `{"kind":"`+kind+`"`) {
			out = append(out, string(line))
		}
	}
	return out
}

func TestDroppedAnswerHasTakenEffect(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		tr := w.trader("main")
		w.s.SetFaults(func(f *Faults) { f.DropAnswer.Next = 1 })
		o := tr.limit("sandbox-coin", 0, "BUY", "0.4", "10")
		if _, _, err := tr.try("POST", "/order", o.json(), tr.headers("POST", "/order", o.json())); err == nil {
			t.Error("the dropped answer arrived")
		}
		var got wireOrder
		if tr.get("/data/order/"+o.id, &got); got.Status != "LIVE" {
			t.Errorf("order is %s", got.Status)
		}
		if lines := w.s.journaled("request"); !strings.Contains(lines[len(lines)-2], `"fate":"dropped"`) {
			t.Errorf("journal: %s", lines[len(lines)-2])
		}
	})
}

func TestLostRequestHasNone(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		tr := w.trader("main")
		w.s.SetFaults(func(f *Faults) { f.LoseRequest = Fault{Next: 1, On: "POST /order"} })
		o := tr.limit("sandbox-coin", 0, "BUY", "0.4", "10")
		if _, _, err := tr.try("POST", "/order", o.json(), tr.headers("POST", "/order", o.json())); err == nil {
			t.Error("the lost request was answered")
		}
		if status, body := tr.call("GET", "/data/order/"+o.id, ""); status != 404 || body != `{"error":"order not found"}` {
			t.Errorf("order: %d %s", status, body)
		}
		if lines := w.s.journaled("request"); !strings.Contains(lines[len(lines)-2], `"fate":"lost"`) {
			t.Errorf("journal: %s", lines[len(lines)-2])
		}
		tr.must(o, "live") // and the same bytes are still good
	})
}

// A client that goes away after its headers has not asked for anything.
func TestRequestCutOffInTheMiddleIsLost(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		c, err := w.mem.dial(w.t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "POST /order HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 900\r\n\r\n{\"order\":"); err != nil {
			t.Fatal(err)
		}
		c.Close()
		synctest.Wait()
		if lines := w.s.journaled("request"); len(lines) != 1 || !strings.Contains(lines[0], `"fate":"lost"`) {
			t.Errorf("journal: %s", lines)
		}
	})
}

func TestLateAnswerTakesEffectAtOnce(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		tr := w.trader("main")
		w.s.SetFaults(func(f *Faults) { f.LateAnswer.Next, f.LateMS = 1, 3000 })
		start, done := time.Now(), make(chan placement, 1)
		o := tr.limit("sandbox-coin", 0, "BUY", "0.4", "10")
		go func() { done <- tr.post(o) }()
		time.Sleep(time.Second)
		var got wireOrder
		if tr.get("/data/order/"+o.id, &got); got.Status != "LIVE" {
			t.Errorf("after a second the order is %s", got.Status)
		}
		if p := <-done; p.Status != "live" || time.Since(start) != 3*time.Second {
			t.Errorf("after %s: %+v", time.Since(start), p)
		}
		if lines := w.s.journaled("request"); !strings.Contains(lines[len(lines)-1], `"fate":"late"`) {
			t.Errorf("journal: %s", lines[len(lines)-1])
		}
	})
}

func TestErrorsInsteadOfAnAnswer(t *testing.T) {
	s, base := venue(t, Config{})
	tr := newTrader(t, base, http.DefaultClient, "main")
	for name, c := range map[string]struct {
		set    func(*Faults)
		status int
		body   string
		known  int // status of a look-up by id afterwards
	}{
		"server error":     {func(f *Faults) { f.ServerError.Next = 1 }, 500, `{"error":"could not run the execution"}`, 404},
		"after effect":     {func(f *Faults) { f.ServerError.Next, f.ServerText, f.ServerProcesses = 1, "order timed out", true }, 500, `{"error":"order timed out"}`, 200},
		"other status":     {func(f *Faults) { f.ServerError.Next, f.ServerStatus = 1, 503 }, 503, `{"error":"could not run the execution"}`, 404},
		"page of the edge": {func(f *Faults) { f.HTMLError.Next = 1 }, 502, "<html>*", 404},
		"restarting":       {func(f *Faults) { f.Restarting, f.RetryAfterS = true, 5 }, 425, `{"error":"the matching engine is restarting"}`, 404},
		"post-only":        {func(f *Faults) { f.PostOnlyMode, f.RetryAfterS = true, 79 }, 503, `{"code":"post_only_mode","error":"post-only mode: only post-only orders and cancels are allowed","retry_after_seconds":79}`, 404},
		"cancel-only":      {func(f *Faults) { f.CancelOnly = true }, 503, `{"error":"Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."}`, 404},
		"disabled":         {func(f *Faults) { f.Disabled = true }, 503, `{"error":"Trading is currently disabled. Check polymarket.com for updates"}`, 404},
		"closed only":      {func(f *Faults) { f.ClosedOnly = true }, 400, `{"error":"'` + tr.account.Address + `' address in closed only mode"}`, 404},
	} {
		s.SetFaults(func(f *Faults) { *f = Faults{}; c.set(f) })
		o := tr.limit("sandbox-coin", 0, "BUY", "0.4", "10")
		status, body := tr.call("POST", "/order", o.json())
		if status != c.status || body != c.body && !(strings.HasSuffix(c.body, "*") && strings.HasPrefix(body, c.body[:len(c.body)-1])) {
			t.Errorf("%s: %d %s", name, status, body)
		}
		if known, _ := tr.call("GET", "/data/order/"+o.id, ""); known != c.known {
			t.Errorf("%s: look-up %d, want %d", name, known, c.known)
		}
		cancel, _ := tr.call("DELETE", "/cancel-all", "")
		if refuses := name == "restarting" || name == "disabled"; (cancel != 200) != refuses {
			t.Errorf("%s: cancel answers %d", name, cancel)
		}
	}
}

// While only post-only orders are taken, a batch hides its refusals in a success.
func TestPostOnlyModeInABatchLooksLikeSuccess(t *testing.T) {
	s, base := venue(t, Config{})
	tr := newTrader(t, base, http.DefaultClient, "main")
	s.SetFaults(func(f *Faults) { f.PostOnlyMode = true })
	plain, post := tr.limit("sandbox-coin", 0, "BUY", "0.4", "10"), tr.limit("sandbox-coin", 0, "BUY", "0.4", "10")
	post.PostOnly = true
	status, body := tr.call("POST", "/orders", "["+plain.json()+","+post.json()+"]")
	var out []placement
	tr.read(body, &out)
	if status != 200 || !out[0].Success || out[0].OrderID != "" || out[0].ErrorMsg != string(errMode) || out[1].Status != "live" {
		t.Errorf("batch: %d %s", status, body)
	}
}

func TestFailedSettlementGivesEverythingBack(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		tr := w.trader("main")
		user := w.listen("/ws/user", auth(tr))
		token := marketOf("sandbox-coin").Tokens[0]
		w.s.SetFaults(func(f *Faults) { f.FailSettlement.Next = 1 })
		tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.52", "10"), "matched")
		sold := tr.limit("sandbox-coin", 0, "SELL", "0.6", "10010") // promises the shares that will not come
		tr.must(sold, "live")
		time.Sleep(time.Second)
		if cash, shares := tr.balance(""), tr.balance(token); cash != int64(fundedCash) || shares != int64(fundedShares) {
			t.Errorf("left with %d cash and %d shares", cash, shares)
		}
		var got []string
		for _, f := range user.take("trade") {
			got = append(got, f["status"].(string))
		}
		if strings.Join(got, " ") != "MATCHED RETRYING FAILED" {
			t.Errorf("statuses %v", got)
		}
		var o wireOrder
		if tr.get("/data/order/"+sold.id, &o); o.Status != "CANCELED" {
			t.Errorf("the order that is no longer covered is %s", o.Status)
		}
		w.s.SetFaults(func(f *Faults) { f.RetrySettlement.Next = 1 })
		user.forget()
		tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.52", "10"), "matched")
		time.Sleep(time.Second)
		got = nil
		for _, f := range user.take("trade") {
			got = append(got, f["status"].(string))
		}
		if strings.Join(got, " ") != "MATCHED RETRYING MINED CONFIRMED" {
			t.Errorf("statuses of a retry %v", got)
		}
		w.s.checkBooks(t)
	})
}

func TestForgottenHashIsTakenAgain(t *testing.T) {
	s, base := venue(t, Config{})
	tr := newTrader(t, base, http.DefaultClient, "main")
	filled, live := tr.limit("sandbox-coin", 0, "BUY", "0.52", "10"), tr.limit("sandbox-coin", 0, "BUY", "0.4", "10")
	first := tr.must(filled, "matched")
	tr.must(live, "live")
	s.SetFaults(func(f *Faults) { f.ForgetHash = true })
	if status, _ := tr.call("GET", "/data/order/"+filled.id, ""); status != 404 {
		t.Errorf("forgotten order answers %d", status)
	}
	if again := tr.must(filled, "matched"); again.TradeIDs[0] == first.TradeIDs[0] {
		t.Error("both fills have one trade id")
	}
	if p := tr.post(live); !strings.HasSuffix(p.ErrorMsg, "Duplicated.") {
		t.Errorf("an open order is never forgotten: %+v", p)
	}
	s.checkBooks(t)
}

func TestDelayedOrderIsHeldAndCannotBeCancelled(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		tr := w.trader("main")
		w.s.SetFaults(func(f *Faults) { f.DelayOrder.Next, f.DelayMS = 1, 1000 })
		o := tr.limit("sandbox-coin", 0, "BUY", "0.52", "10")
		tr.must(o, "delayed")
		if _, body := tr.call("DELETE", "/order", `{"orderID":"`+o.id+`"}`); !strings.Contains(body, `"canceled":[]`) {
			t.Errorf("cancel: %s", body)
		}
		var got wireOrder
		if tr.get("/data/order/"+o.id, &got); got.Status != "DELAYED" {
			t.Errorf("order is %s", got.Status)
		}
		time.Sleep(1100 * time.Millisecond)
		if tr.get("/data/order/"+o.id, &got); got.Status != "MATCHED" || len(got.AssociateTrades) != 1 {
			t.Errorf("afterwards: %+v", got)
		}
		w.s.checkBooks(t)
	})
}

func TestFrozenFeedAnswersPingOnly(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		tr := w.trader("main")
		market := w.listen("/ws/market", subscribe(marketOf("sandbox-coin").Tokens[0]))
		user := w.listen("/ws/user", auth(tr))
		w.s.SetFaults(func(f *Faults) { f.FreezeFeed = true })
		market.forget()
		tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.52", "10"), "matched")
		market.say("PING")
		user.say("PING")
		for _, l := range []*listener{market, user} {
			if texts, ended := l.heard(); len(l.frames) != 0 || len(texts) != 1 || ended {
				t.Errorf("frames %v, texts %v, ended %t", l.frames, texts, ended)
			}
		}
		w.s.SetFaults(func(f *Faults) { f.FreezeFeed = false })
		time.Sleep(time.Second)
		if len(user.take("trade")) == 0 {
			t.Error("the feed does not thaw")
		}
		w.s.CutSockets()
		if _, ended := market.heard(); !ended {
			t.Error("a cut socket lives")
		}
	})
}

func TestTickChangeIsToldAndRuled(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		tr, m := w.trader("main"), marketOf("sandbox-coin")
		l := w.listen("/ws/market", subscribe(m.Tokens[0]))
		if err := w.s.ChangeTick("sandbox-coin", "0.001"); err != nil {
			t.Fatal(err)
		}
		f := l.take("tick_size_change")
		if len(f) != 1 || f[0]["old_tick_size"] != "0.01" || f[0]["new_tick_size"] != "0.001" {
			t.Errorf("frames %v", f)
		}
		tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.405", "10"), "live")
		book := w.s.show("sandbox-coin", 0)
		bid, ask := book.Bids[len(book.Bids)-1].Price, book.Asks[len(book.Asks)-1].Price
		if book.TickSize != "0.001" || bid >= ask || len(book.Asks) < 5 {
			t.Errorf("quotes %+v", book)
		}
		for _, bad := range []string{"0.003", "0", "x", "1"} {
			if w.s.ChangeTick("sandbox-coin", bad) == nil {
				t.Errorf("tick %s was taken", bad)
			}
		}
	})
}

func TestRestartEndsInAPostOnlyWindow(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		tr := w.trader("main")
		w.s.Restart(5*time.Second, 10*time.Second)
		for _, want := range []string{"425", "503", "live"} {
			if p := tr.post(tr.limit("sandbox-coin", 0, "BUY", "0.4", "10")); p.Status != want {
				t.Errorf("%+v, want %s", p, want)
			}
			time.Sleep(10 * time.Second)
		}
	})
}

func TestHeartbeatGuardsTheOrdersOfAKey(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		tr, other := w.trader("main"), w.trader("second")
		place := func(tr *trader) string {
			o := tr.limit("sandbox-coin", 0, "BUY", "0.4", "10")
			tr.must(o, "live")
			return o.id
		}
		status := func(tr *trader, id string) string {
			var o wireOrder
			tr.get("/data/order/"+id, &o)
			return o.Status
		}
		beat := func(id string) (int, string) {
			code, body := tr.call("POST", "/v1/heartbeats", `{"heartbeat_id":"`+id+`"}`)
			var b struct {
				ID string `json:"heartbeat_id"`
			}
			tr.read(body, &b)
			return code, b.ID
		}
		mine, theirs := place(tr), place(other)
		_, id := beat("")
		for range 12 {
			time.Sleep(5 * time.Second)
			code, next := beat(id)
			if code != 200 {
				t.Fatalf("heartbeat: %d", code)
			}
			id = next
		}
		if code, expected := beat("stale"); code != 400 || expected != id {
			t.Errorf("stale id: %d, expected %s, want %s", code, expected, id)
		}
		if status(tr, mine) != "LIVE" {
			t.Error("order went although the heart beat")
		}
		time.Sleep(16 * time.Second)
		if got := status(tr, mine) + " " + status(other, theirs); got != "CANCELED LIVE" {
			t.Errorf("after silence: %s", got)
		}
		if code, _ := beat(""); code != 200 {
			t.Errorf("starting again: %d", code)
		}
		if code, body := tr.call("POST", "/heartbeats", ""); code != 200 || body != `{"status":"ok"}` {
			t.Errorf("old form: %d %s", code, body)
		}
	})
}

func TestFaultsCanBeSetFromOutside(t *testing.T) {
	s, base := venue(t, Config{})
	post := func(body string) (int, string) {
		res, err := http.Post(base+"/_sandbox/faults", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	if code, text := post(`{"drop_answer":{"next":2,"on":"/order"},"late_ms":70,"tick_change":{"market":"sandbox-dime","tick":"0.01"}}`); code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	post(`{"restarting":true}`)
	if f := s.Faults(); f.DropAnswer.Next != 2 || f.LateMS != 70 || !f.Restarting {
		t.Errorf("faults %+v", f)
	}
	for _, bad := range []string{`{"dorp_answer":{}}`, `{`, `{"tick_change":{"market":"none","tick":"0.01"}}`} {
		if code, _ := post(bad); code != 400 {
			t.Errorf("%s: %d", bad, code)
		}
	}
	if code, _ := post(`{"restarting":false,"server_error":{"next":1,"on":"GET /data/order/{id}"}}`); code != 200 {
		t.Errorf("fault on a path with an id: %d", code)
	}
	tr := newTrader(t, base, http.DefaultClient, "main")
	if code, _ := tr.call("GET", "/data/order/"+zeroBuilder, ""); code != 500 {
		t.Errorf("the path with an id answers %d", code)
	}
	if got := s.markets[1].tick; got != 10_000 {
		t.Errorf("tick %s", got)
	}
}

// By chance, but by the same chance at every start.
func TestChanceComesFromTheSeed(t *testing.T) {
	run := func(seed uint64) (out string) {
		s, base := venue(t, Config{Seed: seed})
		tr := newTrader(t, base, http.DefaultClient, "main")
		s.SetFaults(func(f *Faults) { f.ServerError = Fault{PerMille: 500, On: "GET /time"} })
		for range 40 {
			status, _ := tr.send("GET", "/time", "", nil)
			out += string(rune('0' + status/100))
		}
		return out
	}
	if a, b, c := run(1), run(1), run(2); a != b || a == c || !strings.Contains(a, "2") || !strings.Contains(a, "5") {
		t.Errorf("runs %s %s %s", a, b, c)
	}
}
