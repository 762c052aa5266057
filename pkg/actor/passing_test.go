package actor_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
)

// A submit passes every point of an actor that has no snapshots, in order; which is what lets a test end a process between
// any two of them. AfterAppend is told by the connection, which has none here.
func TestSubmitPassesItsPointsInOrder(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		var mu sync.Mutex
		var passed []string
		p := start(b, func(c *actor.Config) {
			c.Passing = func(point string) {
				mu.Lock()
				defer mu.Unlock()
				passed = append(passed, point)
			}
		})
		time.Sleep(time.Second)
		mu.Lock()
		passed = nil // those of the claim
		mu.Unlock()
		p.ask("submit", "one")
		time.Sleep(time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		want := []string{
			actor.BeforeRead, actor.AfterRead, actor.BeforePermit, actor.AfterPermit,
			actor.BeforeAppend, actor.BeforeAck, actor.AfterAck,
			actor.BeforeOutcome, actor.BeforeAppend, actor.BeforeAck, actor.AfterAck, actor.AfterOutcome,
		}
		at := map[string]int{}
		for i, point := range passed {
			at[point] = i
		}
		if !(at[actor.AfterRead] < at[actor.BeforeBarrier] && at[actor.BeforeBarrier] < at[actor.AfterBarrier] && at[actor.AfterBarrier] < at[actor.BeforeOutcome]) {
			t.Errorf("the barrier was not asked for between reading and performing: %v", passed)
		}
		beside := func(point string) bool { return point == actor.BeforeBarrier || point == actor.AfterBarrier }
		if got := slices.DeleteFunc(passed, beside); !slices.Equal(got, want) {
			t.Errorf("passed %v,\nwant %v", got, want)
		}
	})
}
