package executor

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// A list lacks a hundred orders that should rest. Few are asked about at a time, each once however many lists lack it, and an order whose
// answer was lost does not wait behind them.
func TestOrdersThatAListLacksAreLookedUpFewAtATime(t *testing.T) {
	const missing, takes = 100, time.Second
	var mu sync.Mutex
	now, most, asked := 0, 0, 0
	onStage(t, func(string, string, string) (int, http.Header, string) {
		mu.Lock()
		asked++
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(takes)
		mu.Lock()
		defer mu.Unlock()
		now--
		return 200, nil, "null"
	}, func(s *stage) {
		var list []actor.Deed
		for i := range missing {
			list = append(list, Lookup{OrderID: msgs.OrderID(named(fmt.Sprint(i))), Many: true, Alone: true})
		}
		var running sync.WaitGroup
		for range 2 {
			running.Go(func() { s.p.Perform(s.t.Context(), actor.Job{Deeds: list, Sent: time.Now(), Deliver: func(any) {}}) })
		}
		time.Sleep(takes / 2)
		began := time.Now()
		s.p.Perform(s.t.Context(), actor.Job{Deeds: []actor.Deed{Lookup{OrderID: msgs.OrderID(named("lost")), Alone: true}}, Sent: began, Deliver: func(any) {}})
		if took := time.Since(began); took > 2*takes {
			t.Errorf("an order whose answer was lost was looked up for %s", took)
		}
		running.Wait()
		if most > lookupsAtOnce+1 || asked != missing+1 {
			t.Errorf("%d questions, %d at a time, want %d and at most %d at a time", asked, most, missing+1, lookupsAtOnce+1)
		}
	})
}
