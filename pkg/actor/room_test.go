package actor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// small gives both streams of account a little room, so that a test can fill them.
func small(t *testing.T, js jetstream.JetStream, logBytes, askBytes int64) {
	t.Helper()
	for name, max := range map[string]int64{msgs.LogStream("a"): logBytes, msgs.AskStream("a"): askBytes} {
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		cfg := s.CachedInfo().Config
		cfg.MaxBytes = max
		if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
}

// ends are the first and last sequence of a stream.
func ends(t *testing.T, js jetstream.JetStream, name string) (first, last uint64) {
	t.Helper()
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	st := s.CachedInfo().State
	return st.FirstSeq, st.LastSeq
}

// keeping starts actors with snapshots and readers, and names them.
type keeping struct {
	store   jetstream.ObjectStore
	readers *actor.Readers
	every   uint64
}

func keep(t *testing.T, b *actortest.Bubble) *keeping {
	t.Helper()
	store, err := actor.Snapshots(t.Context(), b.JetStream(), 1)
	if err != nil {
		t.Fatal(err)
	}
	readers, err := actor.OpenReaders(t.Context(), b.JetStream(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return &keeping{store, readers, 50}
}

func (k *keeping) with(c *actor.Config) {
	c.Snapshots, c.Readers, c.SnapshotEvery = k.store, k.readers, k.every
}

// roomPace is slower than the actor looks after its room.
const roomPace = 5 * time.Second

// submits asks for n orders of their own ids, a few at a time.
func (p *bench) submits(prefix string, n int) {
	p.T.Helper()
	for i := range n {
		p.ask("submit", fmt.Sprintf("%s%d", prefix, i))
		if i%20 == 19 {
			time.Sleep(roomPace)
		}
	}
	time.Sleep(20 * time.Second)
	synctest.Wait()
}

// A log that fills up loses what is in two snapshots, never more, goes on for ever, and its fold is the same as the state
// that has seen everything. What was asked goes too.
func TestLogIsPurgedBelowItsSnapshots(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		k := keep(t, b)
		p := start(b, k.with)
		small(t, p.js, 100<<10, 30<<10)
		for i := range 4 {
			p.submits(fmt.Sprintf("r%d-", i), 100)
		}
		if got := len(p.sent()); got != 400 {
			t.Fatalf("%d of 400 posted: the streams have filled up", got)
		}
		first, last := ends(t, p.js, msgs.LogStream("a"))
		if first < 100 {
			t.Errorf("the log still begins at %d of %d", first, last)
		}
		if first, last := ends(t, p.js, msgs.AskStream("a")); first < 100 {
			t.Errorf("what was asked still begins at %d of %d", first, last)
		}
		q := start(b, k.with)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		before, _ := p.core.Snapshot()
		after, _ := q.core.Snapshot()
		if err := q.over(); err != nil || string(before) != string(after) {
			t.Errorf("the fold of the purged log is another state; ended: %v", err)
		}
		if got := q.sent(); len(got) != 0 {
			t.Errorf("the next owner posted %v again", got)
		}
		b.Restart()
		time.Sleep(5 * time.Second)
		q.submits("after", 5)
		if got := q.sent(); len(got) != 5 {
			t.Errorf("%d of 5 posted after the broker started anew on purged streams", len(got))
		}
	})
}

// What a registered reader has not committed stays, however full it gets, and the alarm names the reader; what it lets go,
// goes. Commands are no reader's.
func TestReadersHoldBackThePurge(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		k := keep(t, b)
		for _, stream := range []string{"LOG_a", "ASK_a"} {
			if err := k.readers.Report(t.Context(), stream, "ledger", 40); err != nil {
				t.Fatal(err)
			}
		}
		p := start(b, k.with)
		small(t, p.js, 200<<10, 30<<10)
		p.submits("x", 300)
		if first, last := ends(t, p.js, "LOG_a"); first != 41 {
			t.Errorf("the log begins at %d of %d, want the first that the reader has not committed", first, last)
		}
		if first, _ := ends(t, p.js, "ASK_a"); first <= 41 {
			t.Errorf("what was asked begins at %d: commands wait for a reader of the feed", first)
		}
		if r := p.act.Room(); r.Place != "LOG_a" || r.Held != "ledger" || r.Percent < actor.ReclaimAt {
			t.Errorf("room is %+v, want the log, held back by the ledger", r)
		}
		if err := k.readers.Report(t.Context(), "LOG_a", "ledger", 150); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if first, _ := ends(t, p.js, "LOG_a"); first != 151 {
			t.Errorf("the log begins at %d, want 151", first)
		}
		if err := k.readers.Forget(t.Context(), "LOG_a", "ledger"); err != nil {
			t.Fatal(err)
		}
		p.submits("z", 200)
		if first, _ := ends(t, p.js, "LOG_a"); first <= 151 {
			t.Errorf("the log begins at %d although nobody holds it back", first)
		}
	})
}

// Nothing goes by age, and nothing goes while there is room or while nobody says who reads.
func TestNothingIsPurgedWithoutNeed(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		k := keep(t, b)
		p := start(b, k.with)
		p.submits("x", 300)
		time.Sleep(time.Hour)
		if first, last := ends(t, p.js, "LOG_a"); first != 1 || last < 100 {
			t.Errorf("with room the log is %d to %d", first, last)
		}
		p.cancel()
		time.Sleep(5 * time.Second)
		q := start(b, func(c *actor.Config) { k.with(c); c.Readers = nil })
		small(t, p.js, 100<<10, 30<<10)
		q.submits("y", 100)
		if first, _ := ends(t, p.js, "LOG_a"); first != 1 {
			t.Errorf("without readers the log begins at %d", first)
		}
	})
}

// The owner ends after a snapshot is written and before anything is removed: the next one starts from it, and removes.
func TestCrashBetweenSnapshotAndPurge(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		k := keep(t, b)
		p := start(b, func(c *actor.Config) {
			k.with(c)
			c.Readers = nil // nothing is removed
		})
		p.submits("x", 200)
		p.cancel()
		time.Sleep(5 * time.Second)
		if names, err := k.store.List(t.Context()); err != nil || len(names) != 2 {
			t.Fatalf("snapshots: %v, %v", names, err)
		}
		want, _ := p.core.Snapshot()
		q := start(b, k.with)
		_, last := ends(t, q.js, "LOG_a")
		small(t, q.js, 100<<10, 30<<10)
		time.Sleep(20 * time.Second)
		if first, _ := ends(t, q.js, "LOG_a"); first == 1 || first > last {
			t.Errorf("the log of %d messages begins at %d", last, first)
		}
		z := start(b, k.with)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got, _ := z.core.Snapshot(); string(got) != string(want) {
			t.Error("the fold is another state")
		}
		z.submits("y", 20)
		if n := len(p.sent()) + len(q.sent()) + len(z.sent()); n != 220 {
			t.Errorf("%d posts of 220 submits", n)
		}
	})
}

// The owner ends while its log is as full as it can be. The next one makes room for its claim, and nothing is lost or sent twice.
func TestFullLogIsClaimed(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		k := keep(t, b)
		p := start(b, func(c *actor.Config) { k.with(c); c.Readers = nil })
		p.submits("x", 200)
		small(t, p.js, 1, 1<<20)
		p.ask("submit", "stuck")
		time.Sleep(10 * time.Second)
		p.cancel()
		time.Sleep(10 * time.Second)
		small(t, p.js, 100<<10, 1<<20)
		s, err := p.js.Stream(t.Context(), "LOG_a")
		if err != nil {
			t.Fatal(err)
		}
		cfg := s.CachedInfo().Config
		cfg.MaxBytes = int64(s.CachedInfo().State.Bytes)
		if _, err := p.js.UpdateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		q := claiming(b, k.with)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(p.sent()) + len(q.sent()); n != 201 || q.over() != nil {
			t.Errorf("%d posts of 201 submits; ended: %v", n, q.over())
		}
	})
}

// claiming starts an actor on the streams as they are.
func claiming(b *actortest.Bubble, change func(*actor.Config)) *bench {
	return startOn(b, asTheyAre{b.JetStream()}, change)
}

// asTheyAre makes no stream and changes none.
type asTheyAre struct{ jetstream.JetStream }

func (a asTheyAre) CreateOrUpdateStream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	return a.Stream(ctx, cfg.Name)
}

// One of the two snapshots of a purged log may be lost or damaged; without both the log is refused, with what to do, and is
// not touched.
func TestPurgedLogNeedsOneOfItsSnapshots(t *testing.T) {
	damage := func(t *testing.T, k *keeping, name string) {
		t.Helper()
		if _, err := k.store.PutString(t.Context(), name, "{"); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(t *testing.T, k *keeping, name string) {
		t.Helper()
		if err := k.store.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for name, spoil := range map[string]func(*testing.T, *keeping, string){"damaged": damage, "removed": remove} {
		t.Run(name, func(t *testing.T) {
			actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
				k := keep(t, b)
				p := start(b, k.with)
				small(t, p.js, 100<<10, 40<<10)
				p.submits("x", 260)
				p.cancel()
				time.Sleep(5 * time.Second)
				if first, _ := ends(t, p.js, "LOG_a"); first == 1 {
					t.Fatal("nothing was purged")
				}
				want, _ := p.core.Snapshot()
				for i, gone := range []string{"order.a", "order.a.other"} {
					kept := map[string][]byte{}
					for _, n := range []string{"order.a", "order.a.other"} {
						raw, err := k.store.GetBytes(t.Context(), n)
						if err != nil {
							t.Fatal(err)
						}
						kept[n] = raw
					}
					spoil(t, k, gone)
					q := start(b, func(c *actor.Config) { k.with(c); c.SnapshotEvery = 1 << 40 })
					time.Sleep(5 * time.Second)
					synctest.Wait()
					if got, _ := q.core.Snapshot(); q.over() != nil || string(got) != string(want) {
						t.Errorf("%d: without %s the state is another; ended: %v", i, gone, q.over())
					}
					q.cancel()
					time.Sleep(5 * time.Second)
					if _, err := k.store.PutBytes(t.Context(), gone, kept[gone]); err != nil {
						t.Fatal(err)
					}
				}
				spoil(t, k, "order.a")
				spoil(t, k, "order.a.other")
				first, _ := ends(t, p.js, "LOG_a")
				q := start(b, k.with)
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				var wrong *actor.LogError
				if err := q.over(); !errors.As(err, &wrong) || !wrong.Purged || !strings.Contains(err.Error(), "sluice cancel-all --direct") ||
					!strings.Contains(err.Error(), "OBJ_SNAPSHOTS") {
					t.Errorf("ended with %v", err)
				}
				if now, _ := ends(t, p.js, "LOG_a"); now != first {
					t.Errorf("the log begins at %d now, and at %d before", now, first)
				}
			})
		})
	}
}

// A broker that does not answer about snapshots is waited for; folding without them would be another state, or none.
func TestSnapshotsAreWaitedFor(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		k := keep(t, b)
		p := start(b, k.with)
		small(t, p.js, 100<<10, 40<<10)
		p.submits("x", 260)
		p.cancel()
		time.Sleep(5 * time.Second)
		away := &mute{ObjectStore: k.store}
		away.silent.Store(true)
		q := start(b, func(c *actor.Config) { k.with(c); c.Snapshots = away })
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if err := q.over(); err != nil {
			t.Fatalf("ended with %v", err)
		}
		away.silent.Store(false)
		time.Sleep(time.Minute)
		q.submits("y", 3)
		if got := q.sent(); len(got) != 3 {
			t.Errorf("posted %v", got)
		}
	})
}

// mute is an object store that does not answer while it is silent.
type mute struct {
	jetstream.ObjectStore
	silent atomic.Bool
}

func (m *mute) GetInfo(ctx context.Context, name string, opts ...jetstream.GetObjectInfoOpt) (*jetstream.ObjectInfo, error) {
	if m.silent.Load() {
		return nil, context.DeadlineExceeded
	}
	return m.ObjectStore.GetInfo(ctx, name, opts...)
}

// A log that was restored from an older copy ends before its snapshots: they are left aside, with an alarm, and the log's own
// events count.
func TestSnapshotsBeyondTheLogAreLeftAside(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		k := keep(t, b)
		p := start(b, k.with)
		p.submits("x", 200)
		p.cancel()
		time.Sleep(5 * time.Second)
		stream, err := p.js.Stream(t.Context(), "LOG_a")
		if err != nil {
			t.Fatal(err)
		}
		for seq := stream.CachedInfo().State.LastSeq; seq > 3; seq-- {
			if err := stream.DeleteMsg(t.Context(), seq); err != nil {
				t.Fatal(err)
			}
		}
		var said bytes.Buffer
		q := start(b, func(c *actor.Config) {
			k.with(c)
			c.Judges = true
			c.Log = slog.New(slog.NewTextHandler(&said, nil))
		})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if err := q.over(); err != nil {
			t.Fatalf("ended with %v", err)
		}
		if n := len(q.core.heard); n == 0 || q.core.heard[0] != "1 order.owner" {
			t.Errorf("the log's own events were not folded from the first: %v", q.core.heard)
		}
		q.cancel()
		err = <-q.ended
		q.ended <- err
		if n := strings.Count(said.String(), "snapshot does not belong to this log"); n != 2 || !strings.Contains(said.String(), "log_rolled_back") {
			t.Errorf("alarms:\n%s", said.String())
		}
	})
}

// With the log nearly full submits wait and cancels are decided; with room again everything goes on, in order.
func TestSubmitsWaitWhenItIsTight(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		var full atomic.Int32
		p := start(b, func(c *actor.Config) { c.Disk = func() (int, error) { return int(full.Load()), nil } })
		full.Store(95)
		time.Sleep(10 * time.Second)
		for i := range 20 {
			p.ask("submit", fmt.Sprintf("id%d", i))
		}
		p.ask("cancel", "id3")
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := kinds(log(t, p.js)); len(p.sent()) != 0 || len(got) != 2 {
			t.Fatalf("with 95 %% full: posted %v, log %v; want the cancel alone", p.sent(), got)
		}
		if r := p.act.Room(); !r.Full() || !strings.Contains(r.String(), "file system is 95 % full") {
			t.Errorf("room: %v", r)
		}
		full.Store(20)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := p.sent(); len(got) != 19 || slices.Contains(got, "id3") {
			t.Errorf("with room again: posted %v, want all but the cancelled one", got)
		}
	})
}
