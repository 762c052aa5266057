package relayer

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/evm/sender"
	"sluice/pkg/evm/sender/natslog"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// chainLog is the journal of an owner's transactions on the bus. Where chains come and go it bears the chain's first block in its name,
// as what was signed for one must not be sent to another: when the chain changes, its sender has to begin anew.
type chainLog struct {
	js    jetstream.JetStream
	owner polymarket.Address
	id    uint64 // the chain's
	chain *chain

	mu    sync.Mutex
	log   *natslog.Log
	first string
}

// openLog is the journal, once the chain is known. Its error is sender.ErrReplaced when that is not the chain of before.
func (c *chainLog) openLog(ctx context.Context) (*natslog.Log, error) {
	first, err := c.chain.first(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.log != nil && c.first != first {
		c.log = nil
		return nil, fmt.Errorf("%w: the endpoints show another chain, which begins with %s", sender.ErrReplaced, first)
	}
	if c.log == nil {
		name := strconv.FormatUint(c.id, 10)
		if first != "" {
			name += "-" + first[2:18]
		}
		c.log, c.first = natslog.New(c.js, msgs.GasStream, msgs.GasSubject(c.owner.Hex(), name)), first
	}
	return c.log, nil
}

// Append writes a record behind a position.
func (c *chainLog) Append(ctx context.Context, after uint64, record []byte) (uint64, error) {
	log, err := c.openLog(ctx)
	if err != nil {
		return 0, err
	}
	return log.Append(ctx, after, record)
}

// Read gives the records behind a position.
func (c *chainLog) Read(ctx context.Context, after uint64) ([]sender.Entry, error) {
	log, err := c.openLog(ctx)
	if err != nil {
		return nil, err
	}
	return log.Read(ctx, after)
}
