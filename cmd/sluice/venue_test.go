package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// venues are a sandbox and something that is none.
func venues(t *testing.T) (box, other *httptest.Server) {
	t.Helper()
	s, err := sandbox.New(sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	box, other = httptest.NewServer(s.Handler()), httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(func() {
		box.Close()
		other.Close()
		s.Close()
	})
	return box, other
}

func inEnv(ctx context.Context, env string) *app {
	return &app{ctx: ctx, cli: &cli{Env: env}, config: &file{path: "sluice.yaml"}, getenv: func(string) string { return "" }}
}

func TestVenueOfTheOtherKindIsRefused(t *testing.T) {
	box, other := venues(t)
	for _, c := range []struct{ env, base, fix string }{
		{"sandbox", other.URL, "sluice sandbox"},
		{"live", box.URL, "--clob"},
		{"paper", box.URL, "--clob"},
		{"live", strings.Replace(box.URL, "http://", "ws://", 1) + "/ws/user", "--ws-user"},
		{"sandbox", "not a URL", "http://host:port"},
	} {
		err := inEnv(t.Context(), c.env).checkVenue(slog.New(slog.DiscardHandler), c.base)
		e, is := errors.AsType[*msgs.Error](err)
		if !is || e.Cause == "" || !strings.Contains(e.Fix, c.fix) {
			t.Errorf("env %s at %s: %v", c.env, c.base, err)
		}
	}
	for env, base := range map[string]string{"sandbox": box.URL, "live": other.URL} {
		if err := inEnv(t.Context(), env).checkVenue(slog.New(slog.DiscardHandler), base, strings.Replace(base, "http", "ws", 1)+"/ws/market"); err != nil {
			t.Errorf("env %s at its own kind of venue: %v", env, err)
		}
	}
}

// A real host is known by its name and refused before anything is dialled: the context has ended, so that an attempt to
// dial would be another error.
func TestRealVenueIsRefusedByNameInTheSandbox(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, base := range []string{"https://clob.polymarket.com", "https://POLYMARKET.com/", "wss://ws-subscriptions-clob.polymarket.com/ws/user"} {
		e, is := errors.AsType[*msgs.Error](inEnv(ended, "sandbox").checkVenue(slog.New(slog.DiscardHandler), base))
		if !is || e.Code != "wrong_venue" || !strings.Contains(e.Fix, "--live") {
			t.Errorf("%s: %v", base, e)
		}
		if err := inEnv(ended, "live").checkVenue(slog.New(slog.DiscardHandler), base); err != nil {
			t.Errorf("%s when live: %v", base, err)
		}
	}
	if e, _ := errors.AsType[*msgs.Error](inEnv(ended, "sandbox").checkVenue(slog.New(slog.DiscardHandler), "http://notpolymarket.com")); e == nil || e.Code != "interrupted" {
		t.Errorf("a host that only ends like it: %v", e)
	}
	for _, cmd := range [][]string{{"executor", "--clob", "https://clob.polymarket.com"}, {"ingest", "--clob", "https://clob.polymarket.com"}} {
		f := call(t, append(cmd, "-o", "json", "--nats", "nats://127.0.0.1:1", "--data", t.TempDir())...).failure(t)
		if f.Error.Code != "wrong_venue" {
			t.Errorf("%v: %+v", cmd, f)
		}
	}
}

func TestVenueBelongsToTheEnv(t *testing.T) {
	if v := (venueFlags{}).in("sandbox"); !strings.HasPrefix(v.CLOB, "http://127.0.0.1:") || !strings.HasPrefix(v.WSUser, "ws://127.0.0.1:") {
		t.Errorf("sandbox: %+v", v)
	}
	if v := (venueFlags{WSUser: "wss://mine"}).in("live"); v.CLOB != "https://clob.polymarket.com" || v.WSUser != "wss://mine" {
		t.Errorf("live: %+v", v)
	}
}

func TestSandboxServesWhereItSays(t *testing.T) {
	file := t.TempDir() + "/sandbox.json"
	p := spawn(t, nil, "sandbox", "--listen", "127.0.0.1:0", "--url-file", file)
	var urls sandbox.URLs
	var deployed struct{ Deployed bool }
	eventually(t, "the URL file is there", func() bool {
		b, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &urls); err != nil {
			t.Fatalf("not whole at first sight: %v\n%s", err, b)
		}
		return true
	})
	owner := urls.Accounts[0]
	getJSON(t, urls.Relayer+"/deployed?address="+owner.Funder, &deployed)
	if !deployed.Deployed || len(urls.Builders) == 0 || urls.RelayerKeys[owner.Name] == "" {
		t.Errorf("the relayer at %q knows of %+v, %d builders, keys %v", urls.Relayer, deployed, len(urls.Builders), urls.RelayerKeys)
	}
	answer, err := http.Post(urls.RPC, "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(text), `"result":"0x89"`) {
		t.Errorf("the chain answers %s, %v", text, err)
	}
	kinds, ticks, negRisk := map[int]bool{}, map[string]bool{}, 0
	for _, a := range urls.Accounts {
		kinds[a.SignatureType] = true
		if key, err := polymarket.ParseKey(a.PrivateKey); err != nil || !strings.EqualFold(key.Address().String(), a.Address) || a.Name == "" || a.Funder == "" {
			t.Errorf("account %+v: %v", a, err)
		}
	}
	for _, m := range urls.Markets {
		ticks[m.TickSize] = true
		if m.NegRisk {
			negRisk++
		}
		if m.Slug == "" || len(m.ConditionID) != 66 || m.Tokens[0] == "" || m.Tokens[1] == "" {
			t.Errorf("market %+v", m)
		}
		for _, token := range m.Tokens {
			var book struct{ Bids, Asks []any }
			getJSON(t, urls.CLOB+"/book?token_id="+token, &book)
			if len(book.Bids) == 0 || len(book.Asks) == 0 {
				t.Errorf("market %s has no liquidity on one side", m.Slug)
			}
		}
	}
	for _, tick := range []string{"0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001"} {
		if !ticks[tick] {
			t.Errorf("no market with tick %s", tick)
		}
	}
	if len(kinds) != 4 || negRisk != 1 {
		t.Errorf("wallet kinds %v, %d neg-risk markets", kinds, negRisk)
	}
	for _, ws := range []string{urls.WSMarket, urls.WSUser} {
		if !strings.HasPrefix(ws, "ws://127.0.0.1:") {
			t.Errorf("socket %q", ws)
		}
	}
	line, err := p.out.ReadString('\n')
	if err != nil || !strings.Contains(line, "VENUE") {
		t.Errorf("greeting %q: %v", line, err)
	}
	if r := p.end(t, syscall.SIGINT); r.code != 0 || !strings.Contains(r.out, urls.CLOB) {
		t.Errorf("code %d: %s%s", r.code, r.out, r.err)
	}
}

// With --enforce-limits the venue answers 429 above its limits, without it never: the same burst of requests shows both.
func TestSandboxEnforcesLimitsWhenAsked(t *testing.T) {
	for _, enforce := range []bool{false, true} {
		args := []string{"sandbox", "-o", "json", "--listen", "127.0.0.1:0"}
		if enforce {
			args = append(args, "--enforce-limits")
		}
		p := spawn(t, nil, args...)
		line, err := p.out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		var urls sandbox.URLs
		one(t, line, &urls)
		tooMany := 0
		for range 200 { // twice what GET /ok may in ten seconds
			r, err := http.Get(urls.CLOB + "/ok")
			if err != nil {
				t.Fatal(err)
			}
			r.Body.Close()
			if r.StatusCode == http.StatusTooManyRequests {
				tooMany++
			}
		}
		if (tooMany > 0) != enforce {
			t.Errorf("enforce %v: %d answers of 429", enforce, tooMany)
		}
	}
	refused(t, call(t, "sandbox", "--live", "--listen", "127.0.0.1:0"), "live", "--live")
}

func getJSON(t *testing.T, url string, into any) {
	t.Helper()
	text, err := get(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%s: %v in %s", url, err, text)
	}
}
