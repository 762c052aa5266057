package actor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// lane reads a set of subjects without acknowledgement, from the cursor on, for as long as its context lives. When the
// broker loses the consumer (a restart, a long silence) it makes another one, which counts as a new incarnation.
type lane struct {
	Lane
	index  int // of its cursor
	a      *Actor
	stream jetstream.Stream
	next   uint64 // stream sequence to read from in the next incarnation; owned by the reader

	// What the loop and the barrier share, guarded by the channel of capacity one.
	current chan incarnation
}

// incarnation is one consumer of a lane.
type incarnation struct {
	number   int
	consumer jetstream.Consumer // nil while there is none
}

// position is up to where a lane has been handled, counted in messages of one incarnation.
type position struct {
	incarnation int
	count       uint64
}

// record is a Record with its place in the lane.
type record struct {
	Record
	lane *lane
	at   position
	more uint64 // messages of the lane that waited behind it when it was delivered
}

// batch is what is in hand of the submit lane: at most one at a time.
type batch struct {
	records []record
	barrier []endWait // where each express lane must have been handled to before the next decision
	fresh   bool      // the barrier is known
	taken   chan struct{}
	permits int
	waiting bool // for a permit
}

// endWait is a place in a lane that is being waited for.
type endWait struct {
	lane *lane
	at   position
	seq  uint64 // of the stream, for LaneEnd
}

func (a *Actor) newLane(ctx context.Context, index int, l Lane) (*lane, error) {
	stream, err := a.cfg.JS.Stream(ctx, l.Stream)
	if err != nil {
		return nil, fmt.Errorf("open lane %s of stream %s: %w", l.Name, l.Stream, err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("open lane %s of stream %s: %w", l.Name, l.Stream, err)
	}
	cursor := a.cursors[index]
	if info.State.LastSeq < cursor {
		return nil, &LaneError{Stream: l.Stream, Last: info.State.LastSeq, Cursor: cursor}
	}
	ln := &lane{Lane: l, index: index, a: a, stream: stream, next: cursor + 1, current: make(chan incarnation, 1)}
	ln.current <- incarnation{}
	return ln, nil
}

// openLanes makes the lanes, not yet read.
func (a *Actor) openLanes(ctx context.Context) error {
	for i, l := range a.cfg.Express {
		ln, err := a.newLane(ctx, i, l)
		if err != nil {
			return err
		}
		a.lanes = append(a.lanes, ln)
	}
	if a.cfg.Submit == nil {
		return nil
	}
	var err error
	a.submit, err = a.newLane(ctx, len(a.cfg.Express), *a.cfg.Submit)
	return err
}

// consume makes the next incarnation and hands its messages to read, until ctx ends.
func (l *lane) consume(ctx context.Context, read func(ctx context.Context, c jetstream.Consumer, number int) error) {
	conn := l.a.cfg.JS.Conn()
	lost := conn.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED)
	defer conn.RemoveStatusListener(lost)
	for number, wait := 1, retryFirst; ctx.Err() == nil; number++ {
		c, err := l.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
			// The account is part of the name because accounts share streams: two actors on one consumer would each
			// get a part of it.
			Name:           fmt.Sprintf("%s_%s_%s_e%d_%d", l.a.cfg.Family, l.a.cfg.Account, l.Name, l.a.epoch, number),
			FilterSubjects: l.Subjects, AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
			OptStartSeq: l.next, MemoryStorage: true, Replicas: 1, InactiveThreshold: laneIdle,
		})
		if err == nil {
			<-l.current
			l.current <- incarnation{number, c}
			wait = retryFirst
			err = l.untilLost(ctx, lost, func(ctx context.Context) error { return read(ctx, c, number) })
			<-l.current
			l.current <- incarnation{number: number}
		}
		if ctx.Err() != nil {
			return
		}
		l.a.log.Warn("lane interrupted, opening it again", "lane", l.Name, "from", l.next, "error", err)
		if pause(ctx, wait) != nil {
			return
		}
		wait = min(2*wait, retryLast)
	}
}

// untilLost ends read when the connection breaks: the broker may come back without the consumer.
func (l *lane) untilLost(ctx context.Context, lost <-chan nats.Status, read func(context.Context) error) error {
	life, end := context.WithCancel(ctx)
	defer end()
	ended := make(chan error, 1)
	go func() { ended <- read(life) }()
	select {
	case err := <-ended:
		return err
	case s := <-lost:
		end()
		<-ended
		return fmt.Errorf("connection %s", strings.ToLower(s.String()))
	}
}

// take turns a message into a record and moves the lane on.
func (l *lane) take(m jetstream.Msg, number int) (record, error) {
	meta, err := m.Metadata()
	if err != nil {
		return record{}, err
	}
	l.next = meta.Sequence.Stream + 1
	return record{
		Record: Record{Lane: l.Name, Stream: l.Stream, Subject: m.Subject(), Seq: meta.Sequence.Stream,
			Stored: meta.Timestamp, Header: m.Headers(), Data: m.Data()},
		lane: l, at: position{number, meta.Sequence.Consumer}, more: meta.NumPending,
	}, nil
}

// express feeds the lane's records to the loop one by one.
func (l *lane) express(ctx context.Context) {
	l.consume(ctx, func(ctx context.Context, c jetstream.Consumer, number int) error {
		it, err := c.Messages(jetstream.PullMaxMessages(recordsAhead), jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(heartbeat))
		if err != nil {
			return err
		}
		defer it.Stop()
		for {
			m, err := it.Next(jetstream.NextContext(ctx))
			if err != nil {
				return err
			}
			r, err := l.take(m, number)
			if err != nil {
				return err
			}
			if !l.a.send(ctx, r) {
				return ctx.Err()
			}
		}
	})
}

// batches feeds the lane's records to the loop a batch at a time: one is waited for, what else is there at once comes
// with it, and nothing more is fetched until the loop has decided all of it.
func (l *lane) batches(ctx context.Context) {
	l.consume(ctx, func(ctx context.Context, c jetstream.Consumer, number int) error {
		for {
			b := &batch{taken: make(chan struct{})}
			if err := l.fill(ctx, c, number, b); err != nil {
				return err
			}
			if len(b.records) == 0 {
				continue
			}
			var err error
			if b.barrier, err = l.a.barrier(ctx); err != nil {
				return err
			}
			b.fresh = true
			if !l.a.send(ctx, b) {
				return ctx.Err()
			}
			select {
			case <-b.taken:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

func (l *lane) fill(ctx context.Context, c jetstream.Consumer, number int, b *batch) error {
	wait, cancel := context.WithTimeout(ctx, pullExpiry)
	defer cancel()
	first, err := c.Fetch(1, jetstream.FetchContext(wait), jetstream.FetchHeartbeat(heartbeat))
	if err != nil {
		return err
	}
	if err := l.drain(first, number, b); err != nil {
		return err
	}
	if len(b.records) == 0 || b.records[0].more == 0 {
		return nil
	}
	rest, err := c.FetchNoWait(int(min(batchSize-1, b.records[0].more)))
	if err != nil {
		return nil // what is in hand is decided first; the next fetch tells
	}
	return l.drain(rest, number, b)
}

func (l *lane) drain(mb jetstream.MessageBatch, number int, b *batch) error {
	for m := range mb.Messages() {
		r, err := l.take(m, number)
		if err != nil {
			return err
		}
		b.records = append(b.records, r)
	}
	err := mb.Error()
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, jetstream.ErrNoMessages) {
		return nil
	}
	if err != nil && len(b.records) > 0 {
		return nil // as above
	}
	return err
}

// end asks where the lane ends at present. It waits through an interruption of the lane.
func (l *lane) end(ctx context.Context) (endWait, error) {
	for wait := time.Millisecond; ; wait = min(2*wait, retryLast) {
		now := <-l.current
		l.current <- now
		if now.consumer != nil {
			try, cancel := context.WithTimeout(ctx, requestWait)
			info, err := now.consumer.Info(try)
			cancel()
			if err == nil {
				return endWait{lane: l, at: position{now.number, info.Delivered.Consumer + info.NumPending}}, nil
			}
		}
		if err := pause(ctx, wait); err != nil {
			return endWait{}, err
		}
	}
}

// barrier asks where the express lanes end at present.
func (a *Actor) barrier(ctx context.Context) ([]endWait, error) {
	ends := make([]endWait, 0, len(a.lanes))
	for _, l := range a.lanes {
		e, err := l.end(ctx)
		if err != nil {
			return nil, err
		}
		ends = append(ends, e)
	}
	return ends, nil
}

// send hands v to the loop unless ctx or the actor ends first.
func (a *Actor) send(ctx context.Context, v any) bool {
	select {
	case a.inbox <- v:
		return true
	case <-ctx.Done():
	case <-a.done:
	}
	return false
}

// reached reports whether the loop has handled a lane as far as e. An end that was asked of an earlier incarnation says
// nothing about a later one; stale tells that it has to be asked again.
func (a *Actor) reached(e endWait) (ok, stale bool) {
	p := a.seen[e.lane]
	switch {
	case e.at.count == 0:
		return true, false
	case p.incarnation == e.at.incarnation:
		return p.count >= e.at.count, false
	default:
		return false, p.incarnation > e.at.incarnation
	}
}

// askLaneEnd asks for LaneEnd of the submit lane.
func (r *running) askLaneEnd() {
	l, ctx := r.submit, r.intake
	r.others.Go(func() {
		for wait := retryFirst; ; wait = min(2*wait, retryLast) {
			try, cancel := context.WithTimeout(ctx, requestWait)
			info, err := l.stream.Info(try)
			cancel()
			if err == nil {
				e, err := l.end(ctx)
				if err != nil {
					return
				}
				e.seq = info.State.LastSeq
				r.send(ctx, &e)
				return
			}
			if pause(ctx, wait) != nil {
				return
			}
		}
	})
}
