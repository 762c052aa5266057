package main

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	_ "modernc.org/sqlite" // to change the books behind the ledger's back

	"sluice/pkg/msgs"
)

// The tools of the ledger against a running plant: what is there, what has changed it, and whether the books are whole.
// A row that is changed while nobody looks is found, and the exit code says so.
func TestLedgerIsAskedAndVerified(t *testing.T) {
	dir := t.TempDir()
	r := up(t, dir, nil)
	id := buy(t, r)
	var text string
	eventually(t, "the purchase is settled", func() bool {
		text = ok(t, "ledger", "balances", "--nats", r.NATS, "-o", "json")
		return strings.Contains(text, `"unsettled_out":"0"`) && !strings.Contains(text, `"total":"100000"`)
	})
	var b struct {
		Cash      struct{ Total, Held, Available string }
		Positions []struct{ Outcome, Total string }
	}
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	if b.Cash.Total != b.Cash.Available || b.Cash.Held != "0" || len(b.Positions) < 14 || b.Positions[0].Outcome == "" {
		t.Errorf("balances %s", text)
	}
	says(t, "history", ok(t, "ledger", "history", "--nats", r.NATS, "--cash"), "minted", "order.settled", id)
	says(t, "verify", ok(t, "ledger", "verify", "--nats", r.NATS, "--data", dir), "main", "whole")

	empty(t, busFlags{NATS: r.NATS, Data: dir}, "evt.ledger.main")
	if e := call(t, "ledger", "verify", "--nats", r.NATS, "--data", dir); e.code != exitFailed || !strings.Contains(e.out, "evt.ledger.main was emptied") {
		t.Errorf("with nothing to compare: code %d, %s%s", e.code, e.out, e.err)
	}
	says(t, "verify --offline", ok(t, "ledger", "verify", "--offline", "--data", dir), "main", "whole")

	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "ledger", "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, change := range []string{"DROP TRIGGER posting_stays", "UPDATE posting SET amount = amount + 1 WHERE entry = 1 AND line = 'wallet'"} {
		if _, err := db.Exec(change); err != nil {
			t.Fatal(err)
		}
	}
	e := call(t, "ledger", "verify", "--nats", r.NATS, "--data", dir, "-o", "json")
	if e.code != exitFailed || !strings.Contains(e.out, `"content":false`) || !strings.Contains(e.out, "entry 1") {
		t.Errorf("after a change: code %d, %s%s", e.code, e.out, e.err)
	}
}

// empty removes every message of a subject of main's log.
func empty(t *testing.T, bus busFlags, subject string) {
	t.Helper()
	nc, err := bus.service()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetStream(nc)
	if err != nil {
		t.Fatal(err)
	}
	log, err := js.Stream(t.Context(), msgs.LogStream("main"))
	if err == nil {
		err = log.Purge(t.Context(), jetstream.WithPurgeSubject(subject))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestLedgerOfARealAccountIsRefused(t *testing.T) {
	e := call(t, "ledger", "--env", "live", "-o", "json")
	if e.code != exitFailed || !strings.Contains(e.err, `"not_capable"`) {
		t.Errorf("code %d, %s%s", e.code, e.out, e.err)
	}
}
