package polymarket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// receipt is the relayer's answer to a submit.
const receipt = `{"transactionID":"28c4d2eb-bbea-40e7-a9f0-b2fdb56b2c2e","state":"STATE_NEW","transactionHash":null}`

// roundTrip is a transport that never touches a network.
type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func builderForTests() BuilderCredentials {
	return BuilderCredentials{Key: "00000000-0000-4000-8000-000000000001", Secret: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", Passphrase: "p"}
}

func (v *venue) relayer() *Relayer {
	return &Relayer{BaseURL: "http://venue.test/", HTTP: &http.Client{Transport: v.client}, Auth: builderForTests()}
}

// submission is a request whose body the venue of these tests counts.
func submission(t *testing.T) RelayerRequest {
	t.Helper()
	c, key := polygonContracts(t), mustKey(t, walletKey)
	s, err := SignSafeTx(key, SafeTx{Polygon, c.SafeWallet(key.Address()), c.Redeem(false, Hash{1}), 4}, allowAll)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Request(`{"salt":1}`) // the mark by which startVenue counts, escaped in JSON
	if err != nil {
		t.Fatal(err)
	}
	r.Body = append(r.Body[:len(r.Body)-1], `,"salt":1}`...)
	return r
}

func relayerError(t *testing.T, err error) *RelayerError {
	t.Helper()
	var e *RelayerError
	if !errors.As(err, &e) {
		t.Fatalf("%v is no relayer error", err)
	}
	return e
}

// TestSubmitIsAuthenticatedAndLeavesOnce reads what arrives: the same bytes that were signed, with the builder's headers over them.
func TestSubmitIsAuthenticatedAndLeavesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := submission(t)
		v := startVenue(t, func(w http.ResponseWriter, r *http.Request) {
			want := BuilderHeaders(builderForTests(), time.Now().Unix(), "POST", "/submit", q.Body)
			for name := range want {
				if got := r.Header[http.CanonicalHeaderKey(name)]; len(got) != 1 || got[0] != want[name][0] {
					t.Errorf("%s: %q, want %q", name, got, want[name])
				}
			}
			if r.Method != "POST" || r.URL.Path != "/submit" || r.URL.RawQuery != "" || r.ContentLength != int64(len(q.Body)) {
				t.Errorf("%s %s with %d bytes", r.Method, r.URL, r.ContentLength)
			}
			_, _ = io.WriteString(w, receipt)
		})
		got, reply, err := v.relayer().Submit(t.Context(), q, time.Now().Add(time.Second))
		if err != nil || got != (Submitted{ID: "28c4d2eb-bbea-40e7-a9f0-b2fdb56b2c2e", State: TxNew}) || reply.Status != 200 || v.orders.Load() != 1 {
			t.Errorf("%+v, %+v, %v, %d submits", got, reply, err, v.orders.Load())
		}
	})
}

// TestLostAnswerOfASubmitMayHaveBeenAccepted: once the body may be on its way, only an answer in the relayer's own words is a no.
func TestLostAnswerOfASubmitMayHaveBeenAccepted(t *testing.T) {
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	says := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = io.WriteString(w, body) }
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		reason  RelayerReason
	}{
		"connection dies": {abort, RelayerLost},
		"silence":         {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, RelayerLost},
		"cut short": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, receipt)
			abort(w, r)
		}, RelayerLost},
		"redirect":           {says(307, ""), RelayerNotUnderstood},
		"page with 200":      {says(200, "<html>"), RelayerNotUnderstood},
		"page with 400":      {says(400, "<html>Bad Request</html>"), RelayerNotUnderstood},
		"page with 502":      {says(502, "<html>cloudflare</html>"), RelayerDown},
		"error with 500":     {says(500, `{"error":"internal"}`), RelayerDown},
		"receipt without id": {says(200, `{"state":"STATE_NEW"}`), RelayerNotUnderstood},
		"nothing":            {says(200, ``), RelayerNotUnderstood},
		"refusal by timeout": {says(400, `{"error":"context deadline exceeded"}`), RelayerNotUnderstood},
		"request timeout":    {says(408, `{"error":"request timeout"}`), RelayerNotUnderstood},
		"conflict":           {says(409, `{"error":"exists"}`), RelayerNotUnderstood},
		"not said":           {says(400, `{}`), RelayerNotUnderstood},
		"down by its words":  {says(400, `{"error":"service temporarily unavailable"}`), RelayerDown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := startVenue(t, c.handler)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				_, _, err := v.relayer().Submit(ctx, submission(t), time.Now().Add(2*time.Second))
				e := relayerError(t, err)
				if e.Reason != c.reason || !e.MayBeAccepted() || e.Refuses() || !e.MayBeCharged() || v.orders.Load() != 1 {
					t.Errorf("%v: may be accepted %t, charged %t, %d arrived; want %s", e, e.MayBeAccepted(), e.MayBeCharged(), v.orders.Load(), c.reason)
				}
			})
		})
	}
}

// TestRefusedSubmitIsNotAccepted: each kind of refusal is told by its reason, for good, with the time that the relayer names.
func TestRefusedSubmitIsNotAccepted(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		body    string
		reason  RelayerReason
		after   time.Duration
		charged bool
		refuses bool
	}{
		"quota":              {429, `{"error":"quota exceeded: 0 units remaining, resets in 68000 seconds"}`, RelayerQuota, 68000 * time.Second, false, true},
		"quota, other words": {429, `{"error":{"message":"Quota Exceeded, Resets in 68000s"}}`, RelayerQuota, 68000 * time.Second, false, true},
		"quota in hours":     {429, `Quota exceeded: resets in 3 hours`, RelayerQuota, 3 * time.Hour, false, true},
		"minute":             {429, `{"error":"too many requests"}`, RelayerRateLimited, 0, false, true},
		"page of an edge":    {429, `<html>1015</html>`, RelayerRateLimited, 0, false, true},
		"busy":               {400, `{"error":"wallet busy: active action"}`, RelayerWalletBusy, 0, true, false},
		"in flight":          {400, `{"error":"in-flight action exists for wallet"}`, RelayerWalletBusy, 0, true, false},
		"nonce":              {400, `{"error":"batch nonce 3 does not match on-chain nonce 4"}`, RelayerNonce, 0, true, false},
		"a new wallet":       {400, `{"error":"wallet registry validation failed: wallet 0x4c5d is not registered"}`, RelayerStranger, 0, true, true},
		"blocked":            {400, `{"error":"call blocked: target not allowed"}`, RelayerCallBlocked, 0, true, true},
		"blocked by status":  {403, `{"error":"call blocked: self call"}`, RelayerCallBlocked, 0, true, true},
		"would revert":       {400, `execution reverted: SafeMath`, RelayerPrecheck, 0, true, true},
		"login":              {401, `{"error":"invalid authorization"}`, RelayerUnauthorised, 0, false, true},
		"login by page":      {401, `<html>`, RelayerUnauthorised, 0, false, true},
		"place":              {403, `<html>`, RelayerForbidden, 0, true, true},
		"anything else":      {400, `{"error":"invalid signature"}`, RelayerRejected, 0, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := startVenue(t, func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(c.status)
					_, _ = io.WriteString(w, c.body)
				})
				_, reply, err := v.relayer().Submit(t.Context(), submission(t), time.Time{})
				e := relayerError(t, err)
				if e.Reason != c.reason || e.After != c.after || e.Named != (c.after > 0) || e.Status != c.status || reply.Status != c.status {
					t.Errorf("%+v, want %s after %s", e, c.reason, c.after)
				}
				if e.MayBeAccepted() || e.MayBeCharged() != c.charged || e.Refuses() != c.refuses {
					t.Errorf("accepted %t, charged %t, refused %t", e.MayBeAccepted(), e.MayBeCharged(), e.Refuses())
				}
				if !strings.Contains(e.Error(), string(c.reason)) || !strings.Contains(e.Error(), e.Fix()) {
					t.Errorf("a person reads only %q", e)
				}
				var back RelayerError
				text, err := json.Marshal(e)
				if err != nil || json.Unmarshal(text, &back) != nil || back.Error() != e.Error() || back.Refuses() != e.Refuses() || back.MayBeAccepted() {
					t.Errorf("came back as %+v", back)
				}
			})
		})
	}
}

// TestSubmitWithoutPermitNeverLeaves: no connection, no credentials, no permit, no time. Nothing arrives, now or later.
func TestSubmitWithoutPermitNeverLeaves(t *testing.T) {
	refusal := errors.New("no permit")
	for name, change := range map[string]func(*venue, *Relayer){
		"no permit": func(_ *venue, r *Relayer) {
			r.HTTP = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, refusal })}
		},
		"no credentials": func(_ *venue, r *Relayer) { r.Auth = nil },
		"no client":      func(_ *venue, r *Relayer) { r.HTTP = nil },
		"no connection":  func(v *venue, _ *Relayer) { v.dial = func(context.Context) error { return io.ErrClosedPipe } },
		"too late": func(v *venue, _ *Relayer) {
			v.dial = func(context.Context) error { time.Sleep(3 * time.Second); return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := startVenue(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, receipt) })
				r := v.relayer()
				change(v, r)
				_, _, err := r.Submit(t.Context(), submission(t), time.Now().Add(2*time.Second))
				e := relayerError(t, err)
				if want := map[bool]RelayerReason{true: RelayerNoLogin, false: RelayerNeverLeft}[name == "no credentials"]; e.Reason != want || e.MayBeAccepted() || e.MayBeCharged() || !e.Refuses() {
					t.Errorf("%+v", e)
				}
				if name == "no permit" && !errors.Is(err, refusal) {
					t.Errorf("%v does not say why", err)
				}
				time.Sleep(time.Minute)
				if n := v.orders.Load(); n != 0 {
					t.Errorf("%d arrived all the same", n)
				}
			})
		})
	}
}

func TestRefusalStandsWithoutItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := startVenue(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Header().Set("Retry-After", "4")
			w.WriteHeader(http.StatusTooManyRequests)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})
		_, _, err := v.relayer().Submit(t.Context(), submission(t), time.Time{})
		if e := relayerError(t, err); e.Reason != RelayerRateLimited || e.After != 4*time.Second {
			t.Errorf("%+v", e)
		}
	})
}

// answering is a relayer that answers every call with a body.
func answering(t *testing.T, want, body string, auth bool) *Relayer {
	return &Relayer{BaseURL: "http://venue.test", Auth: RelayerCredentials{Key: "k", Address: Address{1}}, HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if got := r.Method + " " + r.URL.RequestURI(); got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
		for name, value := range map[string]string{headerRelayerKey: "k", headerRelayerAddress: Address{1}.Hex()} {
			if got := r.Header[name]; (len(got) == 1 && got[0] == value) != auth {
				t.Errorf("%s: %s %q", want, name, got)
			}
		}
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
	})}}
}

func TestReadsAskAsTheOfficialClientDoes(t *testing.T) {
	owner, ctx := Address{0xab}, t.Context()
	at := owner.Hex()
	for _, body := range []string{`{"nonce":"7"}`, `{"nonce":7}`} {
		for kind, name := range map[WalletKind]string{Safe: "SAFE", Deposit: "WALLET", Proxy: "PROXY"} {
			if n, err := answering(t, "GET /nonce?address="+at+"&type="+name, body, false).Nonce(ctx, owner, kind); err != nil || n != 7 {
				t.Errorf("%s: %d, %v", name, n, err)
			}
		}
	}
	relay := "0xae700edfd9ab986395f3999fe11177b9903a52f1"
	p, err := answering(t, "GET /relay-payload?address="+at+"&type=PROXY", `{"address":"`+relay+`","nonce":"3"}`, false).RelayPayload(ctx, owner)
	if err != nil || p != (RelayPayload{relay, 3}) {
		t.Errorf("payload %+v, %v", p, err)
	}
	for kind, query := range map[WalletKind]string{Safe: "", Deposit: "&type=WALLET"} {
		for want, body := range map[bool]string{true: `{"deployed":true}`, false: `{"deployed":false}`} {
			if got, err := answering(t, "GET /deployed?address="+at+query, body, false).Deployed(ctx, owner, kind); err != nil || got != want {
				t.Errorf("%s: %t, %v", kind, got, err)
			}
		}
	}
	if _, err := answering(t, "", "", false).Nonce(ctx, owner, EOA); !errors.Is(err, ErrNoWalletKind) || relayerError(t, err).MayBeAccepted() {
		t.Errorf("nonce of an account: %v", err)
	}
}

func TestAnswersOfAnotherShapeAreNotBelieved(t *testing.T) {
	ctx := t.Context()
	for name, ask := range map[string]func(*Relayer) error{
		"nonce":    func(r *Relayer) error { _, err := r.Nonce(ctx, Address{}, Safe); return err },
		"payload":  func(r *Relayer) error { _, err := r.RelayPayload(ctx, Address{}); return err },
		"deployed": func(r *Relayer) error { _, err := r.Deployed(ctx, Address{}, Safe); return err },
	} {
		for _, body := range []string{``, `<html>`, `[]`, `{}`, `null`, `{"nonce":"-1","deployed":"maybe"}`, `{"nonce":"1.5","address":"0x12"}`, `{"nonce":"18446744073709551616"}`} {
			r := &Relayer{BaseURL: "http://venue.test", HTTP: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
			})}}
			if e := relayerError(t, ask(r)); e.Reason != RelayerNotUnderstood || e.MayBeAccepted() || e.MayBeCharged() {
				t.Errorf("%s of %q: %+v", name, body, e)
			}
		}
	}
}

// TestTransactionsAreFoundByTheirSignature: what is looked for after a lost answer is recognised whatever id it got.
func TestTransactionsAreFoundByTheirSignature(t *testing.T) {
	q, ctx := submission(t), t.Context()
	row := fmt.Sprintf(`{"transactionID":"id-1","transactionHash":"0xAB","from":"0xAA","to":"0xBB","proxyAddress":"0xD1","data":"0x","nonce":"60","value":"","signature":"0x%X",
		"state":"STATE_CONFIRMED","type":"SAFE","owner":"0xAA","metadata":"m","createdAt":"2026-11-11T22:26:40.819782Z","updatedAt":"2026-11-11T22:27:06.576639Z"}`, q.Signature)
	list, err := answering(t, "GET /transactions", "["+row+`,{"transactionID":"id-2","state":"STATE_NEW"}]`, true).Transactions(ctx)
	if err != nil || len(list) != 2 || !list[0].Is(q) || list[1].Is(q) || list[1].Is(RelayerRequest{}) {
		t.Fatalf("%+v, %v", list, err)
	}
	want := Submitted{"id-1", TxConfirmed, "0xab"}
	if got := list[0]; got.Submitted != want || got.Wallet != "0xd1" || got.Nonce != "60" || got.CreatedAt.Nanosecond() != 819782000 || !got.State.Final() || list[1].State.Final() {
		t.Errorf("%+v", got)
	}
	one, found, err := answering(t, "GET /transaction?id=id-1", "["+row+"]", false).Transaction(ctx, "id-1")
	if err != nil || !found || one.Submitted != want {
		t.Errorf("%+v, %t, %v", one, found, err)
	}
	if _, found, err := answering(t, "GET /transaction?id=id-1", "[]", false).Transaction(ctx, "id-1"); err != nil || found {
		t.Errorf("not there yet: %t, %v", found, err)
	}
	for _, bad := range []string{`{"a":1}`, `[1]`, `"x"`, `[{"transactionID":"id-9","state":"STATE_NEW"}]`} {
		if _, found, err := answering(t, "GET /transaction?id=id-1", bad, false).Transaction(ctx, "id-1"); err == nil || found {
			t.Errorf("%s: %t, %v", bad, found, err)
		}
	}
}

// TestProxyFallsBackOnlyAfterARefusal: no other evidence gives a proxy wallet's own-gas call.
func TestProxyFallsBackOnlyAfterARefusal(t *testing.T) {
	c, key := polygonContracts(t), mustKey(t, walletKey)
	s, err := SignProxyTx(key, ProxyTx{Polygon, key.Address(), []Call{c.Redeem(false, Hash{1})}, 4, Address{1}.Hex(), 0}, allowAll)
	if err != nil {
		t.Fatal(err)
	}
	refused := ClassifyRelayer("POST", "/submit", 429, nil, []byte(`{"error":"quota exceeded: 0 units remaining, resets in 9 seconds"}`), time.Now())
	k, err := s.OwnGas(refused)
	if err != nil || k.To != c.ProxyFactory || string(k.Data) != string(s.Data) {
		t.Errorf("%+v, %v", k, err)
	}
	for name, e := range map[string]*RelayerError{
		"nothing": nil, "lost": {Method: "POST", Path: "/submit", Reason: RelayerLost}, "down": {Method: "POST", Path: "/submit", Reason: RelayerDown},
		"nonce has passed": {Method: "POST", Path: "/submit", Reason: RelayerNonce}, "busy": {Method: "POST", Path: "/submit", Reason: RelayerWalletBusy},
		"a read": {Method: "GET", Path: "/nonce", Reason: RelayerQuota}, "unknown reason": {Method: "POST", Path: "/submit", Reason: "x"},
	} {
		if k, err := s.OwnGas(e); !errors.Is(err, ErrNotRefused) || k.To != (Address{}) {
			t.Errorf("%s: %+v, %v", name, k, err)
		}
	}
	relayed := func(owner Address, nonce int64, data []byte, status int64) HubRun {
		call := RelayCall{From: owner, To: c.ProxyFactory, Data: data, Nonce: Units(nonce), Sig: s.Signature}
		return HubRun{call.Calldata(), []Log{event(c.RelayHub, topicRelayed, []Hash{{1}, topicOf(owner), {3}}, Units(0), Units(status), Units(0))}}
	}
	owner := key.Address()
	for name, run := range map[string]HubRun{"failed at the hub": relayed(owner, 4, s.Data, 1), "another took the nonce": relayed(owner, 4, []byte{1, 2, 3, 4}, 0)} {
		if k, err := s.OwnGasAfter(run); err != nil || k.To != c.ProxyFactory || string(k.Data) != string(s.Data) {
			t.Errorf("%s: %+v, %v", name, k, err)
		}
	}
	twice, elsewhere, silent := relayed(owner, 4, s.Data, 1), relayed(owner, 4, s.Data, 1), relayed(owner, 4, s.Data, 1)
	mixed := HubRun{relayed(Address{9}, 4, s.Data, 1).Data, relayed(owner, 4, s.Data, 1).Logs}
	twice.Logs = append(twice.Logs, twice.Logs[0])
	elsewhere.Logs[0].Address = Address{5}
	silent.Logs = nil
	for name, run := range map[string]HubRun{
		"performed": relayed(owner, 4, s.Data, 0), "another nonce": relayed(owner, 3, s.Data, 1), "another owner": relayed(Address{9}, 4, s.Data, 1), "nothing": {},
		"two at once": twice, "another owner's call": mixed, "another contract's word": elsewhere, "no word of the hub": silent, "another function": {c.Redeem(false, Hash{1}).Data, silent.Logs},
	} {
		if k, err := s.OwnGasAfter(run); !errors.Is(err, ErrNotRefused) || k.To != (Address{}) {
			t.Errorf("%s: %+v, %v", name, k, err)
		}
	}
}

func TestEveryWalletKindHasItsCapabilities(t *testing.T) {
	for i, row := range Capabilities() {
		if int(row.Kind) != i || row.Fence == "" || row.Relayer != (row.Submit != "") || row.Relayer != row.Batch || (row.OwnGas == OwnGasAlways) == row.Relayer || row.Relayer != (row.Waits != "") {
			t.Errorf("%+v", row)
		}
		if _, err := nonceType(row.Kind); (err == nil) != row.Relayer {
			t.Errorf("%s: %v", row.Kind, err)
		}
		if got, ok := row.Kind.Can(); !ok || got != row {
			t.Errorf("%s can %+v", row.Kind, got)
		}
	}
	want := map[WalletKind]OwnGas{EOA: OwnGasAlways, Proxy: OwnGasAfterRefusal, Safe: OwnGasSamePayload, Deposit: OwnGasNever}
	for kind, own := range want {
		if row, _ := kind.Can(); row.OwnGas != own {
			t.Errorf("%s: %s, want %s", kind, row.OwnGas, own)
		}
	}
	if _, ok := WalletKind(9).Can(); ok {
		t.Error("a kind that does not exist has capabilities")
	}
}

func TestRelayerCredentialsArePrintedAsSecret(t *testing.T) {
	c := RelayerCredentials{Key: hidden, Address: Address{1}}
	b := BuilderCredentials{Key: "id", Secret: hidden, Passphrase: hidden}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "c", c, "b", b, "r", Relayer{Auth: c}, "p", &Relayer{Auth: b})
	j, err := json.Marshal([]any{c, b})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%v %+v %#v %s %x %v %+v %#v %v", c, c, c, c, c, b, b, b, &Relayer{Auth: c}) + log.String() + string(j)
	if strings.Contains(strings.ToLower(text), hidden) || !strings.Contains(text, redacted) {
		t.Errorf("printed as %s", text)
	}
}

func TestRelayerCarriesNoValueOfASafe(t *testing.T) {
	c, key := polygonContracts(t), mustKey(t, walletKey)
	s, err := SignSafeTx(key, SafeTx{Polygon, c.SafeWallet(key.Address()), Call{To: Address{9}, Value: Units(1)}, 4}, allowAll)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Request(""); !errors.Is(err, ErrBadTransaction) {
		t.Errorf("%s, %v", r.Body, err)
	}
}

func FuzzRelayerAnswer(f *testing.F) {
	f.Add(200, []byte(receipt))
	f.Add(429, []byte(`{"error":"quota exceeded: 0 units remaining, resets in 68000 seconds"}`))
	f.Add(400, []byte(`call blocked: x`))
	f.Add(200, []byte(`[{"transactionID":"a","state":"STATE_MINED","signature":"0x12","createdAt":"2026-11-11T22:26:40.819782Z"}]`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := ClassifyRelayer("POST", "/submit", status, http.Header{}, body, time.Now())
		if e.Reason == "" || e.Fix() == "" || e.Error() == "" || e.After < 0 || e.After > maxRetry {
			t.Fatalf("%+v", e)
		}
		if e.Refuses() && (e.MayBeAccepted() || status/100 != 4) {
			t.Fatalf("status %d refuses: %+v", status, e)
		}
		r := &Relayer{BaseURL: "http://venue.test", Auth: builderForTests(), HTTP: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: max(100, min(status, 999)), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(body)))}, nil
		})}}
		got, _, err := r.Submit(t.Context(), RelayerRequest{Body: []byte("{}")}, time.Time{})
		if (err == nil) != (got.ID != "" && got.State != "" && status/100 == 2) {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, err := r.Transactions(t.Context()); err != nil && relayerError(t, err).MayBeAccepted() {
			t.Fatalf("a read may be accepted: %v", err)
		}
	})
}
