package ingest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

const (
	// feedQueue is how many private events may wait to be stored: some minutes of a busy account, about 16 MB at worst.
	// A full queue holds back the socket; the venue then cuts us off sooner or later, and reading by REST brings
	// everything but passing statuses.
	feedQueue = 8192
	// recheckEvery is how often orders and trades are read although nothing seems wrong: two cheap requests that
	// find what a socket has swallowed.
	recheckEvery = 60 * time.Second
	// maxLookups bounds the orders looked up one by one in a reading; the next reading goes on.
	maxLookups = 100
	// readTimeout bounds one reading of orders and trades.
	readTimeout = 60 * time.Second
	// drainTimeout is how long events already received may take to be stored after the end was asked for.
	drainTimeout = 3 * time.Second
)

// feed follows one account's private events: the user channel says them first, reading orders and trades by REST after
// each connect makes them complete, and the log stores each once.
type feed struct {
	account Account
	env     msgs.Env
	clob    polymarket.CLOB // with the account's credentials
	log     *slog.Logger
	count   *counters
	conn    *conn
	stored  *feedLog
	pause   *backoff // between attempts of everything but the socket

	queue   chan feedItem
	due     chan struct{} // asks for a reading now
	connect uint64        // counts connects; of the socket's goroutine
	heard   atomic.Uint64 // the last connect that the venue has answered
	whole   atomic.Uint64 // the last connect since which nothing is missing
}

// feedItem is one thing for the writer, in order: an event, or a question about what is stored.
type feedItem struct {
	order *msgs.FeedOrder
	trade *msgs.FeedTrade
	ask   func(*history)
	at    time.Time
}

// run follows the account until ctx ends. What was received by then is stored before run returns.
func (f *feed) run(ctx context.Context) {
	if f.prepare(ctx) != nil {
		return // ctx has ended
	}
	storing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drainTimeout, stop) })()
	var in, out sync.WaitGroup
	out.Go(func() { f.write(storing) })
	in.Go(func() { f.read(ctx) })
	f.conn.run(ctx)
	in.Wait()
	close(f.queue)
	out.Wait()
}

// prepare gets credentials and reads what is stored, trying until both are there or ctx ends.
func (f *feed) prepare(ctx context.Context) error {
	for {
		err := f.credentials(ctx)
		if err == nil {
			err = f.stored.open(ctx)
		}
		if err == nil {
			f.pause.reset()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f.log.Warn("private feed cannot start yet", "account", f.account.Name, "error", err)
		wait(ctx, f.pause.pause())
	}
}

func (f *feed) credentials(ctx context.Context) error {
	if f.clob.Creds.Key != "" {
		return nil
	}
	creds, err := f.clob.CreateOrDeriveKey(ctx, 0)
	if err != nil {
		return fmt.Errorf("derive credentials: %w", err)
	}
	f.clob.Creds = creds
	return nil
}

// put hands an item to the writer, waiting for room.
func (f *feed) put(ctx context.Context, i feedItem) error {
	select {
	case f.queue <- i:
		f.count.feedQueue.Inc()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write stores what comes, in order, until the queue is closed and empty.
func (f *feed) write(ctx context.Context) {
	for i := range f.queue {
		f.count.feedQueue.Dec()
		var stored bool
		var err error
		var source msgs.FeedSource
		switch {
		case i.ask != nil:
			i.ask(f.stored.history)
			continue
		case i.order != nil:
			source = i.order.Source
			stored, err = f.stored.storeOrder(ctx, i.order)
		case i.trade != nil:
			source = i.trade.Source
			stored, err = f.stored.storeTrade(ctx, i.trade)
		}
		switch {
		case err != nil:
			f.log.Warn("private event not stored; it will be read again", "account", f.account.Name, "error", err)
		case stored:
			f.count.feedStored.WithLabelValues(string(source)).Inc()
			f.count.feedLag.Observe(time.Since(i.at).Seconds())
		default:
			f.count.feedRepeat.WithLabelValues(string(source)).Inc()
		}
	}
}

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
				f.pause.reset()
				break
			}
			if ctx.Err() != nil {
				return
			}
			f.log.Warn("orders and trades not read", "account", f.account.Name, "error", err)
			wait(ctx, f.pause.pause())
		}
	}
}

// readVenue reads what may have happened since the last stored events, hands it to the writer, and returns when that is
// done with it.
func (f *feed) readVenue(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	from, err := ask(ctx, f, func(h *history) view { return h.view(time.Now()) })
	if err != nil {
		return err
	}
	// Trades first: an order's state then never claims a fill whose trade is still to come.
	trades, err := f.clob.Trades(ctx, polymarket.TradeFilter{After: from.after / 1000})
	if err != nil {
		return err
	}
	orders, err := f.clob.OpenOrders(ctx, polymarket.OrderFilter{})
	if err != nil {
		return err
	}
	gone, err := f.lookUp(ctx, from.open, &orders)
	if err != nil {
		return err
	}
	now := time.Now()
	for i := len(trades) - 1; i >= 0; i-- { // the venue lists the newest first
		if err := f.put(ctx, feedItem{trade: f.tradeOf(&trades[i], nil, 1000*max(trades[i].LastUpdate, trades[i].MatchTime), now), at: now}); err != nil {
			return err
		}
	}
	for i := range orders {
		if err := f.put(ctx, feedItem{order: f.orderOf(&orders[i], nil, "", now.UnixMilli(), now), at: now}); err != nil {
			return err
		}
	}
	_, err = ask(ctx, f, func(h *history) struct{} { h.forget(gone); return struct{}{} })
	return err
}

// lookUp adds to orders those that were open when last heard of and are not in the venue's list any more. gone are those
// that the venue does not know.
func (f *feed) lookUp(ctx context.Context, open []msgs.OrderID, orders *[]polymarket.OpenOrder) (gone []msgs.OrderID, err error) {
	listed := make(map[msgs.OrderID]bool, len(*orders))
	for _, o := range *orders {
		listed[msgs.OrderID(o.ID)] = true
	}
	asked := 0
	for _, id := range open {
		if listed[id] {
			continue
		}
		if asked++; asked > maxLookups {
			return gone, nil
		}
		o, found, err := f.clob.Order(ctx, string(id))
		switch {
		case err != nil:
			return nil, fmt.Errorf("read order: %w", err)
		case found:
			*orders = append(*orders, o)
		default:
			gone = append(gone, id)
		}
	}
	return gone, nil
}

// ask runs a question in the writer, after everything put before it.
func ask[T any](ctx context.Context, f *feed, question func(*history) T) (T, error) {
	answer := make(chan T, 1)
	err := f.put(ctx, feedItem{ask: func(h *history) { answer <- question(h) }})
	if err == nil {
		select {
		case v := <-answer:
			return v, nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	var none T
	return none, err
}

// The session of the user channel.

func (f *feed) hello(string) []byte {
	f.connect++
	return polymarket.UserSubscribe(f.clob.Creds, nil)
}

// frame decodes private events and hands them to the writer.
func (f *feed) frame(ctx context.Context, at time.Time, data []byte) error {
	for one := range elements(data) {
		for _, e := range polymarket.DecodeFrame(one).Events {
			i := feedItem{at: at}
			switch e := e.(type) {
			case polymarket.UserOrder:
				i.order = f.orderOf(&e.OpenOrder, slices.Clone(one), e.Kind, cmp.Or(e.TimestampMS, at.UnixMilli()), at)
			case polymarket.UserTrade:
				i.trade = f.tradeOf(&e.Trade, slices.Clone(one), cmp.Or(e.TimestampMS, at.UnixMilli()), at)
			default:
				f.strange(e)
				continue
			}
			f.count.conn.frames.WithLabelValues(channelUser, e.EventType()).Inc()
			if err := f.put(ctx, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// strange counts what is not understood. A known kind that could not be read may be a fill: the venue is asked at once.
func (f *feed) strange(e polymarket.Event) {
	f.count.unknown.WithLabelValues(channelUser).Inc()
	if u, ok := e.(polymarket.Unrecognised); ok && u.Err != nil {
		f.log.Error("private event not understood", "account", f.account.Name, "type", u.Type, "error", u.Err)
		f.readSoon()
	}
}

// look asks for a reading when the first answer of a connection shows that the subscription was read.
func (f *feed) look(time.Time) ([][]byte, error) {
	if f.heard.Swap(f.connect) != f.connect {
		f.readSoon()
	}
	return nil, nil
}

func (f *feed) readSoon() {
	select {
	case f.due <- struct{}{}:
	default: // one is due already
	}
}

func (f *feed) state() (state, cause string) {
	if f.whole.Load() == f.connect {
		return stateUp, ""
	}
	return stateStale, "reading orders and trades"
}

// lost asks for a reading: what happens while the socket is away is not waited for until it is back.
func (f *feed) lost(error) { f.readSoon() }

func (f *feed) tokens() int { return 0 }
