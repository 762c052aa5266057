package relayer

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// counters are what /metrics shows of the relayer. Labels never hold ids.
type counters struct {
	commands *prometheus.CounterVec // verb
	events   *prometheus.CounterVec // type
	refused  *prometheus.CounterVec // code
	submits  *prometheus.CounterVec // outcome
	owned    prometheus.Gauge
	gas      *prometheus.CounterVec // stage
}

func newCounters() *counters {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "sluice", Subsystem: "relayer", Name: name, Help: help}, labels)
	}
	return &counters{
		commands: counter("commands_total", "Commands heard.", "verb"),
		events:   counter("events_total", "Events written.", "type"),
		refused:  counter("refusals_total", "Requests that failed or were dropped.", "code"),
		submits:  counter("submits_total", "Submits to the relayer, by what became of them.", "outcome"),
		gas:      counter("own_transactions_total", "Transactions paid for by owners, by what became of them.", "stage"),
		owned: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "sluice", Subsystem: "relayer", Name: "accounts",
			Help: "Accounts whose wallets this process acts for."}),
	}
}

// register makes the counters visible; with a nil registry they are counted and shown nowhere.
func (c *counters) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	return errors.Join(r.Register(c.commands), r.Register(c.events), r.Register(c.refused), r.Register(c.submits), r.Register(c.gas), r.Register(c.owned))
}

func (c *counters) submitted(refusal *polymarket.RelayerError) {
	outcome := "accepted"
	if refusal != nil {
		outcome = string(refusal.Reason)
	}
	c.submits.WithLabelValues(outcome).Inc()
}

func (c *counters) published(events []msgs.Event) {
	for _, e := range events {
		c.events.WithLabelValues(string(e.Kind())).Inc()
		if f, ok := e.(*msgs.TxFailed); ok && f.Error != nil {
			c.refused.WithLabelValues(string(f.Error.Code)).Inc()
		}
	}
}
