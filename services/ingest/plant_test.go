package ingest

import (
	"context"
	"encoding/json"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor/actortest"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

func TestMain(m *testing.M) { actortest.Main(m) }

// plant is ingest between a sandbox venue and a real NATS server, in virtual time.
type plant struct {
	t     *testing.T
	b     *actortest.Bubble
	venue *sandbox.Sandbox
	cfg   Config
	svc   *Service
	life  *life       // the present one
	tweak func(*life) // before it begins; may be nil
	stop  func()      // ends ingest and waits for it
}

// inPlant starts ingest for the named accounts; adjust may change the configuration first.
func inPlant(t *testing.T, adjust func(*Config), test func(t *testing.T, p *plant)) {
	t.Helper()
	inPlantAt(t, sandbox.Config{}, adjust, nil, test)
}

// inPlantAt is inPlant at a venue of its own; tweak may change each life before it begins.
func inPlantAt(t *testing.T, box sandbox.Config, adjust func(*Config), tweak func(*life), test func(t *testing.T, p *plant)) {
	t.Helper()
	forgetTimers()
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		v, err := sandbox.New(box)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.Close)
		pipe := b.Pipe()
		pipe.Serve(v.Handler())
		p := &plant{t: t, b: b, venue: v, tweak: tweak, cfg: Config{Env: msgs.Sandbox, NATS: b.NATS(), CLOB: "http://venue", WSMarket: "ws://venue/ws/market",
			WSUser: "ws://venue/ws/user", HTTP: pipe.Client(), Dialer: pipe.Dialer(), Accounts: []Account{accountNamed(t, "main")}}}
		if adjust != nil {
			adjust(&p.cfg)
		}
		p.start()
		test(t, p)
		p.stop()
	})
}

// forgetTimers empties the NATS client's pool of timers: one that an earlier bubble has made would stop this one. Two
// collections empty a sync.Pool.
func forgetTimers() {
	runtime.GC()
	runtime.GC()
}

// start runs ingest with the plant's configuration.
func (p *plant) start() {
	p.t.Helper()
	svc, err := New(p.cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	p.svc, p.life = svc, svc.begin()
	if p.tweak != nil {
		p.tweak(p.life)
	}
	ctx, cancel := context.WithCancel(p.t.Context())
	var running sync.WaitGroup
	run := p.life.run
	running.Go(func() {
		if err := run(ctx); err != nil {
			p.t.Errorf("run: %v", err)
		}
	})
	p.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	p.t.Cleanup(p.stop)
}

// ready lets time pass until everything is up, at most a minute.
func (p *plant) ready() {
	p.t.Helper()
	for range 60 {
		p.pass(time.Second)
		if p.svc.Ready() == nil {
			return
		}
	}
	p.t.Fatalf("not ready: %v", p.svc.Ready())
}

// pass lets time go by, and everything happen that is due then.
func (p *plant) pass(d time.Duration) {
	time.Sleep(d)
	p.b.Wait()
}

func sandboxAccount(t testing.TB, name string) (sandbox.Account, *polymarket.Key) {
	t.Helper()
	for _, a := range sandbox.Accounts() {
		if a.Name == name {
			key, err := polymarket.ParseKey(a.PrivateKey)
			if err != nil {
				t.Fatal(err)
			}
			return a, key
		}
	}
	t.Fatalf("no account %s", name)
	return sandbox.Account{}, nil
}

func accountNamed(t testing.TB, name string) Account {
	_, key := sandboxAccount(t, name)
	return Account{Name: msgs.Account(name), Key: key}
}

// coin is the sandbox's first market.
func coin() sandbox.Market { return sandbox.Markets()[0] }

// order places an order of an account on a token of coin and returns its id.
func (p *plant) order(name, token string, side polymarket.Side, price, size string, kind polymarket.OrderType) string {
	p.t.Helper()
	a, key := sandboxAccount(p.t, name)
	clob := polymarket.CLOB{BaseURL: p.cfg.CLOB, HTTP: p.cfg.HTTP, ChainID: polygon, Key: key}
	creds, err := clob.CreateOrDeriveKey(p.t.Context(), 0)
	if err != nil {
		p.t.Fatal(err)
	}
	clob.Creds = creds
	id, err := polymarket.ParseTokenID(token)
	if err != nil {
		p.t.Fatal(err)
	}
	maker, taker, err := polymarket.LimitAmounts(side, parse[money.Price](p.t, price), parse[money.Size](p.t, size), polymarket.Tick001)
	if err != nil {
		p.t.Fatal(err)
	}
	o := polymarket.Order{Salt: polymarket.NewSalt(), Maker: common.HexToAddress(a.Funder), Signer: key.Address(), TokenID: id, MakerAmount: maker,
		TakerAmount: taker, Side: side, SignatureType: polymarket.WalletKind(a.SignatureType), TimestampMS: time.Now().UnixMilli()}
	signed, err := polymarket.Sign(key, o, polymarket.Domain{ChainID: polygon, Version: signingDomain})
	if err != nil {
		p.t.Fatal(err)
	}
	out, _ := clob.PostOrder(p.t.Context(), polymarket.PostRequest{Envelope: polymarket.Envelope{Order: signed, Type: kind}})
	if _, ok := out.(polymarket.Accepted); !ok {
		p.t.Fatalf("order of %s: %s", name, out)
	}
	return strings.ToLower(signed.ID.Hex())
}

func parse[T money.Micro](t testing.TB, s string) T {
	t.Helper()
	v, err := money.Parse[T](s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return v
}

// lastBook is the last value of a token's book.
func (p *plant) lastBook(token string) msgs.Book {
	p.t.Helper()
	return lastOf[msgs.Book](p.t, p.b.JetStream(), msgs.MarketStream, msgs.MDSubject(venue, "book", token))
}

func lastOf[T any](t testing.TB, js jetstream.JetStream, stream, subject string) T {
	t.Helper()
	var v T
	st, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	m, err := st.GetLastMsgForSubject(t.Context(), subject)
	if err != nil {
		t.Fatalf("last %s: %v", subject, err)
	}
	if err := json.Unmarshal(m.Data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// stored reads everything of a subject from a stream.
func stored[T any](t testing.TB, js jetstream.JetStream, stream, subject string) []T {
	t.Helper()
	st, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	for seq := uint64(1); ; seq++ {
		m, err := st.GetMsg(t.Context(), seq, jetstream.WithGetMsgSubject(subject))
		if err != nil {
			return out // the end
		}
		seq = m.Sequence
		var v T
		if err := json.Unmarshal(m.Data, &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
}

func (p *plant) trades(account string) []msgs.FeedTrade {
	p.t.Helper()
	a := msgs.Account(account)
	return stored[msgs.FeedTrade](p.t, p.b.JetStream(), msgs.AskStream(a), msgs.FeedSubject(a, "trade"))
}

func (p *plant) orders(account string) []msgs.FeedOrder {
	p.t.Helper()
	a := msgs.Account(account)
	return stored[msgs.FeedOrder](p.t, p.b.JetStream(), msgs.AskStream(a), msgs.FeedSubject(a, "order"))
}

// hear collects what is published on a subject from now on.
func hear[T any](t testing.TB, nc *nats.Conn, subject string) func() []T {
	t.Helper()
	var mu sync.Mutex
	var got []T
	sub, err := nc.Subscribe(subject, func(m *nats.Msg) {
		var v T
		if err := json.Unmarshal(m.Data, &v); err != nil {
			t.Errorf("%s: %v in %s", m.Subject, err, m.Data)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, v)
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := nc.FlushWithContext(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	return func() []T {
		mu.Lock()
		defer mu.Unlock()
		return append([]T(nil), got...)
	}
}
