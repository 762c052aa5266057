package relayer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/quota"
	"sluice/pkg/limits/referee"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

func builder(n int) polymarket.BuilderCredentials {
	b := sandbox.BuilderKeys()[n]
	return polymarket.BuilderCredentials{Key: b.Key, Secret: polymarket.Secret(b.Secret), Passphrase: polymarket.Secret(b.Passphrase)}
}

// till is processes that submit to a relayer, whose answers a test may replace.
type till struct {
	t      *testing.T
	b      *actortest.Bubble
	pipe   *actortest.Pipe
	minute referee.Server
	began  time.Time

	mu       sync.Mutex
	instead  func(w http.ResponseWriter) bool // answers a submit; false: the sandbox does
	submits  int
	statuses map[int]int
	log      bytes.Buffer
}

// openTill serves the sandbox's relayer. It charges a unit for each submit that it does not turn away at the door, and refuses
// what these tests send, which is no transaction.
func openTill(t *testing.T, b *actortest.Bubble) *till {
	box, err := sandbox.New(sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	if err := actor.EnsureStreams(t.Context(), b.JetStream(), 1); err != nil {
		t.Fatal(err)
	}
	l := &till{t: t, b: b, pipe: b.Pipe(), began: time.Now(), statuses: map[int]int{}, minute: referee.Server{Windows: []*referee.Window{{N: 25, Per: time.Minute}}}}
	l.pipe.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			l.mu.Lock()
			l.submits++
			l.minute.Arrive(time.Since(l.began), 1)
			instead := l.instead
			l.mu.Unlock()
			if instead != nil && instead(w) {
				return
			}
		}
		box.Handler().ServeHTTP(w, r)
	}))
	return l
}

// process is one that uses the allowance of a builder.
type process struct {
	*till
	all   *Allowances
	of    *Allowance
	relay *polymarket.Relayer
	stop  func()
}

// run lets a process share its minute; stop ends that, which spares a virtual day its thousands of beats.
func (p *process) run() {
	ctx, stop := context.WithCancel(p.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.all.Run(ctx); err != nil {
			p.t.Error(err)
		}
	})
	p.stop = func() { stop(); running.Wait() }
	p.t.Cleanup(p.stop)
}

func (l *till) process(name string, auth polymarket.RelayerAuth) *process {
	l.t.Helper()
	nc := l.b.Connect()
	js, err := jetstream.New(nc)
	if err != nil {
		l.t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(io.Writer(l), &slog.HandlerOptions{Level: slog.LevelDebug}))
	all, err := NewAllowances(AllowanceConfig{Env: "sandbox", Relayer: "http://relayer.test", Owner: name, Options: budget.Options{Factor: budget.Permille}, NATS: nc, JS: js, Log: log})
	if err != nil {
		l.t.Fatal(err)
	}
	of := all.Of(auth)
	p := &process{till: l, all: all, of: of, relay: &polymarket.Relayer{BaseURL: "http://relayer.test/relayer", HTTP: of.Client(l.pipe.Client()), Auth: auth}}
	p.run()
	return p
}

// Write takes a line of a log.
func (l *till) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(line)
}

// lines are those of the log with a message.
func (l *till) lines(msg string) (out []map[string]any) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for text := range strings.Lines(l.log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			l.t.Fatal(err)
		}
		if line["msg"] == msg {
			out = append(out, line)
		}
	}
	return out
}

// submit spends a unit the way the performer does.
func (p *process) submit(id string) error {
	if err := p.of.Reserve(p.t.Context(), id, quota.Rescue); err != nil {
		return err
	}
	_, _, err := p.relay.Submit(p.t.Context(), polymarket.RelayerRequest{Body: []byte("{}")}, time.Time{})
	refusal, _ := errors.AsType[*polymarket.RelayerError](err)
	if refusal == nil {
		return errors.Join(err, p.of.Confirm(p.t.Context(), id))
	}
	p.mu.Lock()
	p.statuses[refusal.Status]++
	p.mu.Unlock()
	if refusal.MayBeCharged() {
		return p.of.Confirm(p.t.Context(), id)
	}
	if refusal.Reason != polymarket.RelayerQuota {
		return p.of.Void(p.t.Context(), id)
	}
	return errors.Join(err, p.of.Void(p.t.Context(), id), p.of.Block(p.t.Context(), refusal.After))
}

// TestTwoProcessesSpendOneBuildersUnits lets two processes with one credential want 130 units at once, for two accounts. The
// relayer counts a hundred a day and never has to refuse one for it, and never more than 25 arrive in a minute.
func TestTwoProcessesSpendOneBuildersUnits(t *testing.T) {
	t.Run("S2-2 S2-10 S2-40 S2-63 one book, one minute", func(t *testing.T) {
		actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
			l := openTill(t, b)
			var wg sync.WaitGroup
			var ended sync.Map
			for n := range 2 {
				p := l.process(fmt.Sprint("p", n), builder(0))
				for i := range 65 {
					wg.Go(func() { ended.Store(fmt.Sprint(n, "/", i), p.submit(fmt.Sprint(n, "/", i))) })
				}
			}
			wg.Wait()
			spent, exhausted := 0, 0
			ended.Range(func(id, err any) bool {
				if err == nil {
					spent++
				} else if e, ok := errors.AsType[*quota.Exhausted](err.(error)); ok && e.Until.After(l.began.Add(quota.Day)) {
					exhausted++
				} else {
					t.Errorf("unit %v: %v", id, err)
				}
				return true
			})
			if spent != 100 || exhausted != 30 || l.submits != 100 || l.statuses[http.StatusTooManyRequests] != 0 {
				t.Errorf("%d spent, %d exhausted, %d arrived, statuses %v", spent, exhausted, l.submits, l.statuses)
			}
			if l.minute.Violations != 0 {
				t.Errorf("S2-10: %d of %d arrived above 25 a minute", l.minute.Violations, l.minute.Arrived)
			}
			kv, err := b.JetStream().KeyValue(t.Context(), "LIMITS")
			if err != nil {
				t.Fatal(err)
			}
			if keys, err := kv.Keys(t.Context()); err != nil || !slices.Equal(keys, []string{"relayer-relayer_test"}) {
				t.Errorf("the minute is shared under %v, %v: whoever else calls this host has other limits", keys, err)
			}
			if took := time.Since(l.began); took > 5*time.Minute {
				t.Errorf("a hundred submits took %s", took)
			}
		})
	})
}

// TestAccountsOfOneCredentialShareItsBook takes the books of several credentials.
func TestAccountsOfOneCredentialShareItsBook(t *testing.T) {
	t.Run("S2-57 the tier is configured", accountsOfOneCredentialShareItsBook)
}

func accountsOfOneCredentialShareItsBook(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		js := b.JetStream()
		open := func(env msgs.Env, tier string) *Allowances {
			a, err := NewAllowances(AllowanceConfig{Env: env, Relayer: "http://relayer.test", Tier: tier, NATS: b.NATS(), JS: js, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		all := open("sandbox", "")
		one, again, other := all.Of(builder(0)), all.Of(builder(0)), all.Of(builder(1))
		if one != again || one == other || one.book == other.book {
			t.Errorf("books %s, %s, %s", one.book, again.book, other.book)
		}
		if strings.Contains(one.book, builder(0).Key) || strings.ContainsAny(one.book, ".*> ") {
			t.Errorf("book %q", one.book)
		}
		if live := open("live", "").Of(builder(0)); live.book == one.book {
			t.Error("one book for the sandbox and for money")
		}
		own := polymarket.RelayerCredentials{Key: "k", Address: polymarket.Address{1}}
		for want, got := range map[int]*Allowance{100: one, 3000: open("sandbox", "verified").Of(builder(0)), 0: open("sandbox", "Partner").Of(builder(0))} {
			if a, err := got.Answer(t.Context()); err == nil || got.keeper == nil {
				t.Errorf("answered without a stream: %+v", a)
			} else if n := dailyUnits(all.cfg.Profile, got.tier); n != want {
				t.Errorf("S2-3 S2-4: %s has %d units a day, want %d", got.tier, n, want)
			}
		}
		if a := all.Of(own); a.tier != ownKeyTier || dailyUnits(all.cfg.Profile, a.tier) != 0 || a.book == one.book {
			t.Errorf("own key: %s, %s", a.book, a.tier)
		}
		_, err := all.Of(nil).Answer(t.Context())
		if e, ok := errors.AsType[*msgs.Error](err); !ok || e.Code != msgs.NotCapable || e.Fix == "" {
			t.Errorf("without a credential: %v", err)
		}
		if _, err := NewAllowances(AllowanceConfig{Tier: "Gold"}); err == nil || !strings.Contains(err.Error(), "Unverified") {
			t.Errorf("an unknown tier: %v", err)
		}
	})
}

// TestEveryRelayerCallIsLoggedWithWhatRemains submits sixty times and reads once.
func TestEveryRelayerCallIsLoggedWithWhatRemains(t *testing.T) {
	t.Run("S2-56 S2-61 S2-64 logged, answered, measured", func(t *testing.T) {
		actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
			l := openTill(t, b)
			p := l.process("p", builder(0))
			if a, err := p.of.Answer(t.Context()); err != nil || a.Used != 0 || a.Remaining != 100 || a.Limit != 100 || a.Tier != "unverified" || a.Warning || a.LastCallMS != 0 ||
				a.ResetsMS != 0 || a.RunsOutMS != nil || a.BlockedUntilMS != nil || a.PerMinute != (msgs.PerMinute{Limit: 25}) {
				t.Errorf("before the first: %+v, %v", a, err)
			}
			for i := range 60 {
				if err := p.submit(fmt.Sprint(i)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := p.relay.Nonce(t.Context(), polymarket.Address{1}, polymarket.Safe); err == nil {
				t.Error("a relayer without a chain knows a nonce")
			}
			calls := l.lines("relayer called")
			if len(calls) != 61 {
				t.Fatalf("%d calls are logged", len(calls))
			}
			for i, c := range calls[:60] {
				if c["level"] != "INFO" || c["path"] != "/relayer/submit" || c["remaining"] != float64(99-i) || c["time"] == nil || c["status"] == nil {
					t.Fatalf("call %d: %v", i, c)
				}
			}
			if c := calls[60]; c["level"] != "DEBUG" || c["method"] != "GET" || c["remaining"] != float64(40) {
				t.Errorf("a read: %v", c)
			}
			if w := l.lines("half of the daily units of the relayer are used"); len(w) != 1 || w[0]["used"] != float64(50) || w[0]["level"] != "WARN" {
				t.Errorf("S2-64: warned %v", w)
			}
			a, err := p.of.Answer(t.Context())
			if err != nil || a.Used != 60 || a.Remaining != 40 || a.Reserved != 0 || !a.Warning || a.RunsOutMS == nil || a.LastCallMS < l.began.UnixMilli() || a.ResetsMS < l.began.Add(quota.Day).UnixMilli() || a.PerMinute.Used == 0 {
				t.Errorf("after sixty: %+v, %v", a, err)
			}
			r := prometheus.NewRegistry()
			r.MustRegister(p.all.Metrics())
			got := map[string]float64{}
			families, err := r.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				got[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
			}
			if got["sluice_quota_used_units"] != 60 || got["sluice_quota_remaining_units"] != 40 || got["sluice_quota_limit_units"] != 100 || got["sluice_quota_warning"] != 1 || len(got) != 7 {
				t.Errorf("metrics %v", got)
			}
		})
	})
}

// TestRelayersResetIsObeyedHoweverWrongItIs has the relayer say that nothing is left: with a long reset, and with one that is over
// at once, again and again.
func TestRelayersResetIsObeyedHoweverWrongItIs(t *testing.T) {
	t.Run("S2-6 S2-7 S2-62 resets in N seconds", func(t *testing.T) {
		actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
			l := openTill(t, b)
			p, other := l.process("p", builder(0)), l.process("other", builder(0))
			gone := func(seconds int) {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.submits = 0
				l.instead = func(w http.ResponseWriter) bool {
					w.WriteHeader(http.StatusTooManyRequests)
					_, _ = fmt.Fprintf(w, `{"error":"quota exceeded: 0 units remaining, resets in %d seconds"}`, seconds)
					return true
				}
			}
			gone(68000)
			if err := p.submit("a"); err == nil {
				t.Error("the refusal is not told")
			}
			until := time.Now().Add(68000 * time.Second)
			a, err := other.of.Answer(t.Context())
			if err != nil || a.Remaining != 0 || a.Used != 0 || a.BlockedUntilMS == nil || *a.BlockedUntilMS != until.UnixMilli() || a.ResetsMS != until.UnixMilli() {
				t.Errorf("another process: %+v, %v", a, err)
			}
			exhausted := (*quota.Exhausted)(nil)
			if err := other.submit("b"); !errors.As(err, &exhausted) || !exhausted.Until.Equal(until.Round(0)) || l.submits != 1 {
				t.Errorf("%v, %d submits", err, l.submits)
			}
			if w := l.lines("the relayer has no daily units left; nothing is submitted before its reset"); len(w) == 0 || w[0]["level"] != "WARN" {
				t.Errorf("S2-66: %v", w)
			}
			p.stop()
			other.stop()
			time.Sleep(time.Until(until) - time.Minute)
			again := l.process("again", builder(0))
			if err := again.submit("b"); !errors.As(err, &exhausted) || l.submits != 1 {
				t.Errorf("after a start of all, a minute before the reset: %v, %d submits", err, l.submits)
			}
			time.Sleep(time.Minute + time.Second)
			gone(0)
			for end := time.Now().Add(4 * time.Hour); time.Now().Before(end); time.Sleep(time.Minute) {
				_ = again.submit("c") // the refusal, or that the book is closed
			}
			if l.submits < 7 || l.submits > 11 {
				t.Errorf("%d submits in four hours of a relayer that prints a reset of 0 seconds", l.submits)
			}
			for _, c := range l.lines("relayer called") {
				if c["status"] != float64(http.StatusTooManyRequests) || c["level"] != "WARN" {
					t.Fatalf("S2-66: %v", c)
				}
			}
			time.Sleep(2 * time.Hour)
			gone(1_000_000_000)
			if err := again.submit("c"); err == nil {
				t.Error("the refusal is not told")
			}
			again.stop()
			l.mu.Lock()
			l.instead = nil
			l.mu.Unlock()
			time.Sleep(25*time.Hour + time.Second)
			_, err = again.of.View(t.Context())
			if err != nil {
				t.Error(err)
			}
			again.run()
			if err := again.submit("d"); err != nil {
				t.Errorf("when there are units again: %v", err)
			}
			synctest.Wait()
			if w := l.lines("the relayer has daily units again"); len(w) == 0 {
				t.Error("nobody says that there are units again")
			}
		})
	})
}

// TestBooksAreTrimmedByTheirKeepers spends thirty units, lets two days pass, and starts anew: what lapsed is not kept.
func TestBooksAreTrimmedByTheirKeepers(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		l := openTill(t, b)
		p := l.process("p", builder(0))
		for i := range 30 {
			if err := p.submit(fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		kept := func() uint64 {
			st, err := b.JetStream().Stream(t.Context(), msgs.QuotaStream)
			if err != nil {
				t.Fatal(err)
			}
			return st.CachedInfo().State.Msgs
		}
		if n := kept(); n != 60 {
			t.Errorf("%d events of thirty units that count", n)
		}
		p.stop()
		time.Sleep(2*quota.Day + time.Hour)
		l.process("again", builder(0))
		time.Sleep(time.Second) // virtual: it looks at its books as it starts
		if n := kept(); n != 2 {
			t.Errorf("%d events are kept, and those of the last call alone are needed", n)
		}
	})
}
