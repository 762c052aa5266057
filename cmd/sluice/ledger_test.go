package main

import (
	"database/sql"
	"encoding/json"
	"math/big"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/nats-io/nats.go/jetstream"
	_ "modernc.org/sqlite" // to change the books behind the ledger's back

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
	"sluice/services/ledger"
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

// Books of a real chain are kept by its final logs: nobody guesses at which endpoints, and from which block on.
func TestLedgerOfARealAccountNeedsEndpointsAndABlock(t *testing.T) {
	key, _ := newKey(t)
	t.Setenv("POLYMARKET_PRIVATE_KEY", key)
	for _, c := range []struct {
		code, fix string
		flags     []string
	}{
		{"no_rpc", "--rpc", nil},
		{"bad_rpc", "https://host/path", []string{"--rpc", "ftp://127.0.0.1/"}},
		{"no_from_block", "--from-block", []string{"--rpc", "http://127.0.0.1:1"}},
	} {
		args := append([]string{"ledger", "--env", "live", "-o", "json", "--nats", "nats://127.0.0.1:1", "--data", t.TempDir()}, c.flags...)
		if f := call(t, args...).failure(t); f.Error.Code != c.code || !strings.Contains(f.Error.Fix, c.fix) {
			t.Errorf("%v: %+v", c.flags, f)
		}
	}
}

// A ledger that follows the chain by its final logs has what the contracts say, from the start, after a trade and after work on chain, and its books
// are whole; after a restart of everything the chain is another one, and so are the balances.
func TestLedgerOfFinalLogsHasWhatTheContractsSay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		r := up(t, dir, nil, "--final-logs")
		buy(t, r)
		ok(t, r.tool("tx", "split", "--market", "sandbox-coin", "--amount", "5", "--urgency", "high")...)
		var b msgs.BalancesAnswer
		eventually(t, "the purchase and the split are final on the chain and in the books", func() bool {
			one(t, ok(t, "ledger", "balances", "--nats", r.NATS, "-o", "json"), &b)
			return b.Cash.UnsettledOut == 0 && b.Cash.Total < 99_990*money.Unit && b.Cash.Total > 99_000*money.Unit
		})
		client, err := ethclient.DialContext(t.Context(), r.RPC)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		for _, p := range b.Positions {
			if got := sharesOf(t, client, p.TokenID); got != int64(p.Total) {
				t.Errorf("the contract has %d of %s, the books %s", got, p.TokenID, p.Total)
			}
		}
		if len(b.Positions) < 14 {
			t.Errorf("%d positions, want those of seven markets", len(b.Positions))
		}
		says(t, "verify", ok(t, "ledger", "verify", "--nats", r.NATS, "--data", dir), "main", "whole")
		if e := r.end(t, syscall.SIGTERM); e.code != 0 {
			t.Fatalf("code %d: %s", e.code, e.err)
		}
	}
}

// sharesOf is what the contract says that main has of a token.
func sharesOf(t *testing.T, client *ethclient.Client, token msgs.TokenID) int64 {
	t.Helper()
	at, err := polymarket.ContractsOn(polymarket.Polygon)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := ledger.TokenIDs([]msgs.TokenID{token})
	if err != nil {
		t.Fatal(err)
	}
	data := append(common.FromHex("0x00fdd58e"), common.LeftPadBytes(common.HexToAddress(sandbox.Accounts()[0].Funder).Bytes(), 32)...)
	b, err := client.CallContract(t.Context(), ethereum.CallMsg{To: &at.ConditionalTokens, Data: append(data, ids[0].FillBytes(make([]byte, 32))...)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return new(big.Int).SetBytes(b).Int64()
}
