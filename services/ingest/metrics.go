package ingest

import (
	"errors"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
)

// counters are what /metrics shows of ingest. Labels never hold ids.
type counters struct {
	conn       connCounters
	unknown    *prometheus.CounterVec // channel
	doubts     *prometheus.CounterVec // reason
	publish    *prometheus.CounterVec // what
	feedLag    prometheus.Histogram
	feedQueue  prometheus.Gauge
	feedRepeat *prometheus.CounterVec // source
	feedStored *prometheus.CounterVec // source
	facts      prometheus.Gauge
}

// connCounters are what a connection counts.
type connCounters struct {
	up         *prometheus.GaugeVec   // channel
	uptime     *prometheus.CounterVec // channel
	reconnects *prometheus.CounterVec // channel, cause
	frames     *prometheus.CounterVec // channel, type
}

func newCounters() *counters {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "sluice", Subsystem: "ingest", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.GaugeOpts {
		return prometheus.GaugeOpts{Namespace: "sluice", Subsystem: "ingest", Name: name, Help: help}
	}
	return &counters{
		conn: connCounters{
			up:         prometheus.NewGaugeVec(gauge("connections", "Open connections to the venue."), []string{"channel"}),
			uptime:     counter("connection_seconds_total", "Seconds that ended connections were open.", "channel"),
			reconnects: counter("reconnects_total", "Connections that ended and were dialled again.", "channel", "cause"),
			frames:     counter("frames_total", "Events received, by type.", "channel", "type"),
		},
		unknown:    counter("unknown_frames_total", "Events of a type or form that is not known.", "channel"),
		doubts:     counter("doubts_total", "Books that were doubted.", "reason"),
		publish:    counter("publish_errors_total", "Messages that could not be handed to NATS.", "what"),
		feedRepeat: counter("feed_repeats_total", "Private events dropped because they were stored before.", "source"),
		feedStored: counter("feed_stored_total", "Private events stored.", "source"),
		feedLag: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "sluice", Subsystem: "ingest", Name: "feed_lag_seconds",
			Help: "From receiving a private event to its acknowledgement by the stream.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16)}),
		feedQueue: prometheus.NewGauge(gauge("feed_queue", "Private events that wait to be stored.")),
		facts:     prometheus.NewGauge(gauge("markets", "Markets whose facts are published.")),
	}
}

// register makes the counters visible; what is nil is not shown anywhere.
func (c *counters) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	var errs []error
	for _, m := range []prometheus.Collector{c.conn.up, c.conn.uptime, c.conn.reconnects, c.conn.frames, c.unknown, c.doubts, c.publish,
		c.feedLag, c.feedQueue, c.feedRepeat, c.feedStored, c.facts} {
		errs = append(errs, r.Register(m))
	}
	return errors.Join(errs...)
}

// causeLabel is a cause in one word, so that the metric stays small.
func causeLabel(err error) string {
	switch {
	case errors.Is(err, errData):
		return "no_data"
	case errors.Is(err, errSilence):
		return "silence"
	case errors.Is(err, errSnapshot):
		return "no_snapshot"
	case websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway):
		return "closed"
	}
	return "error"
}
