package quota

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"sluice/pkg/limits/referee"
)

func start() time.Time { return time.Date(2026, 11, 1, 20, 0, 0, 0, time.UTC) }

// memory is a journal that outlives its keepers.
type memory struct {
	mu     sync.Mutex
	events []Event
	fail   error
}

func (m *memory) Append(_ context.Context, after uint64, e Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if uint64(len(m.events)) != after {
		return ErrBehind
	}
	m.events = append(m.events, e)
	return nil
}

func (m *memory) Read(_ context.Context, after uint64) ([]Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events[after:]), nil
}

// TestSharedQuotaIsNeverExceeded runs virtual days, sixty of them or ten with crashes, with a call wanted each five minutes, three processes that crash
// between any two steps, and a server that counts a true rolling day. With one shared book that reserves first, the server
// never refuses and the quota is used up. Books that record afterwards, or that each process keeps for itself, are refused
// hundreds of times: the test can tell.
func TestSharedQuotaIsNeverExceeded(t *testing.T) {
	for _, c := range []struct {
		name             string
		shared, first    bool
		crash            int // permille, at each of the steps
		used, refusedMin int // permille at least; refusals at least, 0: none at all
	}{
		{"S2-40 one book, reserve first", true, true, 0, 985, 0},
		{"S2-63 one book, crashes", true, true, 20, 960, 0},
		{"broken: recorded afterwards, crashes", true, false, 20, 985, 10},
		{"broken: a book for each process", false, true, 0, 985, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(4, 4))
			server := referee.Server{Windows: []*referee.Window{{N: 100, Per: Day}}}
			now := start()
			clock := func() time.Time { return now }
			journals := []*memory{{}, {}, {}}
			var keepers []*Keeper
			for i := range 3 {
				if c.shared {
					journals[i] = journals[0]
				}
				keepers = append(keepers, NewKeeper(100, journals[i], clock))
			}
			refused, ctx := 0, t.Context()
			crashed := func(i int) bool {
				if random.IntN(1000) < c.crash {
					keepers[i] = NewKeeper(100, journals[i], clock)
					return true
				}
				return false
			}
			days := 60
			if c.crash > 0 { // each crash reads the journal from its beginning
				days = 10
			}
			for call := range days * 24 * 12 {
				now = now.Add(5 * time.Minute)
				i, id := call%3, fmt.Sprint(call)
				if !c.first { // look, submit, record
					if v, err := keepers[i].View(ctx); err != nil || v.Remaining == 0 {
						continue
					}
				} else if err := keepers[i].Reserve(ctx, id, Rescue); err != nil {
					continue
				}
				if crashed(i) {
					continue
				}
				if !server.Arrive(now.Sub(start()), 1) {
					refused++
				}
				if crashed(i) {
					continue
				}
				if !c.first {
					_ = keepers[i].Reserve(ctx, id, Rescue)
				}
				if err := keepers[i].Confirm(ctx, id); err != nil {
					t.Fatal(err)
				}
			}
			used := (server.Arrived - server.Violations) * 1000 / (days * 100)
			if used < c.used || (c.refusedMin == 0) != (refused == 0) || refused < c.refusedMin {
				t.Errorf("used %d permille, %d refused", used, refused)
			}
			t.Logf("used %d permille, %d refused", used, refused)
		})
	}
}

// TestNoMidnightGivesUnitsBack spends the quota in the last four hours of a day and wants none in the first of the next.
func TestNoMidnightGivesUnitsBack(t *testing.T) {
	t.Run("S2-5 C-12 the day rolls", func(t *testing.T) {
		b, now := NewBook(100), start()
		spend := func(n int) (spent int) {
			for i := range n {
				e, ok, err := b.Reserve(now, fmt.Sprint(now.Unix(), i), Rescue)
				if err == nil && ok {
					b.Apply(e)
					spent++
				}
				now = now.Add(time.Minute)
			}
			return spent
		}
		if n := spend(240); n != 100 {
			t.Fatalf("S2-2: %d units in the evening", n)
		}
		if n := spend(240); n != 0 {
			t.Errorf("S2-5: %d units after midnight", n)
		}
		v := b.View(now)
		if want := start().Add(Day + slack); !v.Reset.Equal(want) || v.Remaining != 0 || !v.Warn || !v.LastCall.Equal(start().Add(99*time.Minute)) {
			t.Errorf("S2-40: %+v, want reset at %s", v, want)
		}
		now = start().Add(Day + slack + time.Second)
		if n := spend(1); n != 1 {
			t.Error("no unit a day after the first")
		}
	})
}

// TestServerIsObeyed blocks for as long as the server names, and counts what others spent.
func TestServerIsObeyed(t *testing.T) {
	t.Run("S2-6 S2-62 the server says until when", func(t *testing.T) {
		b, now := NewBook(100), start()
		e, ok := b.Block(now, 68000*time.Second)
		if !ok {
			t.Fatal("not blocked")
		}
		b.Apply(e)
		var ex *Exhausted
		if _, _, err := b.Reserve(now, "a", Rescue); !errors.As(err, &ex) || !ex.Until.Equal(now.Add(68000*time.Second)) {
			t.Errorf("S2-7 S2-62: %v", err)
		}
		if _, ok := b.Block(now, time.Second); ok {
			t.Error("a shorter block was taken")
		}
		now = now.Add(68001 * time.Second)
		if _, _, err := b.Reserve(now, "a", Rescue); err != nil {
			t.Errorf("after the block: %v", err)
		}
		if _, ok := b.Hear(now, 500); ok {
			t.Error("more than we know was believed")
		}
		e, ok = b.Hear(now, 30)
		b.Apply(e)
		if v := b.View(now); !ok || v.Used != 70 || v.Remaining != 30 {
			t.Errorf("30 remain: %+v", v)
		}
	})
}

// TestLastUnitsAreForMoneyThatMustComeHome spends by purpose until each is refused.
func TestLastUnitsAreForMoneyThatMustComeHome(t *testing.T) {
	b, now := NewBook(100), start()
	for _, c := range []struct {
		p    Purpose
		want int
	}{{Ordinary, 80}, {Essential, 95}, {Rescue, 100}} {
		for i := 0; ; i++ {
			e, ok, err := b.Reserve(now, fmt.Sprint(c.p, i), c.p)
			if err != nil || !ok {
				break
			}
			b.Apply(e)
		}
		if v := b.View(now); v.Used != c.want {
			t.Errorf("%s stopped at %d, want %d", c.p, v.Used, c.want)
		}
	}
	unlimited := NewBook(0)
	for i := range 5000 {
		e, _, err := unlimited.Reserve(now, fmt.Sprint(i), Ordinary)
		if err != nil {
			t.Fatalf("S2-4: unit %d of a partner: %v", i, err)
		}
		unlimited.Apply(e)
	}
}

// TestWarningAndForecast spends ten units an hour and wants the warning at half and a forecast of the end.
func TestWarningAndForecast(t *testing.T) {
	t.Run("S2-61 S2-64 remaining, warning, forecast", func(t *testing.T) {
		b, now := NewBook(100), start()
		for i := range 50 {
			if v := b.View(now); v.Warn {
				t.Fatalf("S2-64: warned at %d", v.Used)
			}
			e, _, _ := b.Reserve(now, fmt.Sprint(i), Ordinary)
			b.Apply(e)
			now = now.Add(6 * time.Minute)
		}
		v := b.View(now)
		if !v.Warn {
			t.Error("S2-64: not warned at 50 of 100")
		}
		if d := v.Dry.Sub(now); d < 4*time.Hour || d > 7*time.Hour {
			t.Errorf("dry in %s, want about five hours", d)
		}
	})
}

// TestReplayEqualsLife feeds random decisions to a book and to the fold of its events.
func TestReplayEqualsLife(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		live, now := NewBook(20), start()
		var events []Event
		for range 400 {
			now = now.Add(time.Duration(r.IntN(7200)) * time.Second)
			id := fmt.Sprint(r.IntN(40))
			var e Event
			var ok bool
			switch r.IntN(6) {
			case 0, 1:
				e, ok, _ = live.Reserve(now, id, Purpose(r.IntN(3)))
			case 2, 3:
				e, ok = live.Confirm(now, id)
			case 4:
				e, ok = live.Void(now, id)
			default:
				if e, ok = live.Hear(now, r.IntN(25)); r.IntN(10) == 0 {
					e, ok = live.Block(now, time.Duration(r.IntN(40000))*time.Second)
				}
			}
			if ok {
				live.Apply(e)
				events = append(events, e)
			}
			if v := live.View(now); v.Used > 20 {
				t.Fatalf("seed %d: %d units used of 20", seed, v.Used)
			}
		}
		again := NewBook(20)
		for _, e := range events {
			again.Apply(e)
		}
		if !reflect.DeepEqual(live, again) {
			t.Fatalf("seed %d: the fold of the events differs", seed)
		}
	}
}

// TestNothingIsSpentWithoutAJournal fails every write, and loses a race for ever.
func TestNothingIsSpentWithoutAJournal(t *testing.T) {
	broken := errors.New("disk is gone")
	m := &memory{fail: broken}
	k := NewKeeper(100, m, start)
	if err := k.Reserve(t.Context(), "a", Rescue); !errors.Is(err, broken) {
		t.Errorf("reserved without a journal: %v", err)
	}
	m.fail = ErrBehind
	if err := k.Reserve(t.Context(), "a", Rescue); !errors.Is(err, ErrBehind) {
		t.Errorf("reserved without having written: %v", err)
	}
	m.fail = nil
	if err := k.Reserve(t.Context(), "a", Rescue); err != nil {
		t.Error(err)
	}
	if ids, err := k.Open(t.Context()); err != nil || !slices.Equal(ids, []string{"a"}) {
		t.Errorf("open %v, %v", ids, err)
	}
	if err := errors.Join(k.Reserve(t.Context(), "a", Rescue), k.Void(t.Context(), "a"), k.Confirm(t.Context(), "a"), k.Block(t.Context(), time.Second), k.Hear(t.Context(), 3)); err != nil {
		t.Error(err)
	}
	if v, err := k.View(t.Context()); err != nil || v.Used != 97 {
		t.Errorf("%+v, %v", v, err)
	}
}
