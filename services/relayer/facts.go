package relayer

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// venue is the name of the venue in subjects.
const venue = "polymarket"

// firstFacts is how long the first market is waited for before accounts are opened anyhow.
const firstFacts = 10 * time.Second

// facts are the latest market facts on the bus. A market whose fact is gone from the bus (the stream is in memory) keeps the one
// that was read.
type facts struct {
	loaded chan struct{} // closed when all that was there is read

	mu    sync.Mutex
	known map[msgs.ConditionID]*msgs.Market // a market is never changed once it is in here
}

func newFacts() *facts {
	return &facts{loaded: make(chan struct{}), known: map[msgs.ConditionID]*msgs.Market{}}
}

// market is what is known of a condition, nil when nothing is.
func (f *facts) market(id msgs.ConditionID) *msgs.Market {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[id]
}

// patiently waits for the first facts, but not for ever: without any, what needs none works.
func (f *facts) patiently(ctx context.Context, log *slog.Logger) {
	t := time.NewTimer(firstFacts)
	defer t.Stop()
	select {
	case <-f.loaded:
	case <-t.C:
		log.Warn("no market facts yet; what names a condition waits for its fact, or is refused")
	case <-ctx.Done():
	}
}

// follow reads the last fact of every market and every change, until ctx ends.
func (f *facts) follow(ctx context.Context, s *Service) error {
	return actor.Values{JS: s.js, Stream: msgs.MarketStream, Filter: msgs.MDSubject(venue, "market", "*"), Replicas: s.cfg.Replicas, Take: f.take, Caught: f.caught,
		Log: s.cfg.Log}.Follow(ctx)
}

func (f *facts) take(_ string, data []byte) error {
	fact := &msgs.Market{}
	if err := json.Unmarshal(data, fact); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[fact.ConditionID] = fact
	return nil
}

// caught says that what was there is read.
func (f *facts) caught() {
	select {
	case <-f.loaded:
	default:
		close(f.loaded)
	}
}
