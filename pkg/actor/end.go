package actor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

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

// lastOfAll is the last sequence of any of the lane's subjects, 0 when there is none at or after from. It is one request,
// which the broker answers with the last message of each subject and an end. The only replica answers it, so nothing
// trails. A message that could not be read has the same status as none.
func (l *lane) lastOfAll(ctx context.Context, from uint64) (last uint64, err error) {
	conn := l.a.cfg.JS.Conn()
	inbox := conn.NewInbox()
	sub, err := conn.SubscribeSync(inbox)
	if err != nil {
		return 0, err
	}
	defer sub.Unsubscribe()
	ask, err := json.Marshal(struct {
		Seq       uint64   `json:"seq"`
		MultiLast []string `json:"multi_last"`
	}{from, l.Subjects})
	if err != nil {
		return 0, err
	}
	if err := conn.PublishRequest("$JS.API.DIRECT.GET."+l.Stream, inbox, ask); err != nil {
		return 0, err
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return 0, err
		}
		switch status, what := m.Header.Get("Status"), m.Header.Get("Description"); {
		case status == "":
			seq, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read sequence of a last message: %w", err)
			}
			last = max(last, seq)
		case status == "204", status == "404" && what == "No Results":
			return last, nil
		default:
			return 0, fmt.Errorf("ask for last messages: status %s, %s", status, what)
		}
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
