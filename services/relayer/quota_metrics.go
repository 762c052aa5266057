package relayer

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// quotaMetrics shows the books when it is asked for, as they were last seen. The label names a book: the credential's kind, and a
// digest of what names it.
type quotaMetrics struct {
	all *Allowances

	used, reserved, remaining, limit, warning, blocked, minute *prometheus.Desc
}

// Metrics are the books' figures for /metrics.
func (a *Allowances) Metrics() prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("sluice_quota_"+name, help, []string{"book"}, nil)
	}
	return &quotaMetrics{all: a,
		used:      desc("used_units", "Units of the relayer's rolling day that are charged, those reserved among them."),
		reserved:  desc("reserved_units", "Units that are charged and of which nobody knows yet what became."),
		remaining: desc("remaining_units", "Units that may be spent now, for money that must come home."),
		limit:     desc("limit_units", "Units of a day; 0 is none such limit."),
		warning:   desc("warning", "1 while half of the day's units are used."),
		blocked:   desc("blocked_seconds", "Seconds until the relayer's reset, which it named with a refusal; 0 when nothing is blocked."),
		minute:    desc("minute_used_units", "Submits of the last minute, from all who share the address."),
	}
}

// Describe names the metrics.
func (m *quotaMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.used, m.reserved, m.remaining, m.limit, m.warning, m.blocked, m.minute} {
		ch <- d
	}
}

// Collect tells them, of each book that has been read.
func (m *quotaMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, a := range m.all.All() {
		a.mu.Lock()
		v, known := a.seen, a.known
		a.mu.Unlock()
		if !known {
			continue
		}
		warning, blocked := 0.0, 0.0
		if v.Warn {
			warning = 1
		}
		if v.Blocked {
			blocked = max(0, time.Until(v.BlockedUntil).Seconds())
		}
		for d, value := range map[*prometheus.Desc]float64{
			m.used: float64(v.Used), m.reserved: float64(v.Reserved), m.remaining: float64(v.Remaining), m.limit: float64(v.Limit),
			m.warning: warning, m.blocked: blocked, m.minute: float64(a.perMinute().Used),
		} {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, a.book)
		}
	}
}
