package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// venue is whose markets name the tokens.
const venue = "polymarket"

// names are market and outcome of each token, from the facts that ingest keeps. They are a courtesy of the answers:
// without a fact they stay empty, and nothing is booked by them.
type names struct {
	mu   sync.RWMutex
	said map[msgs.TokenID]name
}

type name struct {
	condition msgs.ConditionID
	outcome   string
	winner    bool
}

// put names the tokens of positions.
func (n *names) put(positions []msgs.Position) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for i := range positions {
		p := &positions[i]
		if x, ok := n.said[p.TokenID]; ok {
			p.ConditionID, p.Outcome, p.Redeemable = x.condition, x.outcome, x.winner
		}
	}
}

// learn takes one fact. What cannot be read was not written by ingest.
func (n *names) learn(data []byte) {
	var f msgs.Market
	if json.Unmarshal(data, &f) != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range f.Tokens {
		n.said[t.TokenID] = name{f.ConditionID, t.Outcome, t.Winner}
	}
}

// follow learns the last fact about each market, and every new one, until ctx ends.
func (n *names) follow(ctx context.Context, s *Service) error {
	for ctx.Err() == nil {
		if err := n.read(ctx, s.js); ctx.Err() == nil {
			s.cfg.Log.Debug("market facts interrupted, reading them again", "error", err)
		}
		if pause(ctx, retryLast) != nil {
			break
		}
	}
	return nil
}

func (n *names) read(ctx context.Context, js jetstream.JetStream) error {
	stream, err := js.Stream(ctx, msgs.MarketStream)
	if err != nil {
		return fmt.Errorf("open stream of last values: %w", err)
	}
	c, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{FilterSubject: msgs.MDSubject(venue, "market", "*"),
		DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: readerIdle})
	if err != nil {
		return fmt.Errorf("read market facts: %w", err)
	}
	it, err := c.Messages(jetstream.PullMaxMessages(readAhead), jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(heartbeat))
	if err != nil {
		return fmt.Errorf("read market facts: %w", err)
	}
	defer it.Stop()
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		n.learn(m.Data())
	}
}
