package actor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// place is a record of a lane that is being waited for.
type place struct {
	lane *lane
	seq  uint64
}

// reached reports whether everything up to p has been decided.
func (a *Actor) reached(p place) bool { return a.cursors[p.lane.index] >= p.seq }

// end asks where a lane ends at present, and waits through an interruption of the broker. The stream is asked, not a
// consumer: what a consumer takes to be pending trails what is stored. Of several replicas only the leader is asked.
func (l *lane) end(ctx context.Context, decided cursors) (place, error) {
	ask := l.lastOfEach
	if l.stream.CachedInfo().Config.Replicas == 1 {
		ask = l.lastOfAll
	}
	var said complaint
	for wait := time.Millisecond; ; wait = min(2*wait, retryLast) {
		try, cancel := context.WithTimeout(ctx, requestWait)
		seq, err := ask(try, decided[l.index]+1)
		cancel()
		if err == nil {
			return place{lane: l, seq: seq}, nil
		}
		if ctx.Err() == nil && wait > retryFirst && said.due(err) {
			l.a.log.Warn("end of the lane not known, asking again", "lane", l.Name, "error", err)
		}
		if err := pause(ctx, wait); err != nil {
			return place{}, err
		}
	}
}

// noneAt and endOfAll are the broker's words for a question about last messages that has no more of them. A message that
// could not be read has the same status as none.
func noneAt(m *nats.Msg) bool {
	return m.Header.Get("Status") == "404" && m.Header.Get("Description") == "No Results"
}

func endOfAll(m *nats.Msg) bool { return m.Header.Get("Status") == "204" || noneAt(m) }

// lastOfAll is the last sequence of any of the lane's subjects, 0 when there is none at or after from. The only replica
// answers it, so nothing trails. Mostly there is none, which is one answer; else the broker answers with the last message of
// each subject and an end, for which it is asked again.
func (l *lane) lastOfAll(ctx context.Context, from uint64) (uint64, error) {
	subject, ask := l.ending(), l.endQuestion(from)
	m, err := l.a.cfg.JS.Conn().RequestWithContext(ctx, subject, ask)
	if err != nil || noneAt(m) {
		return 0, err
	}
	return l.lastListed(ctx, subject, ask)
}

// lastListed is the highest sequence of the messages that a question is answered with.
func (l *lane) lastListed(ctx context.Context, subject string, ask []byte) (last uint64, err error) {
	conn := l.a.cfg.JS.Conn()
	inbox := conn.NewInbox()
	sub, err := conn.SubscribeSync(inbox)
	if err != nil {
		return 0, err
	}
	defer sub.Unsubscribe()
	if err := conn.PublishRequest(subject, inbox, ask); err != nil {
		return 0, err
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return 0, err
		}
		if endOfAll(m) {
			return last, nil
		}
		if status := m.Header.Get("Status"); status != "" {
			return 0, fmt.Errorf("ask for last messages: status %s, %s", status, m.Header.Get("Description"))
		}
		seq, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read sequence of a last message: %w", err)
		}
		last = max(last, seq)
	}
}

// lastOfEach is lastOfAll with a request for each subject, which only the leader of a replicated stream answers.
func (l *lane) lastOfEach(ctx context.Context, from uint64) (uint64, error) {
	seqs, errs := make([]uint64, len(l.Subjects)), make([]error, len(l.Subjects))
	var asked sync.WaitGroup
	for i, subject := range l.Subjects {
		asked.Go(func() { seqs[i], errs[i] = l.lastOf(ctx, subject, from) })
	}
	asked.Wait()
	return slices.Max(seqs), errors.Join(errs...)
}

// lastOf is the sequence of a subject's last message, 0 when there is none at or after from. Only then is the last
// message fetched: one that was decided long ago would have to be read from an old part of the disk.
func (l *lane) lastOf(ctx context.Context, subject string, from uint64) (uint64, error) {
	_, err := l.stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(subject))
	var last *jetstream.RawStreamMsg
	if err == nil {
		last, err = l.stream.GetLastMsgForSubject(ctx, subject)
	}
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return last.Sequence, nil
}
