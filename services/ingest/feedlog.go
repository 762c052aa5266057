package ingest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
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
	// lookbackMargin is how much further the stream is read than is remembered, so that clocks may differ.
	lookbackMargin = time.Hour
)

// wholeHeader says on each stored event up to when the feed was whole before it, in Unix ms. It is what a successor goes on
// from: the time of the last event says nothing about what came before it unheard.
const wholeHeader = "Sluice-Whole-Ms"

// feedLog stores one account's private events in its stream, each once, in the order given. Several may write: every
// append expects the last sequence that this one has read, so whoever is late first reads what the other wrote, and what
// is there already is not written again. The same holds after a lost acknowledgement.
type feedLog struct {
	js      jetstream.JetStream
	stream  string
	orders  string         // subject
	trades  string         // subject
	last    map[string]tip // by subject
	history *history
	marks   marks
	// reopened is called when the stream turned out not to hold what it did: it was wiped, or restored from a copy.
	reopened func()
}

// tip is the last stored event of a subject, as far as read.
type tip struct {
	seq  uint64
	data seenKey // of its payload, to know the stream again
}

func newFeedLog(js jetstream.JetStream, a msgs.Account) *feedLog {
	return &feedLog{js: js, stream: msgs.AskStream(a), orders: msgs.FeedSubject(a, "order"), trades: msgs.FeedSubject(a, "trade"),
		last: map[string]tip{}, history: newHistory(), reopened: func() {}}
}

// subjects lists what is written, in the order in which it is read.
func (l *feedLog) subjects() []string { return []string{l.orders, l.trades} }

// open reads what is stored and may still matter.
func (l *feedLog) open(ctx context.Context) error {
	l.history, l.last, l.marks = newHistory(), map[string]tip{}, marks{}
	whole, err := l.readWhole(ctx)
	if err != nil {
		return fmt.Errorf("read the end of the feed: %w", err)
	}
	l.history.whole = whole
	since := time.UnixMilli(whole).Add(-lookback - lookbackMargin)
	for _, subject := range l.subjects() {
		from := jetstream.ConsumerConfig{FilterSubject: subject, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since}
		if err := l.readTail(ctx, from); err != nil {
			return fmt.Errorf("read %s: %w", subject, err)
		}
	}
	return nil
}

// readWhole is up to when the feed is whole, by its last events. Where they do not say, it is as far back as one looks:
// before the last event of a feed that has some, before now of one that has none.
func (l *feedLog) readWhole(ctx context.Context) (int64, error) {
	st, err := l.js.Stream(ctx, l.stream)
	if err != nil {
		return 0, err
	}
	var whole, stored int64
	for _, subject := range l.subjects() {
		m, err := st.GetLastMsgForSubject(ctx, subject)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			continue
		case err != nil:
			return 0, err
		}
		whole, stored = max(whole, wholeOf(m.Header)), max(stored, m.Time.UnixMilli())
	}
	now := time.Now().UnixMilli()
	switch {
	case whole > 0:
		return min(whole, now), nil
	case stored > 0:
		now = min(now, stored)
	}
	return now - lookback.Milliseconds(), nil
}

func wholeOf(h nats.Header) int64 {
	ms, err := strconv.ParseInt(h.Get(wholeHeader), 10, 64)
	if err != nil {
		return 0 // written before there was such a header
	}
	return ms
}

// check reads what others have stored since, and everything anew when the stream is not the one that was read: what it has
// lost is then news again.
func (l *feedLog) check(ctx context.Context) error {
	for _, subject := range l.subjects() {
		if err := l.catchUp(ctx, subject); err != nil {
			return fmt.Errorf("read %s: %w", subject, err)
		}
	}
	return nil
}

func (l *feedLog) catchUp(ctx context.Context, subject string) error {
	same, err := l.sameStream(ctx, subject)
	if err != nil {
		return err
	}
	if !same {
		if err := l.open(ctx); err != nil {
			return err
		}
		l.reopened()
		return nil
	}
	return l.readTail(ctx, jetstream.ConsumerConfig{FilterSubject: subject,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: l.last[subject].seq + 1})
}

// sameStream reports whether the last event that was read is where it was. One that is gone may have been purged; but no
// purge takes sequences back.
func (l *feedLog) sameStream(ctx context.Context, subject string) (bool, error) {
	tip := l.last[subject]
	if tip.seq == 0 {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	st, err := l.js.Stream(ctx, l.stream)
	if err != nil {
		return false, err
	}
	m, err := st.GetMsg(ctx, tip.seq)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return st.CachedInfo().State.LastSeq >= tip.seq, nil
	case err != nil:
		return false, err
	}
	return m.Subject == subject && keyOf(string(m.Data)) == tip.data, nil
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
		l.last[subject] = tip{}
		return nil
	case err != nil:
		return err
	case end.Sequence <= l.last[subject].seq || from.OptStartTime != nil && end.Time.Before(*from.OptStartTime):
		l.last[subject] = tip{end.Sequence, keyOf(string(end.Data))}
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
		if err := l.readBatch(ctx, c, int(n)); err != nil {
			return err
		}
		left -= n
	}
	// What cannot be deleted goes by itself after its inactivity.
	_ = st.DeleteConsumer(ctx, c.CachedInfo().Name)
	return nil
}

// readBatch folds the next n messages.
func (l *feedLog) readBatch(ctx context.Context, c jetstream.Consumer, n int) error {
	batch, err := c.Fetch(n, jetstream.FetchContext(ctx))
	if err != nil {
		return err
	}
	for m := range batch.Messages() {
		n--
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		l.history.whole = max(l.history.whole, wholeOf(m.Headers()))
		l.fold(m.Subject(), m.Data(), meta.Sequence.Stream, meta.Timestamp)
	}
	if n > 0 {
		return cmp.Or(batch.Error(), errShort)
	}
	return nil
}

// errShort reports a batch of which a part has not come.
var errShort = errors.New("batch ended early")

// tailBatch is how many messages are asked for at a time.
const tailBatch = 500

// tailTimeout bounds reading a tail: a day's events of a busy account take seconds.
const tailTimeout = 60 * time.Second

// fold takes what is stored into the history. What is not readable was not written by ingest and says nothing.
func (l *feedLog) fold(subject string, data []byte, seq uint64, at time.Time) {
	l.last[subject] = tip{seq, keyOf(string(data))}
	l.marks.add(seq, at.UnixMilli())
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
	return l.store(ctx, l.orders, func() any {
		if !l.history.newsOrder(o) {
			return nil
		}
		return o
	})
}

// storeTrade is storeOrder for a trade, and for the statuses that it implies before it.
func (l *feedLog) storeTrade(ctx context.Context, t *msgs.FeedTrade) (stored bool, err error) {
	return l.store(ctx, l.trades, func() any {
		if next := l.history.nextTrade(t); next != nil {
			return next
		}
		return nil
	})
}

// store appends what news returns until there is none.
func (l *feedLog) store(ctx context.Context, subject string, news func() any) (stored bool, err error) {
	for {
		v := news()
		if v == nil {
			return stored, nil
		}
		b, err := json.Marshal(v)
		if err != nil {
			return stored, fmt.Errorf("encode %s: %w", subject, err)
		}
		seq, err := l.append(ctx, subject, b)
		if err == nil {
			l.fold(subject, b, seq, time.Now())
			stored = true
			continue
		}
		if !overtaken(err) {
			wait(ctx, storeRetry) // the broker is away, or the stream is full
		}
		// Refused because somebody was faster, or not known: what the stream holds is the answer to both.
		for l.catchUp(ctx, subject) != nil {
			wait(ctx, storeRetry)
			if ctx.Err() != nil {
				return stored, ctx.Err()
			}
		}
	}
}

// overtaken reports whether the broker refused an append because the subject has moved on.
func overtaken(err error) bool {
	e, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

func (l *feedLog) append(ctx context.Context, subject string, b []byte) (seq uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	m := nats.NewMsg(subject)
	m.Data = b
	m.Header.Set(wholeHeader, strconv.FormatInt(l.history.whole, 10))
	ack, err := l.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(l.last[subject].seq), jetstream.WithRetryAttempts(0))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}
