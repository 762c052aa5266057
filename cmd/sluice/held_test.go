package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// The doctor says of a held account what its last start has found and what to do, and resume --accept is what it advises.
func TestDoctorExplainsAHeldAccount(t *testing.T) {
	b := startBus(t, "sandbox", "main")
	nc := b.service(t)
	held := msgs.StatusAnswer{Account: "main", Env: msgs.Sandbox, Venue: "ok", Owner: "one", Doubts: []msgs.Error{
		{Code: msgs.LogRolledBack, Cause: "the ledger has booked event 1843 of this log, which ends at 1500", Fix: "put back the newest copy; or sluice resume --accept"}}}
	text, err := json.Marshal(held)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Subscribe(msgs.SvcSubject("executor", "main", "status"), func(m *nats.Msg) { _ = m.Respond(text) }); err != nil {
		t.Fatal(err)
	}
	where := []string{"--nats", b.ClientURL(), "--data", b.dir}
	c := doctorOf(t, call(t, append([]string{"doctor", "-o", "json", "--clob", "http://127.0.0.1:1", "--http", "127.0.0.1:1"}, where...)...))
	if f := c.finding(t, "account main"); f.Error.Code != "false" || !strings.Contains(f.Error.Cause, "HELD") || f.Error.Fix == "" {
		t.Errorf("of the account the doctor says %+v", f)
	}
	if f := c.finding(t, "log of main"); f.Error.Code != "false" || !strings.Contains(f.Error.Cause, "ends at 1500") || !strings.Contains(f.Error.Fix, "sluice resume --accept") {
		t.Errorf("of the log the doctor says %+v", f)
	}

	call(t, append([]string{"resume", "--account", "main", "--accept", "--timeout", "1ms"}, where...)...)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ask, err := js.Stream(t.Context(), msgs.AskStream("main"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := ask.GetLastMsgForSubject(t.Context(), msgs.CmdSubject(msgs.FamilyControl, "main", msgs.VerbResume))
	if err != nil || !strings.Contains(string(m.Data), `"accept":true`) {
		t.Errorf("resume --accept sends %v, %v", m, err)
	}
}

// The doctor names the limit under which the venue has refused requests, the likeliest cause and what helps; what was long ago is told and
// is no failure. So does the status of the limits.
func TestDoctorNamesTheCauseOfRefusals(t *testing.T) {
	t.Run("S1-14 causes are named", func(t *testing.T) {
		b := startBus(t, "sandbox", "main")
		text, err := json.Marshal(msgs.StatusAnswer{Account: "main", Env: msgs.Sandbox, Venue: "ok", Owner: "one", AsOfMS: 10_000_000, Throttles: []msgs.Throttle{
			{Scope: "ip", Layer: "clob book", Count: 7, LastMS: 10_000_000 - 3_000, Cause: "polling", Means: "asked again and again", Fix: "listen to md.>"},
			{Scope: "signer", Layer: "signer orders", Count: 2, LastMS: 10_000_000 - 3_600_000, Cause: "others", Means: "somebody else", Fix: "stop them"}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.service(t).Subscribe(msgs.SvcSubject("executor", "main", "status"), func(m *nats.Msg) { _ = m.Respond(text) }); err != nil {
			t.Fatal(err)
		}
		where := []string{"--nats", b.ClientURL(), "--data", b.dir}
		c := doctorOf(t, call(t, append([]string{"doctor", "-o", "json", "--clob", "http://127.0.0.1:1", "--http", "127.0.0.1:1"}, where...)...))
		if f := c.finding(t, "limit clob book of main"); f.Error.Code != "false" || !strings.Contains(f.Error.Cause, "refused 7 requests") || !strings.Contains(f.Error.Cause, "asked again and again") || f.Error.Fix != "listen to md.>" {
			t.Errorf("of what was refused just now the doctor says %+v", f)
		}
		if f := c.finding(t, "limit signer orders of main"); f.Error.Code != "true" || !strings.Contains(f.Error.Cause, "1h0m0s ago: somebody else") {
			t.Errorf("of what was refused an hour ago the doctor says %+v", f)
		}
		says(t, "limits status", ok(t, append([]string{"limits", "status", "--account", "main"}, where[:2]...)...), "clob book", "7 refused", "asked again and again")
	})
}
