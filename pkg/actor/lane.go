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
// broker loses the consumer, or a message between the two is lost, it makes another consumer and reads on from what the
// loop was handed last.
type lane struct {
	Lane
	index   int // of its cursor
	a       *Actor
	stream  jetstream.Stream
	created time.Time // of the stream: a namesake made later has other messages under the same sequences
	next    uint64    // first stream sequence that the loop was not handed; owned by the reader
}

// record is a Record with its lane.
type record struct {
	Record
	lane *lane
	more bool // others of the lane were stored behind it, so that the next is on its way
}

func (a *Actor) newLane(ctx context.Context, index int, l Lane) (*lane, error) {
	ln := &lane{Lane: l, index: index, a: a, next: a.cursors[index] + 1}
	return ln, a.patiently(ctx, func() (err error) {
		if ln.stream, err = a.cfg.JS.Stream(ctx, l.Stream); err != nil {
			return fmt.Errorf("open lane %s of stream %s: %w", l.Name, l.Stream, err)
		}
		ln.created = ln.stream.CachedInfo().Created
		if made, ok := a.looked[l.Stream]; ok && !made.Equal(ln.created) {
			return &LaneError{Stream: l.Stream, Last: ln.stream.CachedInfo().State.LastSeq, Cursor: ln.next - 1, Anew: true}
		}
		return ln.check(ctx)
	})
}

// openLanes makes the lanes, not yet read.
func (a *Actor) openLanes(ctx context.Context) error {
	for i, l := range a.cfg.lanes() {
		ln, err := a.newLane(ctx, i, l)
		if err != nil {
			return err
		}
		if i < len(a.cfg.Express) {
			a.lanes = append(a.lanes, ln)
		} else {
			a.submit = ln
		}
	}
	return nil
}

// check reports a stream that cannot have what the lane reads next: a *LaneError. The leader of a replicated stream may
// have been elected a moment ago and not know its last message yet, so it is asked for a while.
func (l *lane) check(ctx context.Context) error {
	for began := time.Now(); ; {
		info, err := l.stream.Info(ctx)
		if err != nil {
			return fmt.Errorf("look at stream %s: %w", l.Stream, err)
		}
		anew := !info.Created.Equal(l.created)
		if info.State.LastSeq+1 >= l.next && !anew {
			return nil
		}
		if anew || time.Since(began) > requestWait {
			return &LaneError{Stream: l.Stream, Last: info.State.LastSeq, Cursor: l.next - 1, Anew: anew}
		}
		if err := pause(ctx, retryFirst); err != nil {
			return err
		}
	}
}

// errIdle ends a consumer whose pull nobody has listened to: its buffer may be full of heartbeats and have dropped what
// came after.
var errIdle = errors.New("nothing was taken for a while")

// consume reads with one consumer after another until ctx ends, which is no error, or the stream is another: a *LaneError.
func (l *lane) consume(ctx context.Context, ahead int, read func(ctx context.Context, r *reader) error) error {
	conn := l.a.cfg.JS.Conn()
	lost := conn.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED)
	defer conn.RemoveStatusListener(lost)
	var said complaint
	for number, wait := 1, retryFirst; ctx.Err() == nil; number++ {
		for len(lost) > 0 {
			<-lost // of the time before this consumer
		}
		r, err := l.open(ctx, number, ahead)
		if err == nil {
			wait = retryFirst
			err = untilLost(ctx, lost, func(ctx context.Context) error { return read(ctx, r) })
			r.it.Stop()
		}
		if ctx.Err() != nil {
			break
		}
		if err != errIdle {
			if said.due(err) {
				l.a.log.Warn("lane interrupted, opening it again", "lane", l.Name, "from", l.next, "error", err)
			}
			if pause(ctx, wait) != nil {
				break
			}
			wait = min(2*wait, retryLast)
		}
		if gone := (*LaneError)(nil); errors.As(l.check(ctx), &gone) {
			return gone
		}
	}
	return nil
}

// open makes a consumer. Its name bears the run, so that no other actor's consumer is ever taken for it.
func (l *lane) open(ctx context.Context, number, ahead int) (*reader, error) {
	c, err := l.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Name:           fmt.Sprintf("%s_%s_%s_e%d_%s_%d", l.a.cfg.Family, l.a.cfg.Account, l.Name, l.a.epoch, l.a.run, number),
		FilterSubjects: l.Subjects, AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq: l.next, MemoryStorage: true, Replicas: 1, InactiveThreshold: laneIdle,
	})
	if err != nil {
		return nil, err
	}
	it, err := c.Messages(jetstream.PullMaxMessages(ahead), jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(heartbeat))
	return &reader{lane: l, it: it}, err
}

// untilLost ends read when the connection breaks: the broker may come back without the consumer.
func untilLost(ctx context.Context, lost <-chan nats.Status, read func(context.Context) error) error {
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

// reader is one consumer of a lane.
type reader struct {
	*lane
	it   jetstream.MessagesContext
	read uint64 // messages of the consumer
}

// message waits for the next message. Nothing is acknowledged, so what the broker sent and we did not get would be gone: the
// consumer counts, and a count that jumps is an error.
func (r *reader) message(ctx context.Context) (jetstream.Msg, *jetstream.MsgMetadata, error) {
	m, err := r.await(ctx)
	if err != nil {
		return nil, nil, err
	}
	at, err := m.Metadata()
	if err != nil {
		return nil, nil, err
	}
	if r.read++; at.Sequence.Consumer != r.read {
		return nil, nil, fmt.Errorf("message %d of the consumer came where %d is next", at.Sequence.Consumer, r.read)
	}
	return m, at, nil
}

// await waits for the next message, at first for short times: the client library asks the broker for more only when Next is
// called and its previous question is off its hands, so a reader that is quicker than that would wait for nobody until
// heartbeats are missed.
func (r *reader) await(ctx context.Context) (jetstream.Msg, error) {
	for wait := lookAgain; wait < heartbeat; wait *= 10 {
		m, err := r.it.Next(jetstream.NextMaxWait(wait))
		if !errors.Is(err, nats.ErrTimeout) {
			return m, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return r.it.Next(jetstream.NextContext(ctx))
}

// take waits for the next record.
func (r *reader) take(ctx context.Context) (record, error) {
	m, at, err := r.message(ctx)
	if err != nil {
		return record{}, err
	}
	return record{
		Record: Record{Lane: r.Name, Stream: r.Stream, Subject: m.Subject(), Seq: at.Sequence.Stream,
			Stored: at.Timestamp, Header: m.Headers(), Data: m.Data()},
		lane: r.lane, more: at.NumPending > 0,
	}, nil
}

// express feeds the lane's records to the loop one by one.
func (l *lane) express(life context.Context) error {
	return l.consume(life, recordsAhead, func(ctx context.Context, r *reader) error {
		return r.each(ctx, func(rec record) bool { return l.a.send(ctx, rec) })
	})
}

// ahead reads the submit lane ahead of the loop, which takes a batch when it has nothing in hand. What is read outlives the
// consumer; it is read again only by the next owner.
func (l *lane) ahead(life context.Context) error {
	return l.consume(life, submitsAhead, func(ctx context.Context, r *reader) error {
		return r.each(ctx, func(rec record) bool {
			select {
			case l.a.submits <- rec:
				return true
			case <-ctx.Done():
				return false
			}
		})
	})
}

// each gives record after record to whom it waits for. What was not given when ctx ended is what the next consumer
// starts with.
func (r *reader) each(ctx context.Context, give func(record) bool) error {
	for {
		rec, err := r.take(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		r.a.cfg.Passing(BeforeRead)
		if !give(rec) {
			return ctx.Err()
		}
		r.next = rec.Seq + 1
		if time.Since(began) > heartbeat {
			return errIdle
		}
	}
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
