package retry

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/limits/signal"
)

func throttled(wait time.Duration, named bool) signal.Signal {
	return signal.Signal{Kind: signal.Throttled, Wait: wait, Named: named}
}

// TestWaits wants the wait that the answer names first, and else the policy's back-off.
func TestWaits(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for _, c := range []struct {
		id     string
		p      Policy
		n      int
		s      signal.Signal
		chance int
		want   time.Duration
		again  bool
	}{
		{"S1-13 retry after", Standard(), 1, throttled(5*s, true), 500, 5 * s, true},
		{"S1-16 first", Standard(), 1, throttled(0, false), 500, 1500 * ms, true},
		{"S1-17 doubles", Standard(), 3, throttled(0, false), 0, 4 * s, true},
		{"S1-16 at most a minute", Policy{Attempts: 20, First: s, Last: time.Minute}, 12, throttled(0, false), 999, time.Minute, true},
		{"S1-16 five attempts", Standard(), 5, throttled(s, true), 0, 0, false},
		{"S1-16 three of the short", Short(), 3, throttled(s, true), 0, 0, false},
		{"retry after zero is no hurry", Standard(), 2, throttled(0, true), 0, 2 * s, true},
		{"S1-19 others pass on", Standard(), 1, signal.Signal{Kind: signal.Failed}, 0, 0, false},
		{"S4-14 no plan", Linear(), 1, signal.Signal{Kind: signal.NoPlan}, 0, 0, false},
		{"blocked", Linear(), 1, signal.Signal{Kind: signal.Blocked, Wait: 300 * s, Named: true}, 0, 0, false},
		{"S2-47 first", Quota(), 1, throttled(0, false), 0, s, true},
		{"S2-47 at most 30 s", Policy{Attempts: 9, First: s, Last: 30 * s}, 7, throttled(0, false), 0, 30 * s, true},
		{"S2-47 a short reset", Quota(), 1, signal.Signal{Kind: signal.QuotaGone, Wait: 119 * s, Named: true}, 0, 119 * s, true},
		{"S2-47 a long reset is not sat out", Quota(), 1, signal.Signal{Kind: signal.QuotaGone, Wait: 68000 * s, Named: true}, 0, s, true},
		{"S3-20 C-8 linear", Linear(), 1, signal.Signal{Kind: signal.Failed}, 0, 50 * ms, true},
		{"S3-20 C-8 linear", Linear(), 2, signal.Signal{Kind: signal.Failed}, 0, 100 * ms, true},
	} {
		t.Run(c.id, func(t *testing.T) {
			if d, again := c.p.Wait(c.n, c.s, c.chance); d != c.want || again != c.again {
				t.Errorf("attempt %d: wait %s, again %v; want %s, %v", c.n, d, again, c.want, c.again)
			}
		})
	}
}

// TestReadIsRepeatedUntilItIsAnswered fails twice, with every wait told, and then answers; and then fails for ever.
func TestReadIsRepeatedUntilItIsAnswered(t *testing.T) {
	t.Run("S0-64 S0-65 S1-15 S1-18 S1-20 S3-24 repeated, told, ended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began, calls := time.Now(), 0
			var told []Waited
			v, err := Do(t.Context(), Standard(), Options{Tell: func(w Waited) { told = append(told, w) }}, Read(func(context.Context) Result[int] {
				if calls++; calls < 3 {
					return Result[int]{Signal: throttled(0, false)}
				}
				return Result[int]{Value: 7, Signal: signal.Signal{Kind: signal.Good}}
			}))
			if v != 7 || err != nil || time.Since(began) != 3*time.Second {
				t.Errorf("S0-64: %d, %v after %s", v, err, time.Since(began))
			}
			if len(told) != 2 || told[1].Attempt != 2 || told[1].Wait != 2*time.Second {
				t.Errorf("S1-20: told %+v", told)
			}
			calls = 0
			_, err = Do(t.Context(), Standard(), Options{}, Read(func(context.Context) Result[int] {
				calls++
				return Result[int]{Signal: throttled(time.Second, true)}
			}))
			spent, ok := errors.AsType[*SpentError](err)
			if !ok || spent.Attempts != 5 || calls != 5 || !strings.Contains(err.Error(), "rate limited after 5 attempts") {
				t.Errorf("S1-18: %v after %d calls", err, calls)
			}
			calls = 0
			down := Policy{Attempts: 4, First: time.Second, Last: time.Minute, Failures: true}
			began = time.Now()
			_, err = Do(t.Context(), down, Options{}, Cancelling(func(context.Context) Result[int] { calls++; return Result[int]{Lost: true} }))
			if err == nil || calls != 4 || time.Since(began) != 7*time.Second {
				t.Errorf("S0-65: %v after %d calls, %s", err, calls, time.Since(began))
			}
		})
	})
}

// TestStoppedRepetitionEnds ends the context in a wait.
func TestStoppedRepetitionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		calls := 0
		_, err := Do(ctx, Standard(), Options{}, Read(func(context.Context) Result[int] { calls++; return Result[int]{Signal: throttled(0, false)} }))
		if !errors.Is(err, context.DeadlineExceeded) || calls != 1 {
			t.Errorf("%v after %d calls", err, calls)
		}
	})
}

// TestOrderIsNeverRepeatedBlindly loses the answer of an order: all that can be done is to look it up, and only the venue's
// denial frees it.
func TestOrderIsNeverRepeatedBlindly(t *testing.T) {
	t.Run("S1-19 an order is done once", func(t *testing.T) {
		sent := 0
		answer := Result[string]{Lost: true}
		d := Once(func(context.Context) Result[string] { sent++; return answer })
		u, ok := d.Do(t.Context()).(Unknown[string])
		if !ok || sent != 1 {
			t.Fatalf("a lost answer is %T, sent %d times", u, sent)
		}
		there := func(v bool) Repeatable[Found[string]] {
			return Read(func(context.Context) Result[Found[string]] {
				return Result[Found[string]]{Value: Found[string]{"id", v}, Signal: signal.Signal{Kind: signal.Good}}
			})
		}
		if v, err := u.LookUp(t.Context(), Standard(), Options{}, there(true)); err != nil || v != Verdict[string](Happened[string]{"id"}) || sent != 1 {
			t.Errorf("looked up: %#v, %v, sent %d times", v, err, sent)
		}
		v, err := u.LookUp(t.Context(), Standard(), Options{}, there(false))
		n, ok := v.(NotHappened[string])
		if err != nil || !ok || sent != 1 {
			t.Fatalf("denied: %#v, %v, sent %d times", v, err, sent)
		}
		answer = Result[string]{Value: "id", Signal: signal.Signal{Kind: signal.Good}}
		if v, ok := n.Again().Do(t.Context()).(Happened[string]); !ok || v.Value != "id" || sent != 2 {
			t.Errorf("again: %#v, sent %d times", v, sent)
		}
		for kind, happened := range map[signal.Kind]bool{signal.Failed: true, signal.Throttled: false, signal.Restarting: false, signal.Refused: false, signal.PostOnly: false} {
			answer = Result[string]{Signal: signal.Signal{Kind: kind}}
			_, maybe := d.Do(t.Context()).(Unknown[string])
			if maybe != happened {
				t.Errorf("%s: may have happened %v, want %v", kind, maybe, happened)
			}
		}
	})
}

// TestPausesGrowUntilTheyAreReset takes the waits of somebody who goes on until it succeeds.
func TestPausesGrowUntilTheyAreReset(t *testing.T) {
	t.Run("S0-65 S1-16 S1-17 without end", func(t *testing.T) {
		chance := 0
		w := Standard().Pauses(func() int { return chance })
		for range 2 {
			for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
				if d := w.Next(); d != want*time.Second {
					t.Errorf("pause %d is %s, want %d s", i+1, d, want)
				}
			}
			w.Reset()
		}
		if chance = 500; w.Next() != 1500*time.Millisecond {
			t.Error("nothing is random about it")
		}
		if d := (Policy{First: time.Millisecond, Last: time.Second}).Back(1<<40, 0); d != time.Second {
			t.Errorf("after very many attempts %s", d)
		}
	})
}
