package executor

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// counters are what /metrics shows of the executor. Labels never hold ids.
type counters struct {
	commands *prometheus.CounterVec // verb
	events   *prometheus.CounterVec // type
	refused  *prometheus.CounterVec // code, by
	posts    *prometheus.CounterVec // outcome
	dead     *prometheus.CounterVec // reason
	calls    *prometheus.HistogramVec
	facts    prometheus.Gauge
	owned    prometheus.Gauge
}

func newCounters() *counters {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "sluice", Subsystem: "executor", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "sluice", Subsystem: "executor", Name: name, Help: help})
	}
	return &counters{
		commands: counter("commands_total", "Commands heard; one that waits for a permit is heard again.", "verb"),
		events:   counter("events_total", "Events written.", "type"),
		refused:  counter("refusals_total", "Orders refused.", "code", "by"),
		posts:    counter("posts_total", "Orders posted, by what became of them.", "outcome"),
		dead:     counter("dead_letters_total", "Messages put aside.", "reason"),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "sluice", Subsystem: "executor", Name: "venue_call_seconds",
			Help: "Calls to the venue, from request to the last byte of the answer.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}, []string{"call"}),
		facts: gauge("markets", "Markets whose facts are known."),
		owned: gauge("accounts", "Accounts that this process runs."),
	}
}

// known notes of how many markets the facts are known.
func (c *counters) known(markets int) { c.facts.Set(float64(markets)) }

// register makes the counters visible; with a nil registry they are counted and shown nowhere.
func (c *counters) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	return errors.Join(r.Register(c.commands), r.Register(c.events), r.Register(c.refused), r.Register(c.posts), r.Register(c.dead),
		r.Register(c.calls), r.Register(c.facts), r.Register(c.owned))
}

func (c *counters) took(call string, d time.Duration) {
	c.calls.WithLabelValues(call).Observe(d.Seconds())
}

func (c *counters) posted(o polymarket.Outcome) { c.posts.WithLabelValues(o.Code()).Inc() }

func (c *counters) published(events []msgs.Event) {
	for _, e := range events {
		c.events.WithLabelValues(string(e.Kind())).Inc()
		if r, ok := e.(*msgs.OrderRejected); ok && r.Error != nil {
			c.refused.WithLabelValues(string(r.Error.Code), r.By).Inc()
		}
	}
}
