package ledger

import (
	"context"
	"encoding/json"
	"sync"

	"sluice/pkg/actor"
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

// learn takes one fact.
func (n *names) learn(_ string, data []byte) error {
	var f msgs.Market
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range f.Tokens {
		n.said[t.TokenID] = name{f.ConditionID, t.Outcome, t.Winner}
	}
	return nil
}

// follow learns the last fact about each market, and every new one, until ctx ends.
func (n *names) follow(ctx context.Context, s *Service) error {
	return actor.Values{JS: s.js, Stream: msgs.MarketStream, Filter: msgs.MDSubject(venue, "market", "*"), Replicas: s.cfg.Replicas, Take: n.learn, Log: s.cfg.Log}.Follow(ctx)
}
