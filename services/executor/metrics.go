package executor

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/limits"
	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
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
		commands: counter("commands_total", "Commands heard.", "verb"),
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

// register makes the counters and the limiter's state visible; with a nil registry they are counted and shown nowhere.
func (c *counters) register(r prometheus.Registerer, l *limits.Limiter) error {
	if r == nil {
		return nil
	}
	return errors.Join(r.Register(c.commands), r.Register(c.events), r.Register(c.refused), r.Register(c.posts), r.Register(c.dead),
		r.Register(c.calls), r.Register(c.facts), r.Register(c.owned), r.Register(newLimitMetrics(l)))
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

// limitMetrics shows the limiter's state when it is asked for. Labels are names of rules, scopes, classes and accounts.
type limitMetrics struct {
	limits *limits.Limiter

	used, allowed, documented, free *prometheus.Desc // by layer
	flight, waiting, cut, gap, idle *prometheus.Desc // by rule
	waits, missed                   *prometheus.Desc // by class
	refused, slow                   *prometheus.Desc
}

func newLimitMetrics(l *limits.Limiter) *limitMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("sluice_limits_"+name, help, labels, nil)
	}
	layer, rule := []string{"api", "rule", "scope", "account", "per_seconds"}, []string{"api", "rule", "scope", "account"}
	return &limitMetrics{
		limits:     l,
		used:       desc("used_units", "Units that are not free: counted, in flight, or owed.", layer...),
		allowed:    desc("allowed_units", "Units that may be used, after factor, ceiling and what the venue has asked for.", layer...),
		documented: desc("documented_units", "Units that the venue documents.", layer...),
		free:       desc("free_in_seconds", "Time until one unit may leave; 0 is now.", layer...),
		flight:     desc("in_flight_units", "Units that have left and are not answered.", rule...),
		waiting:    desc("waiting_units", "Units that wait for their turn.", rule...),
		cut:        desc("in_force_ratio", "Share of the figures that is in force; below 1 the venue has asked for less.", rule...),
		gap:        desc("foreign_units", "Units that the venue's last count had less than ours: somebody else uses the limit.", rule...),
		idle:       desc("lease_idle_units", "Units lent to this process by whoever grants the shared limits, and not used.", rule...),
		waits:      desc("wait_seconds", "How long requests waited for their turn.", "class"),
		missed:     desc("missed_total", "Requests that could not leave in time.", "class"),
		refused:    desc("refused_total", "Requests that the venue refused for their rate.", "rule"),
		slow:       desc("slow_answers_total", "Answers so late that they were taken for a throttle."),
	}
}

// Describe names every metric.
func (m *limitMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.used, m.allowed, m.documented, m.free, m.flight, m.waiting, m.cut, m.gap, m.idle, m.waits, m.missed, m.refused, m.slow} {
		to <- d
	}
}

// Collect reads the limiter once.
func (m *limitMetrics) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	now, told := time.Now(), map[string]bool{}
	for _, l := range m.limits.Status() {
		account := ""
		if l.Scope == string(catalogue.Signer) { // the key of another scope may be a credential
			account = l.Key
		}
		rule := []string{l.API, l.Rule, l.Scope, account}
		layer := append(rule, strconv.FormatFloat(l.Per.Seconds(), 'f', -1, 64))
		gauge(m.used, float64(l.Used), layer...)
		gauge(m.allowed, float64(l.Limit), layer...)
		gauge(m.documented, float64(l.Full), layer...)
		gauge(m.free, max(0, l.FreeAt.Sub(now)).Seconds(), layer...)
		if name := strings.Join(rule, "|"); !told[name] {
			told[name] = true
			gauge(m.flight, float64(l.Flight), rule...)
			gauge(m.waiting, float64(l.Waiting), rule...)
			gauge(m.cut, float64(l.Cut)/budget.Permille, rule...)
			gauge(m.gap, float64(l.Gap), rule...)
			gauge(m.idle, float64(l.Lent), rule...)
		}
	}
	for _, w := range m.limits.Waits() {
		within := make(map[float64]uint64, len(w.Within))
		for bound, n := range w.Within {
			within[bound.Seconds()] = n
		}
		to <- prometheus.MustNewConstHistogram(m.waits, w.Through, w.Sum.Seconds(), within, w.Class.String())
		to <- prometheus.MustNewConstMetric(m.missed, prometheus.CounterValue, float64(w.Missed), w.Class.String())
	}
	byRule, slow := m.limits.Refused()
	for rule, n := range byRule {
		to <- prometheus.MustNewConstMetric(m.refused, prometheus.CounterValue, float64(n), rule)
	}
	to <- prometheus.MustNewConstMetric(m.slow, prometheus.CounterValue, float64(slow))
}
