package executor

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/limits"
	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
)

// gathered is what /metrics would show, by name and labels.
func gathered(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := f.GetName() + "{" + strings.Join(labels, ",") + "}"
			switch {
			case m.GetHistogram() != nil:
				out[name+" count"], out[name+" sum"] = float64(m.GetHistogram().GetSampleCount()), m.GetHistogram().GetSampleSum()
				for _, b := range m.GetHistogram().GetBucket() {
					out[fmt.Sprintf("%s le %g", name, b.GetUpperBound())] = float64(b.GetCumulativeCount())
				}
			case m.GetCounter() != nil:
				out[name] = m.GetCounter().GetValue()
			default:
				out[name] = m.GetGauge().GetValue()
			}
		}
	}
	return out
}

// TestLimiterStateIsMeasured spends a signer's burst, waits for the next token, misses a deadline, is refused once and told of
// somebody else's orders, and reads each of these from the metrics, in the units that their names say.
func TestLimiterStateIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Limits{Options: budget.Options{Factor: budget.Permille}}.limiter()
		if err != nil {
			t.Fatal(err)
		}
		r := prometheus.NewRegistry()
		if err := newCounters().register(r, l); err != nil {
			t.Fatal(err)
		}
		order := limits.Posting("main", 1)
		for range 54 { // most of the burst
			p, ok := l.Try(order)
			if !ok {
				break
			}
			p.Answered()
		}
		p, err := l.Acquire(t.Context(), order)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			p, err := l.Acquire(t.Context(), order)
			if err != nil {
				t.Fatal(err)
			}
			p.Answered()
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		if _, err := l.Acquire(ctx, limits.Posting("main", 15)); !limits.IsMiss(err) {
			t.Fatalf("fifteen at once: %v", err)
		}
		got := gathered(t, r)
		const signer, place = "account=main,api=clob,per_seconds=1.5,rule=signer orders,scope=signer", "account=,api=clob,per_seconds=10,rule=clob place,scope=ip"
		for name, want := range map[string]float64{
			"sluice_limits_allowed_units{" + signer + "}":                                        60,
			"sluice_limits_documented_units{" + signer + "}":                                     60,
			"sluice_limits_allowed_units{" + place + "}":                                         3500,
			"sluice_limits_used_units{" + place + "}":                                            65,
			"sluice_limits_in_flight_units{account=,api=clob,rule=clob place,scope=ip}":          1,
			"sluice_limits_in_force_ratio{account=,api=clob,rule=clob place,scope=ip}":           1,
			"sluice_limits_foreign_units{account=main,api=clob,rule=signer orders,scope=signer}": 0,
			"sluice_limits_wait_seconds{class=order} count":                                      65,
			"sluice_limits_wait_seconds{class=order} le 60":                                      65,
			"sluice_limits_missed_total{class=order}":                                            1,
			"sluice_limits_missed_total{class=cancel}":                                           0,
			"sluice_limits_slow_answers_total{}":                                                 0,
		} {
			if v, shown := got[name]; !shown || v != want {
				t.Errorf("%s is %v (shown: %v), want %v", name, v, shown, want)
			}
		}
		if used := got["sluice_limits_used_units{"+signer+"}"]; used < 50 || used > 60 {
			t.Errorf("%v tokens of the bucket are used", used)
		}
		if sum, at := got["sluice_limits_wait_seconds{class=order} sum"], got["sluice_limits_wait_seconds{class=order} le 0"]; sum <= 0 || sum > 1 || at < 50 || at >= 65 {
			t.Errorf("waited %v s together, %v not at all", sum, at)
		}

		p.Done(limits.Answer{Outcome: gate.Answered, Items: -1, Signal: signal.Signal{Kind: signal.Throttled, Named: true, Wait: 3 * time.Second,
			Signer: signal.Count{Known: true, Remaining: -20}}})
		got = gathered(t, r)
		for name, want := range map[string]float64{
			"sluice_limits_refused_total{rule=signer orders}":                                     1,
			"sluice_limits_in_force_ratio{account=main,api=clob,rule=signer orders,scope=signer}": 0.7,
			"sluice_limits_in_flight_units{account=,api=clob,rule=clob place,scope=ip}":           0,
		} {
			if got[name] != want {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
		if free := got["sluice_limits_free_in_seconds{"+signer+"}"]; free < 3 || free > 4 {
			t.Errorf("free in %v s, want the wait of 3 s that was named", free)
		}
		if foreign := got["sluice_limits_foreign_units{account=main,api=clob,rule=signer orders,scope=signer}"]; foreign < 10 {
			t.Errorf("%v units of others, want those that the venue has counted and we have not", foreign)
		}
	})
}

// TestMetricsOfLimitsAreDocumented: each name stands in docs/limits.md.
func TestMetricsOfLimitsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Limits{}.limiter()
	if err != nil {
		t.Fatal(err)
	}
	named := make(chan *prometheus.Desc, 100)
	newLimitMetrics(l).Describe(named)
	close(named)
	n := 0
	for d := range named {
		n++
		_, rest, _ := strings.Cut(d.String(), `fqName: "`)
		name, _, _ := strings.Cut(rest, `"`)
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/limits.md does not say what %s is", name)
		}
	}
	if n < 12 {
		t.Errorf("only %d names were found", n)
	}
}

// TestIdleLeaseIsMeasured lends the limiter more than a request needs and reads what is left from the metrics.
func TestIdleLeaseIsMeasured(t *testing.T) {
	l, err := Limits{Options: budget.Options{Factor: budget.Permille}}.limiter()
	if err != nil {
		t.Fatal(err)
	}
	r := prometheus.NewRegistry()
	if err := newCounters().register(r, l); err != nil {
		t.Fatal(err)
	}
	l.Share(generous{})
	l.Under(func(now time.Time, b *budget.Budget) { b.Gate().Renew(gate.Ordinary, now.Add(time.Hour)) })
	p, ok := l.Try(limits.Posting("main", 1))
	if !ok {
		t.Fatal("refused")
	}
	p.Answered()
	got := gathered(t, r)
	for _, rule := range []string{"account=main,api=clob,rule=signer orders,scope=signer", "account=,api=clob,rule=clob place,scope=ip"} {
		if n, shown := got["sluice_limits_lease_idle_units{"+rule+"}"]; !shown || n != 4 {
			t.Errorf("%v units of %s idle (shown: %v), want the 4 that were lent and not used", n, rule, shown)
		}
	}
}

// generous lends five where one is wanted.
type generous struct{}

func (generous) Lend(time.Time, *gate.Counter, gate.Want) int              { return 5 }
func (generous) Settle(time.Time, *gate.Counter, gate.Purse, int, int)     {}
func (generous) Heed(time.Time, *gate.Counter, time.Duration, gate.Advice) {}
