package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"sluice/pkg/money"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// People write these addresses and ids into their programs: they never change.
func TestAccountsAndMarketsAreTheSameAtEveryStart(t *testing.T) {
	got := append(mustIndent(t, map[string]any{"accounts": Accounts(), "markets": Markets()}), '\n')
	if *update {
		if err := os.WriteFile("testdata/seed.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/seed.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("accounts or markets changed:\n%s", got)
	}
}

func mustIndent(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEachTickHasAMarketWithBothSidesQuoted(t *testing.T) {
	s, _ := venue(t, Config{})
	ticks, negRisk := map[money.Price]bool{}, 0
	for _, m := range s.markets {
		ticks[m.tick] = true
		if m.NegRisk {
			negRisk++
		}
		for i, token := range m.Tokens {
			book := m.view(i)
			if len(book.Bids) < 4 || len(book.Asks) < 4 {
				t.Errorf("%s %s: %d bids, %d asks", m.Slug, token, len(book.Bids), len(book.Asks))
			}
			for _, l := range append(book.Bids, book.Asks...) {
				if l.Price%m.tick != 0 || l.Price <= 0 || l.Price >= money.Unit {
					t.Errorf("%s quotes %s off its tick %s", m.Slug, l.Price, m.tick)
				}
			}
			bid, ask := book.Bids[len(book.Bids)-1], book.Asks[len(book.Asks)-1]
			if bid.Price >= ask.Price || bid.Size < 200*money.Unit || ask.Size < 200*money.Unit {
				t.Errorf("%s: best %v and %v", m.Slug, bid, ask)
			}
		}
	}
	if len(ticks) != 6 || negRisk != 1 {
		t.Errorf("ticks %v, %d neg-risk markets", ticks, negRisk)
	}
}

func TestURLFileLeadsToARunningSandbox(t *testing.T) {
	s, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "urls.json")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, file) }()
	newTrader(t, "http://"+l.Addr().String(), http.DefaultClient, "main") // answers once the file is there
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]json.RawMessage
	var u URLs
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"clob", "ws_market", "ws_user", "gamma", "data", "relayer", "rpc", "accounts", "markets"} {
		if keys[k] == nil {
			t.Errorf("no %s in %s", k, text)
		}
	}
	if err := json.Unmarshal(text, &u); err != nil || u.CLOB != "http://"+l.Addr().String() || len(u.Accounts) != 5 || len(u.Markets) != 7 {
		t.Errorf("url file: %+v, %v", u, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("serve: %v", err)
	}
}
