package natsbook_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/limits/quota"
	"sluice/pkg/limits/quota/natsbook"
	"sluice/pkg/limits/referee"
	"sluice/pkg/msgs"
)

func TestMain(m *testing.M) { actortest.Main(m) }

// books makes the stream as services do.
func books(t *testing.T, b *actortest.Bubble) jetstream.JetStream {
	t.Helper()
	if err := actor.EnsureStreams(t.Context(), b.JetStream(), 1); err != nil {
		t.Fatal(err)
	}
	return b.JetStream()
}

func open(js jetstream.JetStream, book string) *natsbook.Log {
	return natsbook.New(js, msgs.QuotaStream, msgs.QuotaSubject(book))
}

// Two writers on a real broker, beside another book: order, position, fence, trim, a restart of the broker, and what is lost.
func TestOfTwoWritersOneIsRefused(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		js := books(t, b)
		one, two, spare := open(js, "a"), open(js, "a"), open(js, "b")
		event := func(i int) quota.Event {
			return quota.Event{Kind: quota.Reserved, ID: strconv.Itoa(i), At: time.Now().Round(0).UTC()}
		}
		if _, err := spare.Append(t.Context(), 0, event(0)); err != nil {
			t.Fatal(err)
		}
		const n = 1100 // more than one chunk
		at, first := uint64(0), uint64(0)
		for i := range n {
			pos, err := one.Append(t.Context(), at, event(i))
			if err != nil || pos <= at {
				t.Fatalf("append behind %d: %d, %v", at, pos, err)
			}
			if i == 0 {
				first = pos
			}
			if i%500 == 0 {
				if _, err := two.Append(t.Context(), at, event(i)); !errors.Is(err, quota.ErrBehind) {
					t.Errorf("a second event behind %d: %v", at, err)
				}
			}
			at = pos
		}
		read := func(after uint64, from, want int) {
			t.Helper()
			got, err := two.Read(t.Context(), after)
			if err != nil || len(got) != want {
				t.Fatalf("behind %d are %d events, %v; want %d", after, len(got), err, want)
			}
			for i, e := range got {
				if e.Event.ID != strconv.Itoa(from+i) || i > 0 && e.After != got[i-1].Pos {
					t.Fatalf("event %d is %+v", i, e)
				}
			}
		}
		read(0, 0, n)
		read(at-1, n-1, 1)
		read(at, 0, 0)
		b.Restart()
		time.Sleep(time.Second) // virtual: the connection comes back
		read(at-300, n-300, 300)
		if err := one.Trim(t.Context(), first+100); err != nil {
			t.Fatal(err)
		}
		read(0, 100, n-100)
		if got, err := spare.Read(t.Context(), 0); err != nil || len(got) != 1 {
			t.Errorf("the other book has %d events, %v", len(got), err)
		}
		lost := (*quota.LostError)(nil)
		if _, err := two.Read(t.Context(), at+1); !errors.As(err, &lost) || lost.Last != at {
			t.Errorf("a book that ends before what was written: %v", err)
		}
		if _, err := natsbook.New(js, "NONE", "quota.a").Append(t.Context(), at, event(0)); err == nil || errors.Is(err, quota.ErrBehind) {
			t.Errorf("another stream: %v", err)
		}
	})
}

var (
	errDied = errors.New("the process has died")
	errDeaf = errors.New("no answer")
)

// mortal is a book as a process has it that may die, or whose broker's answer may be lost, at each step.
type mortal struct {
	quota.Journal
	at func() bool // whether it dies or is deaf here
}

func (m mortal) Append(ctx context.Context, after uint64, e quota.Event) (uint64, error) {
	if m.at() {
		return 0, errDied
	}
	pos, err := m.Journal.Append(ctx, after, e)
	if err == nil && m.at() {
		return 0, errDeaf
	}
	return pos, err
}

// shop is a relayer with a true rolling day, and processes that spend its units by one book each, or all by one.
type shop struct {
	t        *testing.T
	js       jetstream.JetStream
	random   *rand.Rand
	crash    int // permille, at each step
	broken   bool
	server   referee.Server
	began    time.Time
	arrivals []time.Time
	refused  int
	deaths   int
	keepers  []*quota.Keeper
}

const dailyUnits = 100

func newShop(t *testing.T, b *actortest.Bubble, processes, crash int) *shop {
	s := &shop{t: t, js: books(t, b), random: rand.New(rand.NewPCG(uint64(processes), uint64(crash))), crash: crash, began: time.Now(),
		server: referee.Server{Windows: []*referee.Window{{N: dailyUnits, Per: quota.Day}}}, keepers: make([]*quota.Keeper, processes)}
	for i := range s.keepers {
		s.start(i)
	}
	return s
}

func (s *shop) dies() bool { return s.random.IntN(1000) < s.crash }

// start is a process that begins, with what the broker has and nothing else.
func (s *shop) start(i int) {
	s.keepers[i] = quota.NewKeeper(dailyUnits, mortal{open(s.js, "builder-1"), s.dies}, time.Now)
}

// want lets a process want a unit: it reserves, submits, and says what became of it. It may die between any two steps.
func (s *shop) want(i int, id string) {
	died := func(err error) bool {
		if errors.Is(err, errDied) || s.dies() {
			s.deaths++
			s.start(i)
			return true
		}
		return false
	}
	exhausted := (*quota.Exhausted)(nil)
	err := s.keepers[i].Reserve(s.t.Context(), id, quota.Rescue)
	if died(err) || errors.As(err, &exhausted) && !s.broken {
		return
	}
	if err != nil && !errors.As(err, &exhausted) {
		s.t.Fatal(err)
	}
	s.arrivals = append(s.arrivals, time.Now())
	if !s.server.Arrive(time.Since(s.began), 1) {
		s.refused++
	}
	if died(nil) {
		return
	}
	if err := s.keepers[i].Confirm(s.t.Context(), id); err != nil && !died(err) {
		s.t.Fatal(err)
	}
}

// forgotten is how many units of the server's day the book does not have.
func (s *shop) forgotten() int {
	now, spent := time.Now(), 0
	for _, a := range s.arrivals {
		if now.Sub(a) < quota.Day {
			spent++
		}
	}
	v, err := quota.NewKeeper(dailyUnits, open(s.js, "builder-1"), time.Now).View(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return max(0, spent-v.Used)
}

// TestQuotaIsSpentAndNeverExceededOnARealBroker runs virtual days with a call wanted each five minutes, 2.9 times the quota, by one,
// two and three processes of one book that die at each step with a chance of 2 %, also after the broker has stored what they wrote.
// The server counts a true rolling day. Whoever does not heed the book is refused: the test can tell. SLUICE_QUOTA_DAYS=60 is the
// long campaign; its figures are in docs/limits.md.
func TestQuotaIsSpentAndNeverExceededOnARealBroker(t *testing.T) {
	type campaign struct {
		processes, crash int
		broken           bool
		used             int // permille of what the server would have allowed, at least
	}
	days, all := 2, []campaign{{3, 20, false, 900}, {3, 0, true, 985}}
	if text := os.Getenv("SLUICE_QUOTA_DAYS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 2 {
			t.Fatalf("SLUICE_QUOTA_DAYS=%s is no number of days, 2 or more", text)
		}
		days, all = n, append(all, campaign{1, 0, false, 985}, campaign{1, 20, false, 900}, campaign{2, 20, false, 900})
	}
	for _, c := range all {
		t.Run(fmt.Sprintf("S2-40 S2-63 %d processes, %d permille, obeyed %v", c.processes, c.crash, !c.broken), func(t *testing.T) {
			actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
				s := newShop(t, b, c.processes, c.crash)
				s.broken = c.broken
				for call := range days * 24 * 12 {
					time.Sleep(5 * time.Minute)
					s.want(s.random.IntN(c.processes), strconv.Itoa(call))
					if call%288 == 287 {
						if n := s.forgotten(); n != 0 && !c.broken {
							t.Fatalf("day %d: the book has forgotten %d units", call/288, n)
						}
						if err := s.keepers[0].Trim(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				}
				used := (s.server.Arrived - s.server.Violations) * 1000 / (days * dailyUnits)
				if (s.refused == 0) == c.broken || used < c.used {
					t.Errorf("used %d permille, %d refused", used, s.refused)
				}
				st, err := s.js.Stream(t.Context(), msgs.QuotaStream)
				if err != nil {
					t.Fatal(err)
				}
				kept := st.CachedInfo().State
				if kept.Msgs > 8*dailyUnits {
					t.Errorf("%d events are kept", kept.Msgs)
				}
				t.Logf("used %d permille, %d refused, %d deaths in %d days; %d of %d events are kept", used, s.refused, s.deaths, days, kept.Msgs, kept.LastSeq)
			})
		})
	}
}

// TestNoMidnightGivesUnitsBackOnARealBroker spends in the four hours before a midnight of UTC by one process, and wants to in the
// four behind it by another, which has started anew: the window outlives both the day and the restart of everything.
func TestNoMidnightGivesUnitsBackOnARealBroker(t *testing.T) {
	t.Run("S2-5 C-12 S2-63 the day rolls over a restart", func(t *testing.T) {
		actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
			time.Sleep(time.Until(time.Now().Truncate(quota.Day).Add(20 * time.Hour)))
			s := newShop(t, b, 2, 0)
			for i := range 120 {
				time.Sleep(2 * time.Minute)
				s.want(0, strconv.Itoa(i))
			}
			if n := len(s.arrivals); n != dailyUnits {
				t.Fatalf("S2-2: %d units in the evening", n)
			}
			b.Restart()
			time.Sleep(time.Second) // virtual: the connection comes back
			s.start(1)
			for i := range 110 {
				time.Sleep(2 * time.Minute)
				s.want(1, strconv.Itoa(1000+i))
			}
			if n := len(s.arrivals); n != dailyUnits || s.refused != 0 {
				t.Errorf("S2-5: %d units behind midnight, %d refused", n-dailyUnits, s.refused)
			}
			time.Sleep(time.Until(s.arrivals[0].Add(quota.Day + 5*time.Minute)))
			if s.want(1, "next"); len(s.arrivals) != dailyUnits+1 || s.refused != 0 {
				t.Errorf("a day later %d units, %d refused", len(s.arrivals), s.refused)
			}
		})
	})
}

// TestUnitsWantedAtOnceAreReservedOnce lets three processes want fifty units each at the same moment, with a hundred to spend.
func TestUnitsWantedAtOnceAreReservedOnce(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		js := books(t, b)
		var wg sync.WaitGroup
		got := make(chan string, 3*50)
		for p := range 3 {
			k := quota.NewKeeper(dailyUnits, open(js, "builder-1"), time.Now)
			wg.Go(func() {
				for i := range 50 {
					id := fmt.Sprint(p, "/", i)
					if err := k.Reserve(t.Context(), id, quota.Rescue); err == nil {
						got <- id
					} else if exhausted := (*quota.Exhausted)(nil); !errors.As(err, &exhausted) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		v, err := quota.NewKeeper(dailyUnits, open(js, "builder-1"), time.Now).View(t.Context())
		if err != nil || len(got) != dailyUnits || v.Used != dailyUnits || v.Reserved != dailyUnits {
			t.Errorf("%d were given, %+v, %v", len(got), v, err)
		}
	})
}

// TestWrongClockOfOneProcessHarmsNoOther lets one whose clock is days ahead, and one whose clock is days behind, spend and be
// refused: for the others a unit is charged for a day, and the book closed for as long as the server said.
func TestWrongClockOfOneProcessHarmsNoOther(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		js := books(t, b)
		right := quota.NewKeeper(dailyUnits, open(js, "builder-1"), time.Now)
		view := func() quota.View {
			t.Helper()
			v, err := right.View(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		for i := range 40 {
			if err := right.Reserve(t.Context(), strconv.Itoa(i), quota.Rescue); err != nil {
				t.Fatal(err)
			}
		}
		for i, off := range []time.Duration{-3 * quota.Day, 3 * quota.Day} {
			wrong := quota.NewKeeper(dailyUnits, open(js, "builder-1"), func() time.Time { return time.Now().Add(off) })
			id := fmt.Sprint("wrong", i)
			if err := errors.Join(wrong.Reserve(t.Context(), id, quota.Rescue), wrong.Confirm(t.Context(), id)); err != nil {
				t.Fatal(err)
			}
			if v := view(); v.Used != 41+i || v.Reset.After(time.Now().Add(25*time.Hour)) {
				t.Errorf("a clock that is off by %s: %d used, the next back at %s", off, v.Used, v.Reset)
			}
			if err := wrong.Block(t.Context(), time.Duration(i+1)*time.Hour); err != nil {
				t.Fatal(err)
			}
			if v, want := view(), time.Now().Add(time.Duration(i+1)*time.Hour); v.BlockedUntil.Sub(want).Abs() > time.Minute {
				t.Errorf("a clock that is off by %s: closed until %s, want %s", off, v.BlockedUntil, want)
			}
			time.Sleep(2*time.Hour + time.Minute)
		}
		time.Sleep(quota.Day + 5*time.Minute)
		if v := view(); v.Used != 0 || v.Blocked {
			t.Errorf("a day later %+v", v)
		}
	})
}

// TestNothingIsSpentWithoutABroker takes a process its connection: no unit is given, and another knows what was given before.
func TestNothingIsSpentWithoutABroker(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		books(t, b)
		nc := b.Connect()
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		k := quota.NewKeeper(dailyUnits, open(js, "builder-1"), time.Now)
		if err := k.Reserve(t.Context(), "a", quota.Rescue); err != nil {
			t.Fatal(err)
		}
		nc.Close()
		if err := k.Reserve(t.Context(), "b", quota.Rescue); err == nil {
			t.Error("a unit was given without the book")
		}
		if v, err := quota.NewKeeper(dailyUnits, open(b.JetStream(), "builder-1"), time.Now).View(t.Context()); err != nil || v.Used != 1 {
			t.Errorf("%+v, %v", v, err)
		}
	})
}
