package relayer

import (
	"context"
	"errors"
	"fmt"

	"sluice/pkg/evm"
	"sluice/pkg/msgs"
)

// chain tells which chain the endpoints show, where that is not said by its id: the sandbox's begins anew with each start, and what was
// done on an earlier one says nothing about it.
type chain struct{ pool *evm.Pool }

// first is the chain's first block. Of a nil chain it is empty.
func (c *chain) first(ctx context.Context) (string, error) {
	if c == nil {
		return "", nil
	}
	var first *evm.Header
	err := c.pool.Read(ctx, func(ctx context.Context, n *evm.Node) error {
		if err := n.Client.Client().CallContext(ctx, &first, "eth_getBlockByNumber", "earliest", false); err != nil {
			return err
		}
		if first == nil {
			return errors.New("it has no first block")
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("learn which chain it is: %w", err)
	}
	return first.Hash.Hex(), nil
}

// elsewhere reports that the endpoints show another chain than the one for which a unit was sealed. Nobody knows then what became of
// the unit there, and nothing of it may be done here. When they show none, nothing can be done anyway.
func (p *performer) elsewhere(ctx context.Context, u *msgs.TxPayload) (Seen, bool) {
	if p.chain == nil || u.Chain == "" {
		return Seen{}, false
	}
	now, err := p.chain.first(ctx)
	return Seen{Unit: u.Unit, Elsewhere: now}, err == nil && now != u.Chain
}
