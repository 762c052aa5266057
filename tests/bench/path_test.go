package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/limits"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/services/executor"
)

// The throw-away key of the test vectors.
const benchKey = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

const (
	token     = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
	condition = "0xbd31dc8a20211944f6b70f31557f1001557b59905b7738480ca09bd4532f84af"
	firstSize = 1000 // hundredths of a share; each order has a size of its own, by which it is recognised

	sameRecord, leastRecord msgs.Account = "same", "least" // the references' accounts
)

// NATS-in → HTTP-out, open loop: from the publish call to the venue's handler. A reference makes the same two synced
// appends on the same server (command, fenced intent), then signs and posts with net/http over HTTP/1.1, and nothing else.
// One of two writes the record that the executor writes, the other the least that a signature could be made from again.
// Rounds of all alternate; p50 and p99 are medians over the rounds, and a ratio is the median of the rounds' p50 ratios.
func BenchmarkOrderPath(b *testing.B) {
	for _, rate := range []int{50, 500} {
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			p := newPath(b)
			count := min(2*rate, 400)
			accounts := []msgs.Account{sameRecord, leastRecord, "main"}
			p50, p99 := map[msgs.Account][]float64{}, map[msgs.Account][]float64{}
			for _, a := range accounts {
				p.round(a, rate, 50)
			}
			for b.Loop() {
				for _, a := range accounts {
					took := p.round(a, rate, count)
					p50[a], p99[a] = append(p50[a], quantile(took, 50)), append(p99[a], quantile(took, 99))
				}
			}
			for _, ref := range accounts[:2] {
				var ratio []float64
				for i, own := range p50["main"] {
					ratio = append(ratio, own/p50[ref][i])
				}
				b.ReportMetric(median(ratio), "p50_ratio_"+string(ref))
			}
			for _, a := range accounts {
				b.ReportMetric(median(p50[a]), string(a)+"_p50_ms")
				b.ReportMetric(median(p99[a]), string(a)+"_p99_ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func quantile(ms []float64, percent int) float64 {
	slices.Sort(ms)
	return ms[min(len(ms)-1, len(ms)*percent/100)]
}

func median(x []float64) float64 { return quantile(x, 50) }

// path is a venue that only notes when an order arrives, a bus, the executor, and the reference.
type path struct {
	b       *testing.B
	nc      *nats.Conn
	js      jetstream.JetStream
	key     *polymarket.Key
	next    int
	arrived chan arrival

	mu      sync.Mutex
	own     map[int]bool // sizes of what the executor was asked for
	resting []msgs.Order // of the executor
}

type arrival struct {
	size int
	at   time.Time
}

func newPath(b *testing.B) *path {
	key, err := polymarket.ParseKey(benchKey)
	if err != nil {
		b.Fatal(err)
	}
	p := &path{b: b, key: key, next: firstSize, arrived: make(chan arrival, 4096), own: map[int]bool{}}
	p.nc, p.js = bus(b)
	if err := actor.EnsureStreams(b.Context(), p.js, 1, "main", sameRecord, leastRecord); err != nil {
		b.Fatal(err)
	}
	fact := msgs.Market{V: 1, ConditionID: condition, Slug: "bench", TickSize: "0.01", MinSize: 5 * money.Unit, Domain: "2", Accepting: true,
		AtMS: time.Now().UnixMilli(), Tokens: []msgs.MarketToken{{TokenID: token, Outcome: "Yes"}}}
	data, err := json.Marshal(fact)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := p.js.Publish(b.Context(), msgs.MDSubject("polymarket", "market", condition), data); err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(p.venue)}
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(func() { _ = srv.Close() })
	base := "http://" + l.Addr().String()
	p.runExecutor(base)
	p.runReference(base, leastRecord, p.least)
	p.runReference(base, sameRecord, p.same)
	return p
}

func (p *path) runExecutor(base string) {
	wide := limits.Bucket{PerSecond: 1_000_000, Burst: 1_000_000}
	s, err := executor.New(executor.Config{Env: msgs.Sandbox, NATS: p.nc, CLOB: base,
		Limits:   executor.Limits{Profile: limits.Profile{Name: "none", Orders: wide, Cancels: wide, AllIP: limits.Window{Calls: 10_000_000, Per: time.Second}}.Long()},
		Accounts: []executor.Account{{Name: "main", Key: p.key, Credentials: polymarket.Credentials{Key: "k", Secret: "AAAA", Passphrase: "p"}}}})
	if err != nil {
		p.b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	p.b.Cleanup(func() { stop(); <-ended })
	for end := time.Now().Add(20 * time.Second); s.Ready() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			p.b.Fatal(s.Ready())
		}
	}
}

// venue takes every order. What it answers is the same for all. The executor finds what it has sent when it looks what rests.
func (p *path) venue(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	if r.Method != http.MethodPost {
		p.list(w, r)
		return
	}
	type posted struct {
		Order struct {
			Salt        uint64 `json:"salt"`
			Maker       string `json:"maker"`
			MakerAmount string `json:"makerAmount"`
			TakerAmount string `json:"takerAmount"`
			Timestamp   string `json:"timestamp"`
		} `json:"order"`
	}
	var list []posted
	if body[0] == '{' {
		body = append(append([]byte{'['}, body...), ']')
		defer func() { r.Body.Close() }()
	}
	single := r.URL.Path == "/order"
	if err := json.Unmarshal(body, &list); err != nil {
		p.b.Error(err)
		return
	}
	var answer []byte
	for i, o := range list {
		taker, _ := strconv.Atoi(o.Order.TakerAmount)
		p.arrived <- arrival{taker / 10_000, at}
		maker, _ := strconv.ParseInt(o.Order.MakerAmount, 10, 64)
		ts, _ := strconv.ParseInt(o.Order.Timestamp, 10, 64)
		id, err := p.order(o.Order.Salt, maker, int64(taker), ts).Hash(polymarket.Domain{ChainID: polymarket.Polygon, Version: "2"})
		if err != nil {
			p.b.Error(err)
			return
		}
		p.rests(taker/10_000, msgs.OrderID(id.Hex()))
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = fmt.Appendf(answer, `{"success":true,"errorMsg":"","orderID":"%s","status":"live"}`, id.Hex())
	}
	if !single {
		answer = append(append([]byte{'['}, answer...), ']')
	}
	_, _ = w.Write(answer)
}

// rests keeps an order of the executor.
func (p *path) rests(size int, id msgs.OrderID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.own[size] {
		p.resting = append(p.resting, msgs.Order{OrderID: id, TokenID: token, ConditionID: condition, Side: msgs.Buy, OrderType: msgs.GTC, Price: money.Unit / 2,
			Size: money.Size(size) * money.Unit / 100})
	}
}

// list answers what rests, by the page.
func (p *path) list(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list, next := []map[string]any{}, "LTE="
	if r.URL.Path == "/data/orders" {
		from, _ := strconv.Atoi(r.URL.Query().Get("next_cursor"))
		to := min(from+page, len(p.resting))
		if to < len(p.resting) {
			next = strconv.Itoa(to)
		}
		for i := range p.resting[from:to] {
			list = append(list, shown(&p.resting[from+i]))
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"limit": page, "count": len(list), "next_cursor": next, "data": list})
}

func (p *path) order(salt uint64, maker, taker, ts int64) *polymarket.Order {
	id, err := polymarket.ParseTokenID(token)
	if err != nil {
		p.b.Fatal(err)
	}
	return &polymarket.Order{Salt: salt, Maker: p.key.Address(), Signer: p.key.Address(), TokenID: id, MakerAmount: maker, TakerAmount: taker,
		Side: polymarket.Buy, TimestampMS: ts}
}

// record is what is written of an order before it leaves.
type record func(c *msgs.Submit, o *polymarket.Order, seq uint64) any

// least is what a signature could be made from again, and nothing that follows from the configuration.
func (p *path) least(c *msgs.Submit, o *polymarket.Order, _ uint64) any {
	return map[string]any{"client_order_id": c.ClientOrderID, "salt": o.Salt, "maker_amount": o.MakerAmount, "taker_amount": o.TakerAmount, "timestamp_ms": o.TimestampMS}
}

// same is the record that the executor writes, as wide as that of the order: other programs read it too.
func (p *path) same(c *msgs.Submit, o *polymarket.Order, seq uint64) any {
	id, err := o.Hash(polymarket.Domain{ChainID: polymarket.Polygon, Version: "2"})
	if err != nil {
		p.b.Error(err)
	}
	hash := msgs.ContentHash(c)
	e := &msgs.OrderSubmitting{Head: msgs.Head{V: 1, Type: msgs.KindSubmitting, Account: sameRecord, Env: msgs.Sandbox, N: 2 * seq, AtMS: o.TimestampMS, CmdSeq: seq, CmdHash: hash},
		Orders: []msgs.Intent{{ClientOrderID: c.ClientOrderID, OrderID: msgs.OrderID(id.Hex()), TokenID: c.TokenID, ConditionID: condition, Side: c.Side, OrderType: c.Type,
			Price: *c.Price, Size: *c.Size, ValidUntilMS: o.TimestampMS + 5000, CmdHash: hash, Salt: o.Salt, Maker: o.Maker.Hex(), Signer: o.Signer.Hex(),
			MakerAmount: o.MakerAmount, TakerAmount: o.TakerAmount, TimestampMS: o.TimestampMS, TickSize: "0.01", FeeRoom: 227150}}}
	return msgs.Envelope{V: 1, Account: sameRecord, Env: msgs.Sandbox, Owner: "reference", Epoch: 1, Incarnation: "U6N7BFPS6TQFTKIQDTH6X33ZVK",
		Cursors: map[string]uint64{"express": 0, "all": 0, "submit": seq}, Events: []msgs.Event{e}}
}

// runReference is the plainest executor that keeps the same promise about the disk.
func (p *path) runReference(base string, account msgs.Account, what record) {
	subject := msgs.EvtSubject(msgs.FamilyOrder, account)
	cons, err := p.js.CreateConsumer(p.b.Context(), msgs.AskStream(account), jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true})
	if err != nil {
		p.b.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	creds := polymarket.Credentials{Key: "k", Secret: "AAAA", Passphrase: "p"}
	var seen, last uint64
	var posts sync.WaitGroup
	cc, err := cons.Consume(func(m jetstream.Msg) {
		var c msgs.Submit
		if err := json.Unmarshal(m.Data(), &c); err != nil {
			p.b.Error(err)
			return
		}
		maker, taker, err := polymarket.LimitAmounts(polymarket.Buy, *c.Price, *c.Size, tick(p.b))
		if err != nil {
			p.b.Error(err)
			return
		}
		o := *p.order(polymarket.NewSalt(), maker, taker, time.Now().UnixMilli())
		seen++
		intent, err := json.Marshal(what(&c, &o, seen))
		if err != nil {
			p.b.Error(err)
			return
		}
		ack, err := p.js.Publish(context.Background(), subject, intent, jetstream.WithExpectLastSequenceForSubject(last, subject))
		if err != nil {
			p.b.Error(err)
			return
		}
		last = ack.Sequence
		posts.Go(func() {
			signed, err := polymarket.Sign(p.key, o, polymarket.Domain{ChainID: polymarket.Polygon, Version: "2"})
			if err != nil {
				p.b.Error(err)
				return
			}
			body := polymarket.PostBody(polymarket.Envelope{Order: signed, Owner: creds.Key, Type: polymarket.GTC})
			req, err := http.NewRequest(http.MethodPost, base+"/order", bytes.NewReader(body))
			if err != nil {
				p.b.Error(err)
				return
			}
			req.Header = polymarket.L2Headers(creds, p.key.Address(), time.Now().Unix(), http.MethodPost, "/order", body)
			req.Header.Set("Content-Type", "application/json")
			r, err := client.Do(req)
			if err != nil {
				p.b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			r.Body.Close()
		})
	})
	if err != nil {
		p.b.Fatal(err)
	}
	p.b.Cleanup(func() { cc.Stop(); posts.Wait() })
}

func tick(b *testing.B) polymarket.Tick {
	t, err := polymarket.ParseTick("0.01")
	if err != nil {
		b.Fatal(err)
	}
	return t
}

// round publishes count orders at a rate and returns how many milliseconds each took to reach the venue.
func (p *path) round(account msgs.Account, rate, count int) []float64 {
	published := make(map[int]time.Time, count)
	start := time.Now()
	for i := range count {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		size := p.next
		p.next++
		data := fmt.Appendf(nil, `{"client_order_id":"%s-%d","token_id":"%s","side":"BUY","type":"GTC","price":"0.5","size":"%d.%02d","sent_ms":%d}`,
			account, size, token, size/100, size%100, time.Now().UnixMilli())
		if account == "main" {
			p.mu.Lock()
			p.own[size] = true
			p.mu.Unlock()
		}
		published[size] = time.Now()
		if err := p.nc.Publish(msgs.CmdSubject(msgs.FamilyOrder, account, msgs.VerbSubmit), data); err != nil {
			p.b.Fatal(err)
		}
	}
	took := make([]float64, 0, count)
	for range count {
		select {
		case a := <-p.arrived:
			took = append(took, float64(a.at.Sub(published[a.size]).Microseconds())/1000)
		case <-time.After(20 * time.Second):
			p.b.Fatalf("%s: %d of %d orders reached the venue", account, len(took), count)
		}
	}
	return took
}
