package actor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// Started tells the core what its owner has found before any record is decided. It is told after each claim.
type Started struct {
	Incarnation string    // of the log: drawn when it begins, and the same for as long as it is the same log
	Epoch       uint64    // of our claim
	N           uint64    // of our claim
	First       bool      // the log had no event of the family before: it is new, or it was emptied
	Last        time.Time // the broker's time stamp of what the log held last before our claim; zero with First
	Cursors     map[string]uint64
	Losses      []Loss
}

// Loss is a sign that the log, or a stream that it is decided from, is not what it was.
type Loss struct {
	Code   msgs.Code // log_lost, log_rolled_back or lane_lost
	Stream string
	Cause  string
}

// twinAge is how much younger a log may be than the stream of what was asked: both are made in one go.
const twinAge = time.Minute

// skew is how far the clocks of a cluster's nodes may be apart: each stream bears the time of its leader.
const skew = 10 * time.Second

func (a *Actor) started() Started {
	return Started{Incarnation: a.incarnation, Epoch: a.epoch, N: a.n, First: a.before.IsZero(), Last: a.before,
		Cursors: a.cursorMap(a.cursors), Losses: a.losses}
}

func (a *Actor) lose(code msgs.Code, stream, format string, args ...any) {
	l := Loss{code, stream, fmt.Sprintf(format, args...)}
	a.losses = append(a.losses, l)
	a.log.Error("the log may have been lost or rolled back", "stream", stream, "code", code, "cause", l.Cause)
}

// reborn follows a log that was in doubt and is accepted: from that event on it has another name.
func (a *Actor) reborn(e msgs.Event) {
	if i, ok := e.(interface{ Incarnated() string }); ok && i.Incarnated() != "" {
		a.incarnation = i.Incarnated()
	}
}

// lookBack notes, for a log without an event of the family, what shows that there was one.
func (a *Actor) lookBack(ctx context.Context, log jetstream.Stream) error {
	info, err := log.Info(ctx)
	if err != nil {
		return err
	}
	// Of other families what nobody needs is removed, but never the last.
	if info.State.LastSeq > 0 && info.State.Msgs == 0 {
		a.lose(msgs.LogLost, info.Config.Name, "the log holds no event of %s, and messages were removed from it", a.cfg.Family)
	}
	for _, l := range a.cfg.lanes() {
		if l.Stream != msgs.AskStream(a.cfg.Account) {
			continue
		}
		ask, err := a.cfg.JS.Stream(ctx, l.Stream)
		if err != nil {
			return err
		}
		if made := ask.CachedInfo(); made.State.LastSeq > 0 && info.Created.Sub(made.Created) > twinAge {
			a.lose(msgs.LogLost, info.Config.Name, "the log was made at %s and what was asked is kept since %s: the log was removed and made anew",
				info.Created.UTC().Format(time.RFC3339), made.Created.UTC().Format(time.RFC3339))
			return nil
		}
	}
	return nil
}

// outlived notes a snapshot that knows more than the log that it was made of. One of a log that was given up, when another
// was accepted, says nothing.
func (a *Actor) outlived(s snapshot) {
	ours := s.Account == a.cfg.Account && s.Env == a.cfg.Env && s.Family == a.cfg.Family && s.Log != ""
	if ours && (a.before.IsZero() || s.Log == a.incarnation) {
		a.lose(msgs.LogRolledBack, msgs.LogStream(a.cfg.Account), "a snapshot was made of event %d of log %s, which this log does not have", s.N, s.Log)
	}
}

// rewind takes a lane up whose stream is not the one that was read, where the configuration says so: from the beginning of
// one that was made anew, else from what was stored after the log ended. All lanes of such a stream are rewound. Nothing in it
// that can be new is passed over; what is read twice is recognised by its ids.
func (l *lane) rewind(ctx context.Context, cause error) error {
	a := l.a
	if !a.cfg.Rewinds || a.before.IsZero() {
		return cause
	}
	if gone := (*LaneError)(nil); cause != nil && !errors.As(cause, &gone) {
		return cause
	}
	anew, why, err := l.lost(ctx)
	if why == "" || err != nil {
		return errors.Join(cause, err)
	}
	to, since := uint64(0), a.before.Add(-skew)
	if !anew {
		c, err := l.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
			AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since,
			MemoryStorage: true, Replicas: 1, InactiveThreshold: laneIdle,
		})
		if err != nil {
			return fmt.Errorf("find in stream %s what came after the log: %w", l.Stream, err)
		}
		to = c.CachedInfo().Delivered.Stream
	}
	a.cursors[l.index], l.next, a.rewound = to, to+1, true
	if !slices.ContainsFunc(a.losses, func(x Loss) bool { return x.Code == msgs.LaneLost && x.Stream == l.Stream }) {
		a.lose(msgs.LaneLost, l.Stream, "%s", why)
	}
	return nil
}

// lost says why a stream cannot be the one of which the log was decided: it was made later, it ends too early, or what it has
// where the log had come was stored after the log ended.
func (l *lane) lost(ctx context.Context) (anew bool, why string, err error) {
	a, info, top := l.a, l.stream.CachedInfo(), uint64(0)
	for i, other := range a.cfg.lanes() {
		if other.Stream == l.Stream {
			top = max(top, a.decided[i])
		}
	}
	switch {
	case top == 0:
		return false, "", nil
	case info.Created.After(a.before.Add(skew)):
		return true, fmt.Sprintf("the stream was made at %s, after the log had ended at %s", info.Created.UTC().Format(time.RFC3339), a.before.UTC().Format(time.RFC3339)), nil
	case info.State.LastSeq < top:
		return false, fmt.Sprintf("the stream ends at %d and %d was already decided", info.State.LastSeq, top), nil
	}
	m, err := l.stream.GetMsg(ctx, top)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, "", nil // it was removed since, as what was decided may be
	}
	if err == nil && m.Time.After(a.before.Add(skew)) {
		why = fmt.Sprintf("%d was already decided, and what the stream has there was stored at %s, after the log had ended at %s", top, m.Time.UTC().Format(time.RFC3339), a.before.UTC().Format(time.RFC3339))
	}
	return false, why, err
}
