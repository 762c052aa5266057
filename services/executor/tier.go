package executor

import (
	"context"
	"time"

	"sluice/pkg/limits"
	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/door"
	"sluice/pkg/polymarket"
)

const (
	tierEndpoint limits.Endpoint = "GET /v1/user/rate-limit-tier"

	// tierEvery is how often the venue is asked for an account's tier: it follows the volume by as long.
	tierEvery = 3 * time.Hour
)

// tier asks the venue for the account's tier of limits.
func (c *clob) tier(ctx context.Context) (tier string, err error) {
	err = c.read(ctx, func(ctx context.Context, api polymarket.CLOB) (err error) {
		tier, err = api.RateLimitTier(ctx)
		return err
	})
	return tier, err
}

// followTier asks for the account's tier at the start and again and again, behind everything else, until ctx ends. A venue that does not
// tell does no harm: the tier that was told or learned stays, and each answer to an order may name another. It is logged once.
func (d *desk) followTier(ctx context.Context, venue *clob) {
	told := ""
	for {
		tier, changed, err := d.learnTier(ctx, venue)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && err.Error() != told:
			told = err.Error()
			d.log.Info("tier of limits not learned; what is in force stays, and answers to orders may teach it", "error", err)
		case changed:
			d.log.Info("tier of limits learned", "tier", tier)
		}
		if pause(ctx, tierEvery) != nil {
			return
		}
	}
}

func (d *desk) learnTier(ctx context.Context, venue *clob) (tier string, changed bool, err error) {
	q := limits.Request{Endpoint: string(tierEndpoint), Account: string(d.cfg.Name), Class: budget.As(limits.Bulk)}
	permit, err := d.s.limits.Acquire(ctx, q)
	if err != nil {
		return "", false, err
	}
	with, done := door.Carry(ctx, q, permit)
	defer done()
	if tier, err = venue.tier(with); err != nil {
		return "", false, err
	}
	changed, err = d.s.limits.LearnTier(q.Account, tier)
	return tier, changed, err
}
