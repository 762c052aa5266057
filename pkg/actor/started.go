package actor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// Started tells the core what its owner has found before any record is decided. It is told after each claim. Where the core
// judges it, "before" is before the first claim that was not judged, and the losses are those of all claims since.
type Started struct {
	Incarnation string    // of the log: drawn when it begins, and the same for as long as it is the same log
	Epoch       uint64    // of our claim
	N           uint64    // of our claim
	First       bool      // the log had no event of the family before: it is new, or it was emptied
	Last        time.Time // the broker's time stamp, to the millisecond, of what the log held last before; zero with First
	Cursors     map[string]uint64
	Losses      []Loss
}

// Loss is a sign that the log, or a stream that it is decided from, is not what it was.
type Loss = msgs.Loss

// twinAge is how much younger a log may be than the stream of what was asked: both are made in one go.
const twinAge = time.Minute

// skew is how far the clocks of a cluster's nodes may be apart: each stream bears the time of its leader.
const skew = 10 * time.Second

func (a *Actor) started() Started {
	u := a.unjudged
	s := Started{Incarnation: a.incarnation, Epoch: a.epoch, N: a.n, First: u.EndedMS == 0, Cursors: u.Cursors, Losses: u.Losses}
	if !s.First {
		s.Last = time.UnixMilli(u.EndedMS)
	}
	return s
}

// resume takes up the cursors and what earlier starts have found from the log's last message, and looks whether the lanes
// are still those that it was decided from.
func (a *Actor) resume(ctx context.Context, env msgs.Envelope) error {
	a.cursors, a.rewound, a.looked = cursors{}, false, map[string]time.Time{}
	a.setCursors(env.Cursors, env.Rewound)
	if env.Unjudged != nil && a.cfg.Judges {
		a.unjudged = env.Unjudged
		if a.unjudged.Cursors == nil {
			a.unjudged.Cursors = map[string]uint64{}
		}
		a.log.Warn("an earlier start has ended before it was judged; what it found counts", "ended_ms", a.unjudged.EndedMS, "losses", len(a.unjudged.Losses))
	} else {
		a.unjudged.Cursors = a.cursorMap(a.cursors)
	}
	return a.rewind(ctx)
}

// lose notes a loss, once for each kind and stream: what bears it is as long as the losses are.
func (a *Actor) lose(code msgs.Code, stream, format string, args ...any) {
	l := Loss{Code: code, Stream: stream, Cause: fmt.Sprintf(format, args...)}
	a.log.Error("the log may have been lost or rolled back", "stream", stream, "code", code, "cause", l.Cause)
	if !slices.ContainsFunc(a.unjudged.Losses, func(x Loss) bool { return x.Code == code && x.Stream == stream }) {
		a.unjudged.Losses = append(a.unjudged.Losses, l)
	}
}

// encodeUnjudged is JSON. It cannot fail: there are only numbers and texts in it.
func encodeUnjudged(u *msgs.Unjudged) []byte {
	b, err := json.Marshal(u)
	if err != nil {
		panic("actor: what a start has found does not encode: " + err.Error())
	}
	return b
}

// reborn follows a log that is judged, and one that was in doubt and is accepted: from that event on it has another name.
func (a *Actor) reborn(e msgs.Event) {
	if i, ok := e.(interface{ Incarnated() string }); ok && i.Incarnated() != "" {
		a.incarnation = i.Incarnated()
	}
	if _, ok := e.(interface{ Judged() }); ok {
		a.unjudged = nil
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
// was accepted, says nothing. It is seen after the claim, and again by the next start if ours ends at once: a snapshot is
// replaced only behind a message that bears what was found.
func (a *Actor) outlived(s snapshot) {
	ours := s.Account == a.cfg.Account && s.Env == a.cfg.Env && s.Family == a.cfg.Family && s.Log != ""
	if ours && (a.unjudged.EndedMS == 0 || s.Log == a.incarnation) {
		a.lose(msgs.LogRolledBack, msgs.LogStream(a.cfg.Account), "a snapshot was made of event %d of log %s, which this log does not have", s.N, s.Log)
	}
}

// rewind takes up, where the core judges it, lanes whose stream is not the one that was read: from the beginning of one that
// was made anew, else from what was stored after the log ended. All lanes of such a stream are rewound. Nothing in it that
// can be new is passed over; what is read twice is recognised by its ids.
func (a *Actor) rewind(ctx context.Context) error {
	if !a.cfg.Judges || a.ended.IsZero() {
		return nil
	}
	for _, l := range a.cfg.lanes() {
		if _, done := a.looked[l.Stream]; done {
			continue
		}
		if err := a.patiently(ctx, func() error { return a.rewindLanes(ctx, l.Stream) }); err != nil {
			return err
		}
	}
	return nil
}

// rewindLanes is rewind of one stream's lanes.
func (a *Actor) rewindLanes(ctx context.Context, name string) error {
	stream, err := a.cfg.JS.Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", name, err)
	}
	anew, why, err := a.lost(ctx, stream)
	to := uint64(0)
	if err == nil && why != "" && !anew {
		to, err = a.storedBefore(ctx, stream, a.ended.Add(-skew))
	}
	if err != nil {
		return err
	}
	a.looked[name] = stream.CachedInfo().Created
	if why == "" {
		return nil
	}
	for i, l := range a.cfg.lanes() {
		if l.Stream == name {
			a.cursors[i] = min(a.cursors[i], to)
			a.unjudged.Cursors[l.Name] = a.cursors[i]
		}
	}
	a.rewound = true
	a.lose(msgs.LaneLost, name, "%s", why)
	return nil
}

// storedBefore is the last sequence of a stream before what was stored at or after a moment.
func (a *Actor) storedBefore(ctx context.Context, stream jetstream.Stream, moment time.Time) (uint64, error) {
	c, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &moment,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: laneIdle,
	})
	if err != nil {
		return 0, fmt.Errorf("find in stream %s what came after the log: %w", stream.CachedInfo().Config.Name, err)
	}
	return c.CachedInfo().Delivered.Stream, nil
}

// lost says why a stream cannot be the one of which the log was decided: it was made later, it ends too early, or what it has
// where the log had come was stored after the log ended. The leader of a replicated stream may have been elected a moment ago
// and not know its last message yet, so it is asked for a while.
func (a *Actor) lost(ctx context.Context, stream jetstream.Stream) (anew bool, why string, err error) {
	info, top, ended := stream.CachedInfo(), uint64(0), a.ended.UTC().Format(time.RFC3339)
	for i, l := range a.cfg.lanes() {
		if l.Stream == info.Config.Name {
			top = max(top, a.cursors[i])
		}
	}
	switch {
	case top == 0:
		return false, "", nil
	case info.Created.After(a.ended.Add(skew)):
		return true, fmt.Sprintf("the stream was made at %s, after the log had ended at %s", info.Created.UTC().Format(time.RFC3339), ended), nil
	}
	for began := time.Now(); info.State.LastSeq < top; {
		if time.Since(began) > requestWait {
			return false, fmt.Sprintf("the stream ends at %d and %d was already decided", info.State.LastSeq, top), nil
		}
		if err = pause(ctx, retryFirst); err == nil {
			info, err = stream.Info(ctx)
		}
		if err != nil {
			return false, "", fmt.Errorf("look at stream %s: %w", stream.CachedInfo().Config.Name, err)
		}
	}
	m, err := stream.GetMsg(ctx, top)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, "", nil // it was removed since, as what was decided may be
	}
	if err == nil && m.Time.After(a.ended.Add(skew)) {
		why = fmt.Sprintf("%d was already decided, and what the stream has there was stored at %s, after the log had ended at %s", top, m.Time.UTC().Format(time.RFC3339), ended)
	}
	return false, why, err
}
