package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

func TestMain(m *testing.M) { actortest.Main(m) }

// fakeChain tells the transactions that it was given.
type fakeChain struct {
	mu    sync.Mutex
	name  string
	txs   []Tx
	woken chan struct{}
	err   error // what it answers instead
}

func newChain() *fakeChain { return &fakeChain{name: "C", woken: make(chan struct{})} }

func (c *fakeChain) mine(x Tx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.txs = append(c.txs, x)
	close(c.woken)
	c.woken = make(chan struct{})
}

// fail lets it answer with an error; nil for no more.
func (c *fakeChain) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	close(c.woken)
	c.woken = make(chan struct{})
}

// restart is another chain.
func (c *fakeChain) restart(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.name, c.txs = name, nil
	close(c.woken)
	c.woken = make(chan struct{})
}

func (c *fakeChain) After(ctx context.Context, chain string, seq uint64, wait time.Duration) (Page, error) {
	over := time.After(wait)
	for {
		c.mu.Lock()
		p, woken, err := Page{Chain: c.name}, c.woken, c.err
		p.Txs = append(p.Txs, c.txs[min(int(seq), len(c.txs)):]...)
		c.mu.Unlock()
		if err != nil {
			return Page{}, err
		}
		if len(p.Txs) > 0 || chain != "" && chain != p.Chain {
			return p, nil
		}
		select {
		case <-woken:
		case <-over:
			return p, nil
		case <-ctx.Done():
			return Page{}, ctx.Err()
		}
	}
}

// world is a ledger's surroundings in one bubble: the bus, the chain, and a folder for the books.
type world struct {
	t     *testing.T
	b     *actortest.Bubble
	js    jetstream.JetStream
	chain *fakeChain
	path  string
}

func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	dir := t.TempDir()
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		w := &world{t: t, b: b, js: b.JetStream(), chain: newChain(), path: filepath.Join(dir, "ledger.db")}
		if err := actor.EnsureStreams(t.Context(), w.js, 1, "main"); err != nil {
			t.Fatal(err)
		}
		test(t, w)
	})
}

// put stores what the executor or ingest would write.
func (w *world) put(subject string, v any) {
	w.t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		_, err = w.js.Publish(w.t.Context(), subject, b)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// tell gives one input of a tale to the world that the ledger reads.
func (w *world) tell(in Input) {
	w.t.Helper()
	switch in := in.(type) {
	case Ordered:
		w.put("evt.order.main", msgs.Envelope{V: 1, Account: "main", Env: msgs.Sandbox, Incarnation: in.Incarnation, Events: []msgs.Event{in.Event}})
	case Traded:
		w.put("feed.main.trade", in.Trade)
	case Mined:
		w.chain.mine(in.Tx)
	}
}

// life is one run of the ledger.
type life struct {
	w     *world
	s     *Service
	nc    *nats.Conn
	stop  context.CancelFunc
	ended chan struct{}
	err   error
}

// start runs the ledger on the world's books.
func (w *world) start(passing func(*life, string)) *life {
	w.t.Helper()
	l := &life{w: w, nc: w.b.Connect(), ended: make(chan struct{})}
	cfg := Config{Env: msgs.Sandbox, Owner: "test", NATS: l.nc, Path: w.path, Transfers: w.chain, Accounts: []Account{{"main", ourWallet}},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if passing != nil {
		cfg.Passing = func(point string) { passing(l, point) }
	}
	var err error
	if l.s, err = New(cfg); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	go func() {
		defer close(l.ended)
		l.err = l.s.Run(ctx)
	}()
	w.t.Cleanup(func() { l.stop(); <-l.ended })
	return l
}

// end stops a run in order.
func (l *life) end() {
	l.w.t.Helper()
	l.stop()
	<-l.ended
	l.nc.Close()
	if l.err != nil {
		l.w.t.Fatalf("the ledger ended: %v", l.err)
	}
}

// crash is called by the ledger itself at a point: from here on nothing reaches the bus, and the next run finds what a
// crash at this very moment would leave of the database.
func (l *life) crash(copied bool) {
	l.nc.Close()
	if copied {
		dir, err := os.MkdirTemp(filepath.Dir(filepath.Dir(l.w.path)), "")
		if err != nil {
			panic(err)
		}
		for _, end := range []string{"", "-wal"} {
			b, err := os.ReadFile(l.w.path + end)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "ledger.db"+end), b, 0o600)
			}
			if err != nil {
				panic(err)
			}
		}
		l.w.path = filepath.Join(dir, "ledger.db")
	}
	l.stop()
}

// ask puts a question to the ledger.
func ask[A any](w *world, verb string, q any) (a A) {
	w.t.Helper()
	b, err := json.Marshal(q)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := w.b.NATS().Request(msgs.SvcSubject("ledger", "main", verb), b, 5*time.Second)
	if err == nil {
		err = json.Unmarshal(r.Data, &a)
	}
	if err != nil {
		w.t.Fatalf("%s: %v", verb, err)
	}
	return a
}

// told is every event of evt.ledger.main, in the order of the log.
func (w *world) told() (out []msgs.Event) {
	w.t.Helper()
	s, err := w.js.Stream(w.t.Context(), "LOG_main")
	if err != nil {
		w.t.Fatal(err)
	}
	info, err := s.Info(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		m, err := s.GetMsg(w.t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // purged
		}
		if err != nil {
			w.t.Fatal(err)
		}
		if m.Subject != "evt.ledger.main" {
			continue
		}
		env, err := msgs.DecodeEnvelope(m.Data)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, env.Events...)
	}
	return out
}

// heads are the words about the chain of entries that the log holds.
func (w *world) heads() (out []Told) {
	w.t.Helper()
	for _, e := range w.told() {
		h := Told{N: msgs.HeadOf(e).N, Anchor: *msgs.AnchorOf(e)}
		out = append(out, h)
	}
	return out
}

// verify verifies the books of main against what the log tells.
func (w *world) verify() Finding {
	w.t.Helper()
	s, err := ReadStore(w.t.Context(), w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	books, err := s.Books(w.t.Context())
	if err != nil || len(books) != 1 {
		w.t.Fatalf("%d books, %v", len(books), err)
	}
	f, err := s.Verify(w.t.Context(), books[0], w.heads())
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// once checks that the log tells events 1, 2, 3 … once each, and that the books are whole.
func (w *world) once() {
	w.t.Helper()
	for i, e := range w.told() {
		if n := msgs.HeadOf(e).N; n != uint64(i)+1 {
			w.t.Fatalf("event %d stands where event %d is next", n, i+1)
		}
	}
	if f := w.verify(); len(f.Wrong) > 0 || f.Anchors == 0 {
		w.t.Fatalf("the books are not whole: %+v", f)
	}
}

// equals checks the balances against a tale's end.
func (w *world) equals(s *story) {
	w.t.Helper()
	a := ask[msgs.BalancesAnswer](w, "balances", msgs.Empty{})
	wallet, held := map[Asset]int64{Cash: int64(a.Cash.Total)}, map[Asset]int64{Cash: int64(a.Cash.Held)}
	for _, p := range a.Positions {
		wallet[assetOf(p.TokenID)], held[assetOf(p.TokenID)] = int64(p.Total), int64(p.Held)
		if p.UnsettledIn != 0 || p.UnsettledOut != 0 {
			w.t.Errorf("token %s: %s coming and %s leaving", p.TokenID, p.UnsettledIn, p.UnsettledOut)
		}
		if p.Available != p.Total-p.Held-p.UnsettledOut {
			w.t.Errorf("token %s: available %s of %+v", p.TokenID, p.Available, p)
		}
	}
	if !same(wallet, s.wallet) {
		w.t.Errorf("wallet %v, want %v", wallet, s.wallet)
	}
	if !same(held, s.held) {
		w.t.Errorf("held %v, want %v", held, s.held)
	}
	if a.Cash.UnsettledIn != 0 || a.Cash.UnsettledOut != 0 || a.Cash.Available != a.Cash.Total-a.Cash.Held {
		w.t.Errorf("cash %+v", a.Cash)
	}
	for _, e := range w.told() {
		if msgs.HeadOf(e).Type == msgs.KindDiscrepancy {
			b, _ := json.Marshal(e)
			w.t.Errorf("%s", b)
		}
	}
}
