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
