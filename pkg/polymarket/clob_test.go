package polymarket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/pkg/money"
)

// trip is an HTTP transport made of one function; it reads the request's body first, as a connection would.
type trip func(r *http.Request, body string) (status int, answer string)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	status, answer := f(r, body)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

func clobOn(t testing.TB, f trip) *CLOB {
	t.Helper()
	return &CLOB{BaseURL: "http://venue.test/", HTTP: &http.Client{Transport: f}, ChainID: Polygon, Key: mustKey(t, hidden),
		Creds: Credentials{Key: "00000000-0000-4000-8000-000000000001", Secret: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", Passphrase: "p"}}
}

// httpVector is one request of the official client. What a call is asked for is read out of it, so that the file may name
// other orders and markets.
type httpVector struct {
	TimestampS   int64 `json:"timestamp_s"`
	Method, Path string
	Params       map[string]any
	Body         *string
	Headers      map[string]string
}

func (v httpVector) param(name string) string { s, _ := v.Params[name].(string); return s }
func (v httpVector) kind() WalletKind {
	n, _ := v.Params["signature_type"].(float64)
	return WalletKind(n)
}
func (v httpVector) last() string { return v.Path[strings.LastIndexByte(v.Path, '/')+1:] }

// endpoint is method and path without the order that a path may end in.
func (v httpVector) endpoint() string {
	path := v.Path
	if strings.HasPrefix(v.last(), "0x") {
		path = strings.TrimSuffix(path, v.last())
	}
	return v.Method + " " + path
}

// seconds is a point in time that the query names, 0 for none.
func (v httpVector) seconds(t *testing.T, name string) int64 {
	t.Helper()
	if v.param(name) == "" {
		return 0
	}
	n, err := strconv.ParseInt(v.param(name), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func inBody[T any](t *testing.T, v httpVector) (out T) {
	t.Helper()
	if err := json.Unmarshal(bodyBytes(v.Body), &out); err != nil {
		t.Fatalf("%s %s: %v", v.Method, v.Path, err)
	}
	return out
}

// batch is what a request posted: its orders signed anew where orders_v2.json has them, as they are where not.
func (v httpVector) batch(t *testing.T) (out []PostRequest) {
	t.Helper()
	f := vectors[orderFile](t, "orders_v2.json")
	for _, raw := range inBody[[]json.RawMessage](t, v) {
		e, err := ReadEnvelope(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range f.Vectors {
			if o.Signature != hex0x(e.Order.Signature) {
				continue
			}
			if e.Order, err = Sign(mustKey(t, f.PrivateKey), o.order(t), o.domain()); err != nil {
				t.Fatal(err)
			}
		}
		e.Owner = ""
		out = append(out, PostRequest{Envelope: e})
	}
	return out
}

// Each call leaves exactly as the official client sends it: method, path, query, body, headers.
func TestRequestsEqualTheOfficialClients(t *testing.T) {
	f := vectors[struct {
		Creds    jsonCreds
		Address  string
		Requests map[string]httpVector
	}](t, "http_requests.json")
	if len(f.Requests) == 0 {
		t.Fatal("vector file has no rows")
	}
	ctx := t.Context()
	type fields = map[string]string
	calls := map[string]func(*CLOB, httpVector){
		"POST /orders":       func(c *CLOB, v httpVector) { c.PostOrders(ctx, v.batch(t)) },
		"DELETE /order":      func(c *CLOB, v httpVector) { c.CancelOrder(ctx, inBody[fields](t, v)["orderID"]) },
		"DELETE /orders":     func(c *CLOB, v httpVector) { c.CancelOrders(ctx, inBody[[]string](t, v)) },
		"DELETE /cancel-all": func(c *CLOB, _ httpVector) { c.CancelAll(ctx) },
		"DELETE /cancel-market-orders": func(c *CLOB, v httpVector) {
			c.CancelMarket(ctx, inBody[fields](t, v)["market"], inBody[fields](t, v)["asset_id"])
		},
		"POST /v1/heartbeats": func(c *CLOB, v httpVector) { _, _ = c.Heartbeat(ctx, inBody[fields](t, v)["heartbeat_id"]) },
		"GET /balance-allowance": func(c *CLOB, v httpVector) {
			_, _ = c.BalanceAllowance(ctx, v.param("asset_type"), v.param("token_id"), v.kind())
		},
		"GET /balance-allowance/update": func(c *CLOB, v httpVector) {
			_ = c.UpdateBalanceAllowance(ctx, v.param("asset_type"), v.param("token_id"), v.kind())
		},
		"GET /data/orders": func(c *CLOB, v httpVector) {
			_, _ = c.OpenOrders(ctx, OrderFilter{ID: v.param("id"), Market: v.param("market"), AssetID: v.param("asset_id")})
		},
		"GET /data/trades": func(c *CLOB, v httpVector) {
			_, _ = c.Trades(ctx, TradeFilter{ID: v.param("id"), Maker: v.param("maker_address"), Market: v.param("market"), AssetID: v.param("asset_id"),
				Before: v.seconds(t, "before"), After: v.seconds(t, "after")})
		},
		"GET /data/order/":                 func(c *CLOB, v httpVector) { _, _, _ = c.Order(ctx, v.last()) },
		"GET /order-scoring":               func(c *CLOB, v httpVector) { _, _ = c.OrderScoring(ctx, v.param("order_id")) },
		"GET /auth/api-keys":               func(c *CLOB, _ httpVector) { _, _ = c.APIKeys(ctx) },
		"DELETE /notifications":            func(c *CLOB, v httpVector) { _ = c.DropNotifications(ctx, strings.Split(v.param("ids"), ",")) },
		"GET /auth/ban-status/closed-only": func(c *CLOB, _ httpVector) { _, _ = c.ClosedOnly(ctx) },
	}
	for name, want := range f.Requests {
		do, known := calls[want.endpoint()]
		if !known { // nothing of ours sends it; what authenticates it is the same all the same
			if os.Getenv(vectorSetting) == "" {
				t.Errorf("%s: nothing sends %s", name, want.endpoint())
			}
			sameHeaders(t, name, L2Headers(f.Creds.creds(), mustAddress(t, f.Address), want.TimestampS, want.Method, want.Path, bodyBytes(want.Body)), want.Headers)
			continue
		}
		sent := 0
		c := clobOn(t, func(r *http.Request, body string) (int, string) {
			sent++
			query := url.Values{}
			for k, v := range want.Params {
				query.Set(k, fmt.Sprint(v))
			}
			if r.Method != want.Method || r.URL.Path != want.Path || r.URL.RawQuery != query.Encode() || body != string(bodyBytes(want.Body)) {
				t.Errorf("%s: %s %s %s", name, r.Method, r.URL, body)
			}
			for k, v := range want.Headers {
				if !slices.Equal(r.Header[k], []string{v}) {
					t.Errorf("%s: %s is %q, want %q", name, k, r.Header[k], v)
				}
			}
			return 200, "{}"
		})
		c.Address, c.Creds, c.Now = mustAddress(t, f.Address), f.Creds.creds(), func() time.Time { return time.Unix(want.TimestampS, 0) }
		if do(c, want); sent != 1 {
			t.Errorf("%s: sent %d times", name, sent)
		}
	}
}

// batchOfVectors are the first three orders of orders_v2.json.
func batchOfVectors(t testing.TB) []PostRequest {
	t.Helper()
	f := vectors[orderFile](t, "orders_v2.json")
	var out []PostRequest
	for _, v := range some(t, f.Vectors)[:3] {
		s, err := Sign(mustKey(t, f.PrivateKey), v.order(t), v.domain())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, PostRequest{Envelope: Envelope{Order: s, Type: OrderType(v.Input.OrderType)}})
	}
	return out
}

func TestBatchOfWrongSizeIsNotSent(t *testing.T) {
	c := clobOn(t, func(*http.Request, string) (int, string) { t.Error("sent"); return 200, "" })
	one := batchOfVectors(t)[:1]
	for _, n := range []int{0, MaxBatch + 1} {
		out, _ := c.PostOrders(t.Context(), slices.Repeat(one, n))
		if len(out) != n {
			t.Fatalf("%d outcomes for %d orders", len(out), n)
		}
		for _, o := range out {
			if never, ok := o.(NeverLeft); !ok || !errors.Is(never.Cause, ErrBatchSize) {
				t.Errorf("%d: %s", n, o)
			}
		}
	}
	for _, n := range []int{0, MaxCancel + 1} {
		if out, _ := c.CancelOrders(t.Context(), make([]string, n)); !errors.Is(out.Failure.(NeverLeft).Cause, ErrBatchSize) {
			t.Errorf("%d ids: %+v", n, out)
		}
	}
}

func TestKeyIsDerivedWhenItExists(t *testing.T) {
	const triple = `{"apiKey":"k","secret":"czE=","passphrase":"p1"}`
	for name, c := range map[string]struct {
		create    int
		body      string
		want      string
		wantCalls string
	}{
		"new":      {200, triple, "k", "POST /auth/api-key"},
		"existing": {400, `{"error":"Could not create api key"}`, "k", "POST /auth/api-key GET /auth/derive-api-key"},
		"down":     {503, `{"error":"x"}`, "", "POST /auth/api-key"},
		"hollow":   {200, `{"apiKey":"k"}`, "", "POST /auth/api-key"},
	} {
		var calls []string
		clob := clobOn(t, func(r *http.Request, body string) (int, string) {
			calls = append(calls, r.Method+" "+r.URL.Path)
			if literal := map[string][]string(r.Header); body != "" || !slices.Equal(literal[headerNonce], []string{"7"}) {
				t.Errorf("%s: body %q, headers %v", name, body, r.Header)
			}
			if r.Method == "POST" {
				return c.create, c.body
			}
			return 200, triple
		})
		got, err := clob.CreateOrDeriveKey(t.Context(), 7)
		if got.Key != c.want || (err == nil) != (c.want != "") || strings.Join(calls, " ") != c.wantCalls {
			t.Errorf("%s: %+v, %v after %v", name, got, err, calls)
		}
	}
}

// A list is walked to its end, however the end is spelled, and a cursor that does not move is an error instead of a loop.
func TestListsAreReadToTheirEnd(t *testing.T) {
	for name, c := range map[string]struct {
		pages map[string]string
		want  int
		ok    bool
	}{
		"end mark":    {map[string]string{"MA==": `{"data":[{"id":"0xA","size_matched":"0"}],"next_cursor":"Mg=="}`, "Mg==": `{"data":[{"id":"0xb"},{"id":"0xc"}],"next_cursor":"LTE="}`}, 3, true},
		"absent":      {map[string]string{"MA==": `{"data":[{"id":"0xa"}]}`}, 1, true},
		"empty":       {map[string]string{"MA==": `{"data":null,"next_cursor":""}`}, 0, true},
		"array":       {map[string]string{"MA==": `[{"id":"0xa"}]`}, 1, true},
		"standing":    {map[string]string{"MA==": `{"data":[],"next_cursor":"MA=="}`}, 0, false},
		"no data":     {map[string]string{"MA==": `{}`}, 0, false},
		"bad number":  {map[string]string{"MA==": `{"data":[{"id":"0xa","original_size":"many"}]}`}, 0, false},
		"second dies": {map[string]string{"MA==": `{"data":[{"id":"0xa"}],"next_cursor":"Mg=="}`}, 1, false},
		"one odd":     {map[string]string{"MA==": `{"data":[{"id":"0xc","original_size":"many"},{"id":"0xa"}]}`}, 1, false},
	} {
		asked := 0
		clob := clobOn(t, func(r *http.Request, _ string) (int, string) {
			asked++
			if p, ok := c.pages[r.URL.Query().Get("next_cursor")]; ok {
				return 200, p
			}
			return 500, ""
		})
		got, err := clob.OpenOrders(t.Context(), OrderFilter{})
		if len(got) != c.want || (err == nil) != c.ok {
			t.Errorf("%s: %d orders, %v", name, len(got), err)
		}
		if asked > 2 {
			t.Errorf("%s: asked %d times", name, asked)
		}
		if len(got) > 0 && got[0].ID != "0xa" {
			t.Errorf("%s: id %s", name, got[0].ID)
		}
	}
}

// Only the venue's own word makes an order unknown to it; everything else is an error, so that nothing is sent again on it.
func TestOrderIsMissingOnlyByTheVenuesWord(t *testing.T) {
	for _, c := range []struct {
		status     int
		body       string
		found, err bool
	}{
		{200, `{"id":"0xAA","status":"ORDER_STATUS_LIVE","original_size":"10","size_matched":4,"price":".57","created_at":1762900000,"expiration":"0"}`, true, false},
		{404, `{"error":"order not found"}`, false, false}, {200, "null", false, false},
		{404, "<html>not found</html>", false, true}, {404, `{"error":"no route"}`, false, true}, {200, "", false, true}, {200, "{}", false, true},
		{400, `{"error":"Invalid orderID"}`, false, true}, {500, "", false, true}, {429, "", false, true},
	} {
		o, found, err := clobOn(t, func(*http.Request, string) (int, string) { return c.status, c.body }).Order(t.Context(), "0xaa")
		if found != c.found || (err != nil) != c.err {
			t.Errorf("%d %q: found %t, %v", c.status, c.body, found, err)
		}
		if found && (o.ID != "0xaa" || o.Status != OrderLive || o.Remaining() != 6*money.Unit || o.Price != 570_000) {
			t.Errorf("%+v", o)
		}
	}
}

// A tier is learned only where the venue names one; every other answer is an error, and none of them panics.
func TestTierIsOnlyWhatTheVenueNames(t *testing.T) {
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{200, `{"tier":"Gold","orders_per_second":400,"orders_burst":600,"cancels_per_second":800,"cancels_burst":1200}`, "Gold"},
		{200, `{"tier":""}`, ""}, {200, `{}`, ""}, {200, `{"tier":null}`, ""}, {200, `["Gold"]`, ""}, {200, "<html>", ""}, {200, "", ""},
		{404, `{"error":"no rate limit tier"}`, ""}, {500, `{"tier":"Gold"}`, ""}, {401, `{"error":"Unauthorized"}`, ""},
	} {
		tier, err := clobOn(t, func(r *http.Request, _ string) (int, string) {
			if r.Method != "GET" || r.URL.Path != "/v1/user/rate-limit-tier" || len(map[string][]string(r.Header)[headerAPIKey]) != 1 {
				t.Errorf("asked %s %s with %v", r.Method, r.URL.Path, r.Header)
			}
			return c.status, c.body
		}).RateLimitTier(t.Context())
		if tier != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%d %q: tier %q, %v", c.status, c.body, tier, err)
		}
	}
}

func TestReadErrorsTellWhatToDo(t *testing.T) {
	c := clobOn(t, func(*http.Request, string) (int, string) { return 429, `{"error":"x","retry_after_seconds":3}` })
	_, err := c.Book(t.Context(), "1")
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Status != 429 || e.Rate.Retry != 3*time.Second || !isRetry(e.Outcome, ReasonRateLimited) {
		t.Errorf("%v: %+v", err, e)
	}
	c = clobOn(t, func(*http.Request, string) (int, string) {
		return 404, `{"error":"No orderbook exists for the requested token id"}`
	})
	if _, err := c.Book(t.Context(), "1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v is not ErrNotFound", err)
	}
}

func TestMarketDataIsReadInEverySpelling(t *testing.T) {
	ctx := t.Context()
	answering := func(body string) *CLOB {
		return clobOn(t, func(*http.Request, string) (int, string) { return 200, body })
	}
	check := func(what string, got, want any, err error) {
		t.Helper()
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, %v; want %v", what, got, err, want)
		}
	}
	for _, body := range []string{"1762900000", `"1762900000"`, " 1762900000\n"} {
		got, err := answering(body).Time(ctx)
		check("time", got, 1762900000, err)
	}
	for body, want := range map[string]int{`{"version":2}`: 2, `{"version":"3"}`: 3, `{}`: 2, `{"version":null}`: 2} {
		got, err := answering(body).Version(ctx)
		check("version", got, want, err)
	}
	for _, body := range []string{`{"price":"0.52"}`, `{"price":0.52}`, `{"price":".52"}`} {
		got, err := answering(body).Price(ctx, "1", Buy)
		check("price", got, "0.52", err)
	}
	for _, body := range []string{`{"mid":"0.525"}`, `{"mid_price":0.525}`} {
		got, err := answering(body).Midpoint(ctx, "1")
		check("midpoint", got, "0.525", err)
	}
	for body, want := range map[string]string{`{"minimum_tick_size":0.0001}`: "0.0001", `{"minimum_tick_size":1e-04}`: "0.0001", `{"minimum_tick_size":"0.01"}`: "0.01"} {
		got, err := answering(body).TickSize(ctx, "1")
		check("tick", got, want, err)
	}
	if _, err := answering(`{"minimum_tick_size":0.02}`).TickSize(ctx, "1"); !errors.Is(err, ErrUnknownTick) {
		t.Errorf("unknown tick: %v", err)
	}
	neg, err := answering(`{"neg_risk":true}`).NegRisk(ctx, "1")
	check("neg risk", neg, true, err)
	for _, body := range []string{`{}`, `[]`, `{"price":"x"}`, `{"price":null}`, `{"price":1e999999999}`, `{"price":"1e-999999999"}`, `"x"`, "", "<html>"} {
		if p, err := answering(body).Price(ctx, "1", Buy); err == nil {
			t.Errorf("price out of %q: %s", body, p)
		}
	}
	book, err := answering(`{"market":"0xBD","asset_id":"7","timestamp":"1762900000123","bids":[{"price":"0.48","size":"30"},{"price":"0.49","size":"120.5"}],
		"asks":[{"price":"0.55","size":"10"},{"price":"0.51","size":"25"}],"min_order_size":"5","tick_size":"0.01","neg_risk":true,"last_trade_price":"0.50"}`).Book(ctx, "7")
	check("book", book, Book{Market: "0xbd", AssetID: "7", TimestampMS: 1762900000123, Bids: []Level{at(490_000, 120_500_000), at(480_000, 30_000_000)},
		Asks: []Level{at(510_000, 25_000_000), at(550_000, 10_000_000)}, Tick: Tick001, MinSize: 5 * money.Unit, LastPrice: 500_000, NegRisk: true}, err)
}

func TestMarketsTermsAndBalances(t *testing.T) {
	ctx := t.Context()
	c := clobOn(t, func(r *http.Request, _ string) (int, string) {
		switch r.URL.Path {
		case "/markets":
			return 200, `{"data":[{"condition_id":"0xAB","market_slug":"m","tokens":[{"token_id":"7","outcome":"Yes","price":0.5,"winner":false}],"minimum_order_size":5,
				"minimum_tick_size":0.001,"neg_risk":true,"closed":false,"accepting_orders":true,"enable_order_book":true}],"next_cursor":"LTE="}`
		case "/clob-markets/0xab":
			return 200, `{"c":"0xab","t":[{"t":"7","o":"Yes"}],"mts":0.01,"mos":5,"ao":true,"fd":{"r":0.07,"e":1,"to":true}}`
		}
		return 200, `{"balance":"12340000","allowances":{"0xE111180000d2663C0091e4f400237545B87B996B":"115792089237316195423570985008687907853269984665640564039457584007913129639935"}}`
	})
	ms, next, err := c.Markets(ctx, "")
	if err != nil || next != "" || len(ms) != 1 || ms[0].Tick != Tick0001 || !ms[0].Tradable() || ms[0].Tokens[0].Price != 500_000 || ms[0].ConditionID != "0xab" {
		t.Errorf("%+v, %q, %v", ms, next, err)
	}
	terms, err := c.Terms(ctx, "0xab")
	if err != nil || terms.Tick != Tick001 || terms.MinSize != 5*money.Unit || terms.Fee.Exponent != 1 || terms.Fee.Rate.Cmp(big.NewRat(7, 100)) != 0 || terms.NegRisk {
		t.Errorf("%+v, %v", terms, err)
	}
	b, err := c.BalanceAllowance(ctx, AssetCollateral, "", Safe)
	on, _ := ContractsOn(Polygon)
	if err != nil || b.BaseUnits != 12_340_000 || !b.Allows(on.Exchange, 1<<62) || b.Allows(on.NegRiskExchange, 1) {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestTradesTellOwnFills(t *testing.T) {
	c := clobOn(t, func(*http.Request, string) (int, string) {
		return 200, `{"data":[{"id":"t1","taker_order_id":"0xT","asset_id":"7","side":"BUY","size":"10","price":"0.57","status":"TRADE_STATUS_CONFIRMED","match_time":"1762900000",
			"owner":"me","trader_side":"TAKER","err_msg":null,"maker_orders":[{"order_id":"0xM","owner":"me","matched_amount":"4","price":"0.43","asset_id":"8","side":""},
			{"order_id":"0xN","owner":"other","matched_amount":"6","price":"0.57","asset_id":"7","side":"SELL"}]}],"next_cursor":"LTE="}`
	})
	ts, err := c.Trades(t.Context(), TradeFilter{After: 1})
	if err != nil || len(ts) != 1 || !ts[0].Final() || ts[0].Failed() {
		t.Fatalf("%+v, %v", ts, err)
	}
	// An account that trades with itself has both legs; the maker's is on the complementary token, so its side is the same.
	want := []Fill{{"0xt", "7", Buy, 570_000, 10 * money.Unit, RoleTaker, 0}, {"0xm", "8", Buy, 430_000, 4 * money.Unit, RoleMaker, 1}}
	if got := ts[0].Fills("me"); !slices.Equal(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if got := ts[0].Fills("nobody"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestCallWithoutItsMeansIsNotSent(t *testing.T) {
	c := clobOn(t, func(*http.Request, string) (int, string) { t.Error("sent"); return 200, "" })
	for name, change := range map[string]func(*CLOB){"client": func(c *CLOB) { c.HTTP = nil }, "credentials": func(c *CLOB) { c.Creds = Credentials{} },
		"address": func(c *CLOB) { c.Key = nil }, "url": func(c *CLOB) { c.BaseURL = "\x7f" }} {
		without := *c
		change(&without)
		if o, _ := without.PostOrder(t.Context(), batchOfVectors(t)[0]); o.Code() != "never_left" {
			t.Errorf("without %s: %s", name, o)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if o, _ := c.PostOrder(ctx, batchOfVectors(t)[0]); o.Code() != "never_left" {
		t.Errorf("with a cancelled context: %s", o)
	}
}

func TestReadValuesAgreeWithEncodingJSON(t *testing.T) {
	for _, s := range []string{`{"a":1,"b":[1,"x\"]",{"c":{}}],"d\u0041":null}`, `{}`, `[]`, ` [ 1 , 2 ] `, `{"a":"\\","b":"\u00e9"}`, `[[],[[]],""]`} {
		v, ok := readJSON([]byte(s))
		if !ok {
			t.Fatal(s)
		}
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(s), &want) == nil {
			got := map[string]json.RawMessage{}
			for k, f := range v.fields() {
				got[string(k)] = json.RawMessage(f)
			}
			if asText(t, got) != asText(t, want) {
				t.Errorf("%s: %s", s, asText(t, got))
			}
		}
		var wantItems []json.RawMessage
		if json.Unmarshal([]byte(s), &wantItems) == nil {
			got := []json.RawMessage{}
			for f := range v.items() {
				got = append(got, json.RawMessage(f))
			}
			if asText(t, got) != asText(t, wantItems) {
				t.Errorf("%s: %s", s, asText(t, got))
			}
		}
	}
}
