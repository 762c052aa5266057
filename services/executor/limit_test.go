package executor

import (
	"errors"
	"testing"
	"time"

	"sluice/pkg/limits"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
	"sluice/pkg/polymarket"
)

// TestLimitsLearnWhatBecameOfARequest gives outcomes of one request and wants what they mean for counting.
func TestLimitsLearnWhatBecameOfARequest(t *testing.T) {
	lost, never := polymarket.Unknown{Cause: errors.New("cut")}, polymarket.NeverLeft{Cause: errors.New("too late")}
	slow := polymarket.RetryAfter{Duration: 3 * time.Second, Reason: polymarket.ReasonRateLimited}
	restart := polymarket.RetryAfter{Duration: time.Second, Reason: polymarket.ReasonRestarting}
	for name, c := range map[string]struct {
		of   []polymarket.Outcome
		want limits.Answer
	}{
		"taken":              {[]polymarket.Outcome{polymarket.Accepted{}, polymarket.Rejected{}}, limits.Answer{Items: -1}},
		"never left":         {[]polymarket.Outcome{never, never}, limits.Answer{Outcome: gate.NeverLeft, Items: -1}},
		"one answered":       {[]polymarket.Outcome{never, polymarket.Accepted{}, never}, limits.Answer{Items: -1}},
		"one lost":           {[]polymarket.Outcome{polymarket.Accepted{}, lost, never}, limits.Answer{Outcome: gate.Unknown, Items: -1}},
		"refused for rate":   {[]polymarket.Outcome{polymarket.Accepted{}, slow}, limits.Answer{Items: -1, Signal: signal.Signal{Kind: signal.Throttled, Wait: 3 * time.Second, Named: true}}},
		"a restart is other": {[]polymarket.Outcome{restart}, limits.Answer{Items: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := endedAll(c.of); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
	if got := endedRead(errors.New("connection reset")); got.Outcome != gate.Unknown {
		t.Errorf("a read whose answer is lost: %+v", got)
	}
	if got := endedRead(&polymarket.Error{Outcome: slow}); got.Signal.Wait != 3*time.Second {
		t.Errorf("a refused read: %+v", got)
	}
}
