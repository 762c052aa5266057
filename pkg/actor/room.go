package actor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// How full a stream, or the file system below it, may be, in percent.
const (
	ReclaimAt = 50 // what nobody needs any more is removed
	AlarmAt   = 70 // somebody must look
	RefuseAt  = 80 // nothing new may be asked for: see Room.Full
	StopAt    = 90 // submits are not read any more, so that what is left takes fills and cancels
)

// fileSystem is the place of a Room that is no stream. What others keep on it is not made less by removing history, so that
// is left alone until orders would be refused.
const fileSystem = "file system"

// Bounds of keeping room.
const (
	roomEvery  = 5 * time.Second // between two looks: the fastest disk fills a tenth of a log in twice as long
	purgeChunk = 10_000          // sequences removed at once: the stream stands still meanwhile, some milliseconds
	purgeWait  = 30 * time.Second
)

// Room is how full the fullest of the places is in which an account is kept.
type Room struct {
	Place   string // a stream, or "file system"
	Percent int
	Held    string // who keeps it from being emptied, where somebody does
}

// Full reports whether nothing new may be asked for.
func (r Room) Full() bool { return r.Percent >= RefuseAt }

func (r Room) String() string {
	s := fmt.Sprintf("%s is %d %% full", r.Place, r.Percent)
	if r.Held != "" {
		s += ", held back by " + r.Held
	}
	return s
}

// Room is how full the fullest place was a moment ago; the zero value while that is not known.
func (a *Actor) Room() Room {
	if r := a.room.Load(); r != nil {
		return *r
	}
	return Room{}
}

// tight reports whether submits have to wait.
func (a *Actor) tight() bool { return a.Room().Percent >= StopAt }

// keepRoom looks now and then how full it is, removes what nobody needs, and raises the alarm, until ctx ends.
func (a *Actor) keepRoom(ctx context.Context) {
	var said, unknown complaint
	for {
		r, err := a.measure(ctx)
		if err == nil && (r.Percent >= RefuseAt || r.Percent >= ReclaimAt && r.Place != fileSystem) {
			a.wanted.Store(a.cfg.Snapshots != nil)
			r.Held, err = a.reclaim(ctx)
		}
		if r.Place != "" {
			a.room.Store(new(r))
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && unknown.due(err):
			a.log.Warn("room not kept, trying again", "error", err)
		case r.Percent >= AlarmAt && said.due(fmt.Errorf("%s", r.Place)):
			a.log.Error("space runs out: make room or find out who holds it back; new orders are refused from 80 % on", "place", r.Place, "percent", r.Percent, "held_by", r.Held)
		case r.Percent < AlarmAt && said.cause != "":
			a.log.Info("space has come back", "place", r.Place, "percent", r.Percent)
			said = complaint{}
		}
		if pause(ctx, roomEvery) != nil {
			return
		}
	}
}

// forgetOutlived forgets how far the snapshots reach when the lanes are others than those of which they know the cursors:
// what is before those in the lanes' new streams was not decided.
func (a *Actor) forgetOutlived() {
	k := a.kept.Load()
	for i, l := range a.cfg.lanes() {
		if max(k.newest.cursors[l.Name], k.before.cursors[l.Name]) > a.cursors[i] {
			a.kept.Store(&kept{next: k.next})
			return
		}
	}
}

// claimWithRoom claims, and sees to it that there is room for the claim: a log that was full when its owner ended would
// wait for ever for somebody to remove what nobody needs. Whoever does that does no harm, as the snapshots are of this log.
func (a *Actor) claimWithRoom(ctx context.Context) (uint64, error) {
	claiming, claimed := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer others.Wait()
	defer claimed()
	if a.cfg.Snapshots != nil && a.cfg.Readers != nil {
		others.Go(func() { a.roomToClaim(claiming) })
	}
	return a.claim(ctx)
}

func (a *Actor) roomToClaim(ctx context.Context) {
	for pause(ctx, roomEvery) == nil { // a claim takes a moment where there is room
		r, err := a.measure(ctx)
		if err != nil || r.Percent < StopAt {
			continue
		}
		all, err := a.readSnapshots(ctx)
		if err != nil || len(all) < 2 || !a.belongs(ctx, all[0].snapshot, math.MaxUint64, math.MaxUint64) || !a.belongs(ctx, all[1].snapshot, all[0].Seq, all[0].N) {
			continue
		}
		// Of the lanes nothing is removed: whether they are those of which the snapshots know the cursors is seen by the claim.
		a.kept.Store(&kept{newest: mark{seq: all[0].Seq}, before: mark{seq: all[1].Seq}})
		r.Held, err = a.reclaim(ctx)
		a.log.Warn("no room for the claim; what nobody needs was removed", "place", r.Place, "percent", r.Percent, "held_by", r.Held, "error", err)
	}
}

// measure finds the fullest place.
func (a *Actor) measure(ctx context.Context) (Room, error) {
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	var r Room
	for _, name := range []string{msgs.LogStream(a.cfg.Account), msgs.AskStream(a.cfg.Account)} {
		stream, err := a.cfg.JS.Stream(ctx, name)
		if err != nil {
			return r, fmt.Errorf("look how full %s is: %w", name, err)
		}
		if p := percent(stream.CachedInfo()); p >= r.Percent {
			r = Room{Place: name, Percent: p}
		}
	}
	if a.cfg.Disk != nil {
		p, err := a.cfg.Disk()
		if err != nil {
			return r, fmt.Errorf("look how full the file system is: %w", err)
		}
		if p > r.Percent {
			r = Room{Place: fileSystem, Percent: p}
		}
	}
	return r, nil
}

func percent(info *jetstream.StreamInfo) int {
	if info.Config.MaxBytes <= 0 {
		return 0
	}
	return int(info.State.Bytes * 100 / uint64(info.Config.MaxBytes))
}

// reclaim removes what is in two snapshots and behind every reader, and says who holds back the most of what the snapshots
// would let go. The message in which a snapshot ends stays: it shows that the log is the one the snapshot was made of. So
// does the last decided one of each lane: an emptied stream forgets its last sequence when the broker starts anew.
func (a *Actor) reclaim(ctx context.Context) (held string, err error) {
	at := a.kept.Load()
	if a.cfg.Readers == nil || at == nil || at.before.seq == 0 {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, purgeWait)
	defer cancel()
	log := msgs.LogStream(a.cfg.Account)
	below, held, err := a.readBy(ctx, log, at.before.seq)
	if err == nil {
		err = a.purge(ctx, log, a.subject, below)
	}
	for _, l := range a.cfg.lanes() {
		if err != nil || l.Stream != msgs.AskStream(a.cfg.Account) {
			continue
		}
		read, by := uint64(0), ""
		if read, by, err = a.readBy(ctx, l.Stream, at.before.cursors[l.Name]); err != nil {
			break
		}
		if held == "" {
			held = by
		}
		for _, subject := range l.Subjects {
			to := at.before.cursors[l.Name]
			if strings.HasPrefix(subject, "feed.") {
				to = read
			}
			if err = a.purge(ctx, l.Stream, subject, to); err != nil {
				break
			}
		}
	}
	return held, err
}

// readBy is the first sequence of a stream, up to limit, that a reader may still need, and who that reader is.
func (a *Actor) readBy(ctx context.Context, stream string, limit uint64) (below uint64, by string, err error) {
	at, err := a.cfg.Readers.Positions(ctx, stream)
	if err != nil {
		return 0, "", err
	}
	below = limit
	for service, seq := range at {
		if seq+1 < below {
			below, by = seq+1, service
		}
	}
	return below, by, nil
}

// purge removes a subject's messages before a sequence, a part at a time.
func (a *Actor) purge(ctx context.Context, name, subject string, below uint64) error {
	stream, err := a.cfg.JS.Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("purge %s: %w", name, err)
	}
	if below <= 1 {
		return nil
	}
	first, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(subject))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("purge %s: %w", subject, err)
	}
	for from := first.Sequence; from < below; {
		from = min(from+purgeChunk, below)
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(from)); err != nil {
			return fmt.Errorf("purge %s below %d: %w", subject, from, err)
		}
	}
	return nil
}
