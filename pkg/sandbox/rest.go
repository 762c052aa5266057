package sandbox

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// maxBody bounds a request: the largest legal one is a thousand order ids, about 70 kB.
	maxBody = 1 << 20
	// defaultPageSize is the venue's usual page.
	defaultPageSize = 500
	contentJSON     = "application/json"
	contentHTML     = "text/html; charset=UTF-8"
	secretAnswer    = "[secret]"
)

// request is one call as the handlers see it.
type request struct {
	id      int64
	at      time.Time
	method  string
	path    string
	query   url.Values
	rawText string // of the query
	route   string // the pattern it was served by: one name for all ids
	address string // whom the edge counts it for
	header  http.Header
	body    []byte
	param   func(string) string
	key     *apiKey // set when level 2 headers hold
	account string
}

// answer is what goes back.
type answer struct {
	status int
	header http.Header
	body   []byte
	secret bool // not for the journal
}

type handler func(*request) answer

func ok(v any) answer { return answer{status: http.StatusOK, body: mustJSON(v)} }

func refuse(status int, text string) answer {
	return answer{status: status, body: mustJSON(map[string]string{"error": text})}
}

func refuseErr(err error) answer { return refuse(statusOf(err), err.Error()) }

func (a answer) with(key, value string) answer {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set(key, value)
	return a
}

// routes is the table of everything served. Each handler says how it is called: open needs no headers, private needs
// level 2 headers; both run under the lock. Those without either take the lock themselves.
func (s *Sandbox) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"GET /ok": s.open(s.getOK), "GET /time": s.open(s.getTime), "GET /version": s.open(s.getVersion),
		"GET /markets": s.open(s.getMarkets), "GET /sampling-markets": s.open(s.getMarkets),
		"GET /simplified-markets": s.open(s.getSimplified), "GET /sampling-simplified-markets": s.open(s.getSimplified),
		"GET /markets/{condition}": s.open(s.getMarket), "GET /clob-markets/{condition}": s.open(s.getClobMarket),
		"GET /markets-by-token/{token}": s.open(s.getByToken),
		"GET /book":                     s.open(s.getBook), "POST /books": s.open(s.postBooks), "GET /books": s.open(s.postBooks),
		"GET /price": s.open(s.getPrice), "POST /prices": s.open(s.postPrices), "GET /prices": s.open(s.postPrices),
		"GET /midpoint": s.open(s.getMidpoint), "POST /midpoints": s.open(s.postMidpoints), "GET /midpoints": s.open(s.postMidpoints),
		"GET /spread": s.open(s.getSpread), "POST /spreads": s.open(s.postSpreads), "GET /spreads": s.open(s.postSpreads),
		"GET /last-trade-price":    s.open(s.getLastTrade),
		"POST /last-trades-prices": s.open(s.postLastTrades), "GET /last-trades-prices": s.open(s.postLastTrades),
		"GET /tick-size": s.open(s.getTick), "GET /tick-size/{token}": s.open(s.getTick),
		"GET /neg-risk": s.open(s.getNegRisk), "GET /neg-risk/{token}": s.open(s.getNegRisk),
		"GET /fee-rate": s.open(s.getFeeRate), "GET /fee-rate/{token}": s.open(s.getFeeRate),
		"GET /prices-history": s.open(s.getHistory), "GET /fees/builder-fees/{code}": s.open(s.getBuilderFees),

		"POST /auth/api-key": s.createKey, "GET /auth/derive-api-key": s.deriveKey,
		"DELETE /auth/api-key": s.private(s.deleteKey), "GET /auth/api-keys": s.private(s.listKeys),
		"GET /auth/ban-status/closed-only": s.private(s.getClosedOnly),
		"GET /balance-allowance":           s.private(s.getBalance), "GET /balance-allowance/update": s.private(s.updateBalance),
		"GET /notifications": s.private(s.getNotices), "DELETE /notifications": s.private(s.deleteNotices),
		"GET /v1/user/rate-limit-tier": s.private(s.getTier),

		"POST /order": s.postOrder, "POST /orders": s.postOrders,
		"DELETE /order": s.cancels(s.deleteOrder), "DELETE /orders": s.cancels(s.deleteOrders),
		"DELETE /cancel-all": s.cancels(s.cancelAll), "DELETE /cancel-market-orders": s.cancels(s.cancelMarket),
		"GET /data/orders": s.private(s.getOrders), "GET /data/order/{id}": s.private(s.getOrder), "GET /order/{id}": s.private(s.getOrder),
		"GET /data/trades": s.private(s.getTrades), "GET /data/pre-migration-orders": s.private(s.getNothing),
		"GET /order-scoring": s.private(s.getScoring), "POST /orders-scoring": s.private(s.postScoring),
		"POST /v1/heartbeats": s.private(s.postHeartbeat), "POST /heartbeats": s.private(s.postOldHeartbeat),

		"GET /gamma/markets": s.open(s.getGammaMarkets), "GET /gamma/events": s.open(s.getGammaEvents), "GET /gamma/public-search": s.open(s.getSearch),
		"GET /gamma/tags": s.open(s.getEmptyList), "GET /gamma/comments": s.open(s.getEmptyList),
		"GET /data-api/{$}": s.open(s.getOK), "GET /data-api/positions": s.open(s.getPositions), "GET /data-api/closed-positions": s.open(s.getEmptyList),
		"GET /data-api/trades": s.open(s.getPublicTrades), "GET /data-api/activity": s.open(s.getPublicTrades),
		"/": s.notServed,
	} {
		mux.Handle(pattern, s.serve(h))
	}
	for pattern, h := range s.relayerRoutes() {
		mux.Handle(pattern, s.serve(h))
	}
	mux.HandleFunc("GET /ws/market", s.serveMarketSocket)
	mux.HandleFunc("GET /ws/user", s.serveUserSocket)
	mux.HandleFunc("/rpc", s.serveRPC)
	mux.HandleFunc("/rpc/{node}", s.serveRPC)
	mux.HandleFunc("GET /_sandbox/journal", s.serveJournal)
	mux.HandleFunc("GET /_sandbox/transfers", s.serveTransfers)
	mux.HandleFunc("GET /_sandbox/info", s.serveInfo)
	mux.HandleFunc("/_sandbox/faults", s.serveFaults)
	mux.HandleFunc("/_sandbox/limits", s.serveLimits)
	return mux
}

// serve is the way of every request: counted, struck by faults or handled, answered, journaled.
func (s *Sandbox) serve(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		q := &request{
			at: time.Now(), method: r.Method, path: r.URL.Path, query: r.URL.Query(), rawText: r.URL.RawQuery,
			header: r.Header, body: body, param: r.PathValue, route: r.Pattern, address: addressOf(r.RemoteAddr),
		}
		plan := s.arrive(q)
		var a answer
		if plan.hold > 0 && !s.pause(r, plan.hold) {
			plan.lose = true
		}
		_, tooLong := errors.AsType[*http.MaxBytesError](err)
		switch {
		case plan.lose, err != nil && !tooLong: // who goes away in the middle of a request has asked for nothing
			s.record(q, a, fateLost)
			hangUp(w)
			return
		case err != nil:
			a = refuse(http.StatusRequestEntityTooLarge, errTooMany.Error())
		case plan.instead != nil && !plan.process:
			a = *plan.instead
		default:
			a = h(q)
			if plan.instead != nil {
				a = *plan.instead
			}
		}
		if plan.late > 0 && !s.pause(r, plan.late) || plan.drop {
			s.record(q, a, fateDropped)
			hangUp(w)
			return
		}
		for name, text := range plan.lie {
			a = a.with(name, text)
		}
		if reply(w, a) != nil {
			s.record(q, a, fateDropped)
			return
		}
		if plan.late > 0 {
			s.record(q, a, fateLate)
			return
		}
		s.record(q, a, fateAnswered)
	})
}

// plan is what the faults do to one request.
type plan struct {
	lose, drop bool
	hold, late time.Duration // before it is processed, before it is answered
	instead    *answer
	lie        map[string]string // headers of the answer
	process    bool              // also when answered with instead
}

// arrive numbers and counts a request and lets the faults decide about it.
func (s *Sandbox) arrive(q *request) (p plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	q.id = s.requests
	endpoint := q.route
	f := &s.faults
	if p.hold, p.instead = s.throttle(q); p.instead != nil {
		return p
	}
	switch {
	case f.LoseRequest.strikes(s.rng, endpoint):
		p.lose = true
		return p
	case f.BlockPage.strikes(s.rng, endpoint):
		p.instead = new(edgePage(http.StatusForbidden, "Sorry, you have been blocked"))
	case f.HTMLError.strikes(s.rng, endpoint):
		p.instead = &answer{status: http.StatusBadGateway, header: http.Header{"Content-Type": {contentHTML}},
			body: []byte("<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>")}
	case f.ServerError.strikes(s.rng, endpoint):
		status, text := f.ServerStatus, f.ServerText
		if status == 0 {
			status = defaultServerStatus
		}
		if text == "" {
			text = defaultServerText
		}
		p.instead, p.process = new(refuse(status, text)), f.ServerProcesses
	case (&Fault{}).concerns(endpoint):
		p.instead = s.mode(q)
	}
	if f.LateAnswer.strikes(s.rng, endpoint) {
		p.late = time.Duration(f.LateMS) * time.Millisecond
	}
	p.drop = f.DropAnswer.strikes(s.rng, endpoint)
	if f.LieHeaders.strikes(s.rng, endpoint) {
		p.lie = maps.Clone(f.Headers)
	}
	return p
}

// mode is the answer to a trading request while the engine does not trade normally, or nil. What depends on the order
// itself, in a batch or by its post-only flag, is decided when it is placed.
func (s *Sandbox) mode(q *request) *answer {
	switch {
	case s.faults.Restarting:
		a := refuse(http.StatusTooEarly, "the matching engine is restarting").with("Retry-After", strconv.FormatInt(s.faults.retryAfter(), 10))
		return &a
	case s.faults.Disabled:
		return new(refuse(http.StatusServiceUnavailable, "Trading is currently disabled. Check polymarket.com for updates"))
	case s.faults.CancelOnly && q.method == http.MethodPost:
		return new(refuse(http.StatusServiceUnavailable,
			"Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."))
	}
	return nil
}

// pause waits; false when the client or the sandbox went away first.
func (s *Sandbox) pause(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
	case <-s.done:
	}
	return false
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // what net/http offers where there is no connection to take over
	}
	conn.Close()
}

func reply(w http.ResponseWriter, a answer) error {
	h := w.Header()
	h.Set("Content-Type", contentJSON)
	for k, v := range a.header {
		if h[k] = v; v[0] == "" {
			delete(h, k)
		}
	}
	w.WriteHeader(a.status)
	_, err := w.Write(a.body)
	return err
}

// record writes the request's one line.
func (s *Sandbox) record(q *request, a answer, fate string) {
	text := string(a.body)
	if a.secret {
		text = secretAnswer
	}
	s.journal.add(requestLine{
		Kind: "request", AtUS: q.at.UnixMicro(), ID: q.id, Address: q.address, Method: q.method, Path: q.path, Query: q.rawText, Account: q.account,
		Body: string(q.body), Status: a.status, Answer: text, Fate: fate, DoneUS: time.Now().UnixMicro(),
	})
}

// open runs a handler under the lock.
func (s *Sandbox) open(h handler) handler {
	return func(q *request) answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		return h(q)
	}
}

// private runs a handler under the lock when the level 2 headers hold.
func (s *Sandbox) private(h handler) handler {
	return s.keyed(s.open(h))
}

// keyed checks the level 2 headers.
func (s *Sandbox) keyed(h handler) handler {
	return func(q *request) answer {
		k := s.authenticate(q)
		if k == nil {
			return refuse(http.StatusUnauthorized, "Unauthorized/Invalid api key")
		}
		q.key, q.account = k, k.account
		return h(q)
	}
}

func (s *Sandbox) notServed(*request) answer {
	return refuse(http.StatusNotFound, "404 page not found")
}

// tokenOf finds the market and outcome that a request names by token id.
func (s *Sandbox) tokenOf(q *request) (*market, int, error) {
	token := q.param("token")
	if token == "" {
		token = q.query.Get("token_id")
	}
	return s.find(token)
}

func (s *Sandbox) find(token string) (*market, int, error) {
	if m := s.byToken[token]; m != nil {
		return m, m.outcome(token), nil
	}
	if _, valid := uint256(token); !valid {
		return nil, 0, errToken
	}
	return nil, 0, errNoBook
}

// conditionOf finds the market of a path by condition id.
func (s *Sandbox) conditionOf(q *request) *market {
	return s.byCond[strings.ToLower(q.param("condition"))]
}

func units(n int64) string { return strconv.FormatInt(n, 10) }

// also takes over the headers of b.
func (a answer) also(b answer) answer {
	for k := range b.header {
		a = a.with(k, b.header.Get(k))
	}
	return a
}
