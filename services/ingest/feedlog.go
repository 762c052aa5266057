package ingest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

const (
	// storeTimeout bounds one append; a synced append takes milliseconds, so a broker that needs longer is in trouble.
	storeTimeout = 5 * time.Second
	// storeRetry is the pause between attempts while the broker does not take an event.
	storeRetry = 250 * time.Millisecond
	// lookback is how far into the past an account's events are remembered and asked for: longer than any settlement
	// and any outage after which one would simply go on.
	lookback = 24 * time.Hour
	// lookbackMargin is how much further the stream is read than the venue is asked, so that clocks may differ.
	lookbackMargin = time.Hour
)

// feedLog stores one account's private events in its stream, each once, in the order given. Several may write: every
// append expects the last sequence that this one has read, so whoever is late first reads what the other wrote, and what
// is there already is not written again. The same holds after a lost acknowledgement.
type feedLog struct {
	js      jetstream.JetStream
	stream  string
	orders  string            // subject
	trades  string            // subject
	last    map[string]uint64 // by subject
	history *history
	repeat  func(msgs.FeedSource)
}

func newFeedLog(js jetstream.JetStream, a msgs.Account) *feedLog {
	return &feedLog{js: js, stream: msgs.AskStream(a), orders: msgs.FeedSubject(a, "order"), trades: msgs.FeedSubject(a, "trade"),
		last: map[string]uint64{}, history: newHistory(), repeat: func(msgs.FeedSource) {}}
}

// open reads what is stored, as far back as lookback.
func (l *feedLog) open(ctx context.Context) error {
	for _, subject := range []string{l.orders, l.trades} {
		since := time.Now().Add(-lookback - lookbackMargin)
		from := jetstream.ConsumerConfig{FilterSubject: subject, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since}
		if err := l.readTail(ctx, from); err != nil {
			return fmt.Errorf("read %s: %w", subject, err)
		}
	}
	return nil
}

// catchUp reads what others have stored since.
func (l *feedLog) catchUp(ctx context.Context, subject string) error {
	return l.readTail(ctx, jetstream.ConsumerConfig{FilterSubject: subject,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: l.last[subject] + 1})
}

// readTail reads a subject up to its present end. After an error it can be called again and goes on.
func (l *feedLog) readTail(ctx context.Context, from jetstream.ConsumerConfig) error {
	ctx, cancel := context.WithTimeout(ctx, tailTimeout)
	defer cancel()
	subject := from.FilterSubject
	st, err := l.js.Stream(ctx, l.stream)
	if err != nil {
		return err
	}
	end, err := st.GetLastMsgForSubject(ctx, subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		l.last[subject] = 0
		return nil
	case err != nil:
		return err
	case end.Sequence <= l.last[subject] || from.OptStartTime != nil && end.Time.Before(*from.OptStartTime):
		l.last[subject] = end.Sequence
		return nil
	}
	// Not an ordered consumer: its silent retries know no end.
	from.AckPolicy, from.MemoryStorage, from.InactiveThreshold = jetstream.AckNonePolicy, true, tailTimeout
	c, err := st.CreateConsumer(ctx, from)
	if err != nil {
		return err
	}
	for left := c.CachedInfo().NumPending; left > 0; {
		n := min(left, tailBatch) // a batch that asks for more than there is would wait
		at, err := l.readBatch(ctx, c, int(n))
		if err != nil {
			return err
		}
		l.last[subject] = max(l.last[subject], at)
		left -= n
	}
	// What cannot be deleted goes by itself after its inactivity.
	_ = st.DeleteConsumer(ctx, c.CachedInfo().Name)
	return nil
}

// readBatch folds the next n messages and returns the sequence of the last.
func (l *feedLog) readBatch(ctx context.Context, c jetstream.Consumer, n int) (at uint64, err error) {
	batch, err := c.Fetch(n, jetstream.FetchContext(ctx))
	if err != nil {
		return 0, err
	}
	for m := range batch.Messages() {
		n--
		meta, err := m.Metadata()
		if err != nil {
			return 0, err
		}
		l.fold(m.Subject(), m.Data())
		at = meta.Sequence.Stream
	}
	if n > 0 {
		return 0, cmp.Or(batch.Error(), errShort)
	}
	return at, nil
}

// errShort reports a batch of which a part has not come.
var errShort = errors.New("batch ended early")

// tailBatch is how many messages are asked for at a time.
const tailBatch = 500

// tailTimeout bounds reading a tail: a day's events of a busy account take seconds.
const tailTimeout = 60 * time.Second

// fold takes what is stored into the history. What is not readable was not written by ingest and says nothing.
func (l *feedLog) fold(subject string, data []byte) {
	switch subject {
	case l.orders:
		var o msgs.FeedOrder
		if json.Unmarshal(data, &o) == nil {
			l.history.addOrder(&o)
		}
	case l.trades:
		var t msgs.FeedTrade
		if json.Unmarshal(data, &t) == nil {
			l.history.addTrade(&t)
		}
	}
}

// storeOrder stores the event unless it is stored already; stored says which. It returns an error only when ctx ended.
func (l *feedLog) storeOrder(ctx context.Context, o *msgs.FeedOrder) (stored bool, err error) {
	return l.store(ctx, l.orders, o.Source, func() any {
		if !l.history.newsOrder(o) {
			return nil
		}
		return o
	})
}

// storeTrade is storeOrder for a trade. Of a trade whose legs are stored in part, the others are stored.
func (l *feedLog) storeTrade(ctx context.Context, t *msgs.FeedTrade) (stored bool, err error) {
	return l.store(ctx, l.trades, t.Source, func() any {
		if t = l.history.newsTrade(t); t == nil {
			return nil
		}
		return t
	})
}

// store appends what news returns until it is stored or no news any more.
func (l *feedLog) store(ctx context.Context, subject string, source msgs.FeedSource, news func() any) (bool, error) {
	for {
		v := news()
		if v == nil {
			l.repeat(source)
			return false, nil
		}
		b, err := json.Marshal(v)
		if err != nil {
			return false, fmt.Errorf("encode %s: %w", subject, err)
		}
		err = l.append(ctx, subject, b)
		if err == nil {
			l.fold(subject, b)
			return true, nil
		}
		if !overtaken(err) {
			wait(ctx, storeRetry) // the broker is away, or the stream is full
		}
		// Refused because somebody was faster, or not known: what the stream holds is the answer to both.
		for l.catchUp(ctx, subject) != nil {
			wait(ctx, storeRetry)
			if ctx.Err() != nil {
				return false, ctx.Err()
			}
		}
	}
}

// overtaken reports whether the broker refused an append because the subject has moved on.
func overtaken(err error) bool {
	e, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

func (l *feedLog) append(ctx context.Context, subject string, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	m := nats.NewMsg(subject)
	m.Data = b
	ack, err := l.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(l.last[subject]), jetstream.WithRetryAttempts(0))
	if err != nil {
		return err
	}
	l.last[subject] = ack.Sequence
	return nil
}
