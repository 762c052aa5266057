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

	"sluice/pkg/limits/retry"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

const (
	// feedQueue is how many private events may wait to be stored: some minutes of a busy account, about 16 MB at worst.
	// A full queue holds back the socket; the venue then cuts us off sooner or later, and reading by REST brings
	// everything but that a trade was being retried.
	feedQueue = 8192
	// deafAfter is how long after a change of a trade the socket must have told it. It is more than clocks differ that are
	// set by the network; where they differ more, a sound connection may be renewed.
	deafAfter = 10 * time.Second
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
	pause   *retry.Pauses // between attempts of everything but the socket

	queue   chan feedItem
	due     chan struct{} // asks for a reading now
	connect uint64        // counts connects; of the socket's goroutine
	heard   atomic.Uint64 // the last connect that the venue has answered
	since   atomic.Int64  // when it did, Unix ms
	whole   atomic.Uint64 // the last connect since which nothing is missing
	deaf    atomic.Uint64 // the last connect whose socket has kept something from us

	// report says below which sequence of the stream nothing is read again.
	report   func(context.Context, uint64) error
	reported uint64
	// Where the last round of look-ups ended; of the reader's goroutine.
	orderTurn msgs.OrderID
	tradeTurn msgs.TradeID
}

// feedItem is one thing for the writer, in order: an event, or a deed between two events.
type feedItem struct {
	order *msgs.FeedOrder
	trade *msgs.FeedTrade
	venue *polymarket.Trade // of trade: whose legs are the account's own is told by what is stored by then
	do    func(context.Context)
	at    time.Time
	news  int64 // of trade: since when there was something to tell, Unix ms
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
			f.pause.Reset()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f.log.Warn("private feed cannot start yet", "account", f.account.Name, "error", err)
		wait(ctx, f.pause.Next())
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
		case i.do != nil:
			i.do(ctx)
			continue
		case i.order != nil:
			source = i.order.Source
			stored, err = f.stored.storeOrder(ctx, i.order)
		case i.trade != nil:
			source = i.trade.Source
			i.trade.Legs = f.ownLegs(i.venue)
			i.news = f.stored.history.since(i.trade)
			stored, err = f.stored.storeTrade(ctx, i.trade)
		}
		switch {
		case err != nil:
			f.log.Warn("private event not stored; it will be read again", "account", f.account.Name, "error", err)
		case stored:
			f.count.feedStored.WithLabelValues(string(source)).Inc()
			f.count.feedLag.Observe(time.Since(i.at).Seconds())
			f.suspect(&i)
		default:
			f.count.feedRepeat.WithLabelValues(string(source)).Inc()
		}
	}
}

// suspect takes a socket for deaf that is open and has not told what a reading has found: the venue's sockets have been seen to
// answer every PING and to say nothing more.
func (f *feed) suspect(i *feedItem) {
	if i.trade == nil || i.trade.Source != msgs.FromREST {
		return
	}
	due := time.UnixMilli(i.news).Add(deafAfter)
	if opened := time.UnixMilli(f.since.Load()).Add(deafAfter); due.After(opened) && i.at.After(due) {
		f.deaf.Store(f.heard.Load())
		f.conn.wake()
	}
}

// ask runs a question in the writer, after everything put before it.
func ask[T any](ctx context.Context, f *feed, question func(context.Context) (T, error)) (T, error) {
	type reply struct {
		v   T
		err error
	}
	answer := make(chan reply, 1)
	var none T
	err := f.put(ctx, feedItem{do: func(ctx context.Context) {
		v, err := question(ctx)
		answer <- reply{v, err}
	}})
	if err != nil {
		return none, err
	}
	select {
	case r := <-answer:
		return r.v, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
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
				i.trade, i.venue = f.tradeOf(&e.Trade, slices.Clone(one), cmp.Or(e.TimestampMS, at.UnixMilli()), at), &e.Trade
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

// errDeaf is the cause of a renewal of a connection that has kept something from us.
var errDeaf = fmt.Errorf("%w of a trade that a reading has found", errData)

// look asks for a reading when the first answer of a connection shows that the subscription was read.
func (f *feed) look(now time.Time) ([][]byte, error) {
	if f.heard.Load() != f.connect {
		f.since.Store(now.UnixMilli())
		f.heard.Store(f.connect)
		f.readSoon()
	}
	if f.deaf.Load() == f.connect {
		return nil, errDeaf
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
