package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

const (
	// recheckEvery is how often orders and trades are read although nothing seems wrong: two cheap requests that
	// find what a socket has swallowed. A fill that an open and silent socket keeps from us is told no later.
	recheckEvery = 20 * time.Second
	// maxLookups bounds the orders, and the trades, looked up one by one in a reading; the next reading goes on behind.
	maxLookups = 100
	// readTimeout bounds one reading of orders and trades.
	readTimeout = 60 * time.Second
)

// read asks the venue for orders and trades after each connect, and now and then.
func (f *feed) read(ctx context.Context) {
	again := time.NewTicker(recheckEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.due:
		case <-again.C:
		}
		for {
			since := f.heard.Load()
			err := f.readVenue(ctx)
			if err == nil {
				f.whole.Store(since)
				f.conn.wake()
				f.pause.Reset()
				break
			}
			if ctx.Err() != nil {
				return
			}
			f.log.Warn("orders and trades not read", "account", f.account.Name, "error", err)
			wait(ctx, f.pause.Next())
		}
	}
}

// readVenue reads what may have happened since the feed was whole, hands it to the writer, and returns when that is done
// with it. What could be read is handed over even when something else could not; only a full reading makes the feed whole.
func (f *feed) readVenue(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	began := time.Now()
	from, err := f.begin(ctx)
	if err != nil {
		return err
	}
	// Trades first: an order's state then never claims a fill whose trade is still to come.
	trades, errTrades := f.readTrades(ctx, from)
	orders, gone, errOrders := f.readOrders(ctx, from)
	at := time.Now()
	for i := len(trades) - 1; i >= 0; i-- { // the venue lists the newest first
		t := &trades[i]
		if err := f.put(ctx, feedItem{trade: f.tradeOf(t, nil, 1000*max(t.LastUpdate, t.MatchTime), at), venue: t, at: at}); err != nil {
			return err
		}
	}
	for i := range orders {
		if err := f.put(ctx, feedItem{order: f.orderOf(&orders[i], nil, "", at.UnixMilli(), at), at: at}); err != nil {
			return err
		}
	}
	if err := errors.Join(errTrades, errOrders); err != nil {
		return err
	}
	_, err = ask(ctx, f, func(context.Context) (struct{}, error) {
		h := f.stored.history
		if h != from.of {
			return struct{}{}, errReopened
		}
		h.forget(gone)
		h.whole = max(h.whole, began.UnixMilli())
		return struct{}{}, nil
	})
	return err
}

// errReopened ends a reading during which the stream turned out to be another: it began too late.
var errReopened = errors.New("the stored feed has changed under the reading")

// begin makes sure that what is stored is what was read of it, and says where a reading begins.
func (f *feed) begin(ctx context.Context) (view, error) {
	return ask(ctx, f, func(ctx context.Context) (view, error) {
		if err := f.stored.check(ctx); err != nil {
			return view{}, err
		}
		v := f.stored.history.view()
		return v, f.holdBack(ctx)
	})
}

// holdBack says how much of the stream a successor needs.
func (f *feed) holdBack(ctx context.Context) error {
	since := time.UnixMilli(f.stored.history.whole).Add(-lookback - lookbackMargin)
	seq := f.stored.marks.needed(since.UnixMilli())
	if f.report == nil || seq == 0 || seq == f.reported {
		return nil
	}
	if err := f.report(ctx, seq-1); err != nil {
		return err
	}
	f.reported = seq
	return nil
}

// readTrades lists the trades since the feed was whole, and looks up those before them that are not final, the newest first.
func (f *feed) readTrades(ctx context.Context, from view) ([]polymarket.Trade, error) {
	trades, err := f.clob.Trades(ctx, polymarket.TradeFilter{After: max(from.after/1000, 1)})
	if err != nil {
		return trades, err
	}
	listed := make(map[msgs.TradeID]bool, len(trades))
	for i := range trades {
		listed[msgs.TradeID(trades[i].ID)] = true
	}
	open := slices.DeleteFunc(from.trades, func(id msgs.TradeID) bool { return listed[id] })
	for _, id := range turn(open, &f.tradeTurn) {
		one, err := f.clob.Trades(ctx, polymarket.TradeFilter{ID: string(id)})
		trades = append(trades, one...)
		if err != nil {
			return trades, err
		}
	}
	return trades, nil
}

// readOrders lists the open orders, and looks up those that were open when last heard of and are not listed any more. gone
// are those that the venue does not know.
func (f *feed) readOrders(ctx context.Context, from view) (orders []polymarket.OpenOrder, gone []msgs.OrderID, err error) {
	orders, err = f.clob.OpenOrders(ctx, polymarket.OrderFilter{})
	if err != nil {
		return orders, nil, err
	}
	listed := make(map[msgs.OrderID]bool, len(orders))
	for i := range orders {
		listed[msgs.OrderID(orders[i].ID)] = true
	}
	open := slices.DeleteFunc(from.orders, func(id msgs.OrderID) bool { return listed[id] })
	for _, id := range turn(open, &f.orderTurn) {
		o, found, err := f.clob.Order(ctx, string(id))
		switch {
		case err != nil:
			return orders, gone, fmt.Errorf("read order: %w", err)
		case found:
			orders = append(orders, o)
		default:
			gone = append(gone, id)
		}
	}
	return orders, gone, nil
}

// turn takes at most maxLookups of sorted ids, beginning behind the last one of the round before, so that each has its turn.
func turn[T ~string](ids []T, last *T) []T {
	i, found := slices.BinarySearch(ids, *last)
	if found {
		i++
	}
	round := slices.Concat(ids[i:], ids[:i])
	round = round[:min(len(round), maxLookups)]
	if len(round) > 0 {
		*last = round[len(round)-1]
	}
	return round
}
