package quota

import (
	"cmp"
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

// book is a journal that outlives its keepers.
type book struct {
	mu      sync.Mutex
	entries []Entry
	fail    error // of every append
	lose    error // what an append says that has stored its event
}

func (m *book) last() uint64 {
	if len(m.entries) == 0 {
		return 0
	}
	return m.entries[len(m.entries)-1].Pos
}

func (m *book) Append(_ context.Context, after uint64, e Event) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return 0, m.fail
	}
	if m.last() != after {
		return 0, ErrBehind
	}
	m.entries = append(m.entries, Entry{after + 3, after, e}) // positions are not counted
	return after + 3, m.lose
}

func (m *book) Read(_ context.Context, after uint64) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last() < after {
		return nil, &LostError{m.last(), after}
	}
	i, _ := slices.BinarySearchFunc(m.entries, after+1, func(e Entry, pos uint64) int { return cmp.Compare(e.Pos, pos) })
	return slices.Clone(m.entries[i:]), nil
}

func (m *book) Trim(_ context.Context, before uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = slices.DeleteFunc(m.entries, func(e Entry) bool { return e.Pos < before })
	return nil
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
			journals := []*book{{}, {}, {}}
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
					b.Apply(b.pos+1, e)
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
		b.Apply(b.pos+1, e)
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
		b.Apply(b.pos+1, e)
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
			b.Apply(b.pos+1, e)
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
		unlimited.Apply(unlimited.pos+1, e)
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
			b.Apply(b.pos+1, e)
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

// TestReplayEqualsLife feeds random decisions to a book, to the fold of its events, and to the fold of those alone that it says
// it needs: all three are the same, so that trimming forgets nothing.
func TestReplayEqualsLife(t *testing.T) {
	trimmed := 0
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		live, now := NewBook(20), start()
		var entries []Entry
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
			if !ok {
				continue
			}
			pos := live.pos + 1 + uint64(r.IntN(3))
			live.Apply(pos, e)
			entries = append(entries, Entry{pos, 0, e})
			if v := live.View(now); v.Used > 20 {
				t.Fatalf("seed %d: %d units used of 20", seed, v.Used)
			}
		}
		from := live.Needed(now)
		whole, tail := NewBook(20), NewBook(20)
		for _, e := range entries {
			if whole.Apply(e.Pos, e.Event); e.Pos >= from {
				tail.Apply(e.Pos, e.Event)
			} else {
				trimmed++
			}
		}
		for _, b := range []*Book{live, whole, tail} {
			b.Forget(now)
		}
		if !reflect.DeepEqual(live, whole) {
			t.Fatalf("seed %d: the fold of the events differs", seed)
		}
		if !reflect.DeepEqual(live, tail) {
			t.Fatalf("seed %d: without the events before %d it is\n%+v, not\n%+v", seed, from, tail, live)
		}
	}
	if trimmed < 1000 {
		t.Errorf("only %d events were not needed", trimmed)
	}
}

// TestNothingIsSpentWithoutAJournal fails every write, and loses a race for ever.
func TestNothingIsSpentWithoutAJournal(t *testing.T) {
	broken := errors.New("disk is gone")
	m := &book{fail: broken}
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

// TestLostAnswersOfTheJournalChargeOnce loses the acknowledgement of each append: what was stored is seen and not written again.
func TestLostAnswersOfTheJournalChargeOnce(t *testing.T) {
	t.Run("4-B6 lost acknowledgements", func(t *testing.T) {
		m := &book{lose: errors.New("no answer")}
		k := NewKeeper(100, m, start)
		if err := errors.Join(k.Reserve(t.Context(), "a", Rescue), k.Hear(t.Context(), 90), k.Confirm(t.Context(), "a"), k.Block(t.Context(), time.Hour)); err != nil {
			t.Error(err)
		}
		if v, err := k.View(t.Context()); err != nil || v.Used != 10 || v.Reserved != 0 || !v.Blocked || len(m.entries) != 4 {
			t.Errorf("%+v, %v; %d events are stored", v, err, len(m.entries))
		}
	})
}

// TestJournalThatForgotIsNoticed takes events away behind a keeper's back, and lets another trim what is not needed.
func TestJournalThatForgotIsNoticed(t *testing.T) {
	now := start()
	m := &book{}
	k, other := NewKeeper(100, m, func() time.Time { return now }), NewKeeper(100, m, func() time.Time { return now })
	spend := func(k *Keeper, id string) {
		t.Helper()
		if err := errors.Join(k.Reserve(t.Context(), id, Rescue), k.Confirm(t.Context(), id)); err != nil {
			t.Fatal(err)
		}
	}
	spend(k, "a")
	now = now.Add(3 * Day)
	spend(other, "b")
	if err := other.Trim(t.Context()); err != nil || len(m.entries) != 2 {
		t.Fatalf("%v, %d events are left", err, len(m.entries))
	}
	spend(k, "c") // its own place has been trimmed away, and nothing that counts
	if v, err := k.View(t.Context()); err != nil || v.Used != 2 {
		t.Errorf("after a trim: %+v, %v", v, err)
	}
	m.entries = slices.Delete(m.entries, 2, 4)
	lost := (*LostError)(nil)
	if err := k.Reserve(t.Context(), "d", Rescue); !errors.As(err, &lost) || len(m.entries) != 2 {
		t.Errorf("spent by a book that lacks a unit: %v", err)
	}
	if err := k.Reserve(t.Context(), "d", Rescue); err != nil {
		t.Errorf("it does not go on: %v", err)
	}
	spend(other, "e")
	m.entries = append(m.entries[:3:3], m.entries[4:]...) // one in the middle
	if err := k.Reserve(t.Context(), "f", Rescue); !errors.As(err, &lost) {
		t.Errorf("spent by a book with a hole: %v", err)
	}
}

// TestAnsweredRequestCostsAnotherUnitWhenItIsSentAgain reserves one id again while its answer is not known, late, and after it.
func TestAnsweredRequestCostsAnotherUnitWhenItIsSentAgain(t *testing.T) {
	now := start()
	m := &book{}
	k := NewKeeper(100, m, func() time.Time { return now })
	used := func(want int) {
		t.Helper()
		if v, err := k.View(t.Context()); err != nil || v.Used != want {
			t.Errorf("%d units are used, %v; want %d", v.Used, err, want)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(k.Reserve(t.Context(), "a", Rescue))
	do(k.Reserve(t.Context(), "a", Rescue))
	used(1)
	now = now.Add(20 * time.Hour)
	do(k.Reserve(t.Context(), "a", Rescue)) // sent now, so that it counts from now
	used(1)
	now = now.Add(20 * time.Hour)
	used(1)
	do(k.Confirm(t.Context(), "a"))
	do(k.Confirm(t.Context(), "a"))
	used(1)
	do(k.Reserve(t.Context(), "a", Rescue))
	used(2)
	do(k.Void(t.Context(), "a"))
	used(1)
}

// A reset that the server names is believed to the second, once. When it says so again in turn, and from the first time on where it names
// none, the next submit waits for a minute at least, and ever longer; what the server has taken ends that.
func TestNamedResetIsBelievedOnce(t *testing.T) {
	b, now := NewBook(100), start()
	for i, c := range []struct{ named, closed time.Duration }{
		{7 * time.Second, 7 * time.Second}, {7 * time.Second, time.Minute}, {0, 4 * time.Minute}, {7 * time.Second, 4 * time.Minute}, {time.Hour, time.Hour},
	} {
		e, ok := b.Block(now, c.named)
		if got := e.Until.Sub(now); !ok || got != c.closed {
			t.Errorf("refusal %d in turn names %s, and the book is closed for %s, want %s", i+1, c.named, got, c.closed)
		}
		b.Apply(b.pos+1, e)
		now = e.Until
	}
	e, _, err := b.Reserve(now, "a", Rescue)
	if err != nil {
		t.Fatal(err)
	}
	b.Apply(b.pos+1, e)
	e, _ = b.Confirm(now, "a")
	b.Apply(b.pos+1, e)
	for _, c := range []struct{ named, closed time.Duration }{{0, time.Minute}, {7 * time.Second, 7 * time.Second}} {
		if e, _ := b.Block(now, c.named); e.Until.Sub(now) != c.closed {
			t.Errorf("after a unit was taken a refusal that names %s closes it for %s, want %s", c.named, e.Until.Sub(now), c.closed)
		}
	}
}

// TestWrongPrintedResetIsBounded prints resets that are too short, absent and absurd.
func TestWrongPrintedResetIsBounded(t *testing.T) {
	t.Run("S2-6 S2-62 a reset that is wrong", func(t *testing.T) {
		b, now := NewBook(100), start()
		asked := 0
		for end := now.Add(Day); now.Before(end); asked++ {
			e, ok := b.Block(now, -time.Second)
			if !ok || e.Until.Sub(now) < firstBlock {
				t.Fatalf("blocked until %s at %s", e.Until, now)
			}
			b.Apply(b.pos+1, e)
			now = e.Until
		}
		if asked > 32 {
			t.Errorf("asked %d times in a day", asked)
		}
		e, _ := b.Block(now, 1000*Day)
		if b.Apply(b.pos+1, e); e.Until.Sub(now) != maxBlock {
			t.Errorf("blocked for %s", e.Until.Sub(now))
		}
	})
}

// TestViewSaysWhatIsLeftForWhom uses up a book step by step.
func TestViewSaysWhatIsLeftForWhom(t *testing.T) {
	b, now := NewBook(100), start()
	for i := range 100 {
		v := b.View(now)
		if l := []int{v.Left(Ordinary), v.Left(Essential), v.Left(Rescue)}; !slices.Equal(l, []int{max(0, 80-i), max(0, 95-i), 100 - i}) || v.Reserved != i {
			t.Fatalf("after %d: left %v, reserved %d", i, l, v.Reserved)
		}
		for p := Ordinary; p <= Rescue; p++ {
			if at := v.Next(p); at.After(now) != (v.Left(p) == 0) {
				t.Fatalf("after %d: %s has %d left, and the next at %s", i, p, v.Left(p), at)
			}
		}
		e, _, err := b.Reserve(now, fmt.Sprint(i), Rescue)
		if err != nil {
			t.Fatal(err)
		}
		b.Apply(b.pos+1, e)
		now = now.Add(time.Minute)
	}
	if at := b.View(now).Next(Ordinary); !at.Equal(start().Add(20*time.Minute + Day + slack)) {
		t.Errorf("what can wait may go at %s", at)
	}
	if v := NewBook(0).View(now); v.Left(Ordinary) != maxUnits || v.Remaining != maxUnits || v.Warn {
		t.Errorf("without a quota: %+v", v)
	}
}

// TestEventsAreReadAsWritten writes each kind, and reads what is not one.
func TestEventsAreReadAsWritten(t *testing.T) {
	for _, e := range []Event{{Kind: Reserved, ID: "u-1", At: start()}, {Kind: Confirmed, ID: "u-1", At: start()}, {Kind: Voided, ID: "u-1", At: start()},
		{Kind: Blocked, At: start(), Until: start().Add(time.Hour), N: 3}, {Kind: Foreign, At: start(), N: 7}} {
		b, err := Encode(4, e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(9, b); err != nil || got != (Entry{9, 4, e}) {
			t.Errorf("%s: %+v, %v", b, got, err)
		}
	}
	for _, b := range []string{"", "{}", `{"v":2,"kind":"reserved"}`, `{"v":1,"kind":"stolen"}`, `{"v":1,"kind":"reserved","at":"yesterday"}`} {
		if e, err := Decode(9, []byte(b)); err == nil {
			t.Errorf("%s is read as %+v", b, e)
		}
	}
}

// FuzzDecode folds whatever can be read.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"v":1,"kind":"blocked","at":"2026-11-01T20:00:00Z","until":"2026-11-02T20:00:00Z","n":-7}`))
	f.Add([]byte(`{"v":1,"kind":"foreign","at":"2026-11-01T20:00:00Z","n":1000000000}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Decode(1, data)
		if err != nil {
			return
		}
		b := NewBook(100)
		b.Apply(e.Pos, e.Event)
		b.View(start())
		b.Needed(start())
		if e, ok := b.Block(start(), 0); ok {
			b.Apply(2, e)
		}
	})
}
