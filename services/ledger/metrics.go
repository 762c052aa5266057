package ledger

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counters are the ledger's figures.
type counters struct {
	entries, groups, told prometheus.Counter
	compared, dead        *prometheus.CounterVec
	failures              *prometheus.CounterVec
	missing               *prometheus.GaugeVec
	commit                prometheus.Histogram
}

func newCounters() *counters {
	plain := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "sluice", Subsystem: "ledger", Name: name, Help: help})
	}
	by := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "sluice", Subsystem: "ledger", Name: name, Help: help}, []string{label})
	}
	return &counters{
		entries: plain("entries_total", "Entries that were booked."), groups: plain("commits_total", "Transactions of the database."),
		told:     plain("events_total", "Events that the broker has taken."),
		compared: by("comparisons_total", "Settlements compared with their trades, and what did not come.", "match"),
		dead:     by("dead_total", "Messages that could not be read.", "reason"),
		failures: by("failures_total", "Tries in vain to read orders, trades or chain, or to tell events.", "part"),
		missing: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "sluice", Subsystem: "ledger", Name: "missing",
			Help: "What the books lack to be ready: orders, trades, chain or events, by how many accounts."}, []string{"part"}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "sluice", Subsystem: "ledger", Name: "commit_seconds",
			Help: "From the first input of a group to its commit.", Buckets: prometheus.ExponentialBuckets(0.0001, 4, 8)}),
	}
}

func (c *counters) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	var errs []error
	for _, x := range []prometheus.Collector{c.entries, c.groups, c.told, c.compared, c.dead, c.failures, c.missing, c.commit} {
		errs = append(errs, r.Register(x))
	}
	return errors.Join(errs...)
}

func (c *counters) committed(entries int, took time.Duration) {
	c.groups.Inc()
	c.entries.Add(float64(entries))
	c.commit.Observe(took.Seconds())
}

func (c *counters) published(events int) { c.told.Add(float64(events)) }

func matchLabel(match bool) string {
	if match {
		return "true"
	}
	return "false"
}
