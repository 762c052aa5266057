package relayer

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sluice/pkg/polymarket"
)

// activeFor is how long the relayer's word counts that a transaction is under way: no batch of ours can be performed later, and one that it
// has forgotten stands in its list for ever.
const activeFor = polymarket.BatchLife * time.Second

// busy asks the relayer's list, which is free, whether another transaction of a deposit wallet is under way. It takes one at a time, and
// charges for refusing a second. Other wallets are guarded by their nonces alone. nil: none is known.
func (p *performer) busy(ctx context.Context) *polymarket.RelayerError {
	if p.who.Kind != polymarket.Deposit {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := p.relay.Transactions(ctx)
	if err != nil {
		return nil
	}
	for _, t := range list {
		if strings.EqualFold(t.Wallet, p.who.Wallet.Hex()) && !t.State.Final() && time.Since(t.UpdatedAt) < activeFor {
			return free(polymarket.RelayerWalletBusy, "/transactions", fmt.Sprintf("the relayer has %s of the wallet under way, in %s", t.ID, t.State))
		}
	}
	return nil
}

// vain asks what is free whether another copy of a unit would be refused now, so that none is paid for in vain: nil when it may go. A read
// that fails says nothing.
func (p *performer) vain(ctx context.Context, d Submit) *polymarket.RelayerError {
	if busy := p.busy(ctx); busy != nil {
		return busy
	}
	if d.Sure || d.Unit.Create {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	now, err := p.nonceThere(ctx)
	if err != nil || now == d.Unit.Nonce {
		return nil
	}
	return free(polymarket.RelayerNonce, "/nonce", fmt.Sprintf("the relayer counts nonce %d of the wallet, and the unit has %d", now, d.Unit.Nonce))
}

// nonceThere is the wallet's next nonce as the relayer counts.
func (p *performer) nonceThere(ctx context.Context) (uint64, error) {
	if p.who.Kind == polymarket.Proxy {
		payload, err := p.relay.RelayPayload(ctx, p.who.Owner)
		return payload.Nonce, err
	}
	return p.relay.Nonce(ctx, p.who.Owner, p.who.Kind)
}

// free is a refusal that was foreseen by a read that costs nothing, so that no submit was made.
func free(reason polymarket.RelayerReason, path, cause string) *polymarket.RelayerError {
	return &polymarket.RelayerError{Method: http.MethodGet, Path: path, Reason: reason, Message: cause}
}
