package actor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/msgs"
)

// judge is a core that keeps what it is told of its start, and lets no submit pass before it has judged that.
type judge struct {
	*toy
	told    []actor.Started
	waiting bool
}

// verdict has a judge judge.
type verdict struct{}

func (c *judge) Decide(now time.Time, m any) actor.Decision {
	switch m := m.(type) {
	case actor.Started:
		c.told = append(c.told, m)
		return actor.Decision{}
	case verdict:
		e := &msgs.OrderHeld{}
		e.Type = msgs.KindHeld
		return actor.Decision{Events: []msgs.Event{e}}
	case asked:
		if m.verb == "submit" && c.waiting {
			return actor.Decision{Wait: true}
		}
	}
	return c.toy.Decide(now, m)
}

func (c *judge) Apply(e msgs.Event) {
	switch e.Kind() {
	case msgs.KindOwner:
		c.waiting = true
	case msgs.KindHeld:
		c.waiting = false
	}
	c.toy.Apply(e)
}

// judged starts an actor whose core judges.
func judged(b *actortest.Bubble, change func(*actor.Config)) (*bench, *judge) {
	c := &judge{toy: newToy()}
	p := start(b, func(cfg *actor.Config) {
		cfg.Core, cfg.Judges = c, true
		if change != nil {
			change(cfg)
		}
	})
	p.core = c.toy
	return p, c
}

// killedWithItsClaim is a start that ends when its claim is on disk, before it hears of that.
func killedWithItsClaim(b *actortest.Bubble, with func(*actor.Config)) {
	p, _ := judged(b, func(cfg *actor.Config) {
		with(cfg)
		dead := false
		cfg.JS = &lossy{JetStream: cfg.JS,
			before: func(ctx context.Context, _ *nats.Msg) error {
				if dead {
					<-ctx.Done()
				}
				return ctx.Err()
			},
			after: func(*nats.Msg) error {
				dead = true
				return context.DeadlineExceeded
			}}
	})
	time.Sleep(100 * time.Millisecond)
	p.cancel()
	<-p.ended
	p.ended <- nil
}

// worksUnjudged has a start decide enough for a snapshot.
func (p *bench) worksUnjudged() {
	time.Sleep(20 * time.Second)
	for i := range 12 {
		p.ask("cancel", fmt.Sprint("nobody", i))
		time.Sleep(time.Second)
	}
}

// replacedAtWork is a start that decides something without judging, and is then replaced by the next.
func replacedAtWork(b *actortest.Bubble, with func(*actor.Config)) {
	p, _ := judged(b, with)
	p.worksUnjudged()
}

// killedAtWork is the same, and it ends before the next begins.
func killedAtWork(b *actortest.Bubble, with func(*actor.Config)) {
	p, _ := judged(b, with)
	p.worksUnjudged()
	p.cancel()
	<-p.ended
	p.ended <- nil
}

// lossOf is a way in which a log or a lane is lost, and what a start says of it.
type lossOf struct {
	name  string
	how   func(t *testing.T, js jetstream.JetStream) error
	codes []msgs.Code
	first bool
	fresh bool // what is asked begins anew
}

func lossesOf() []lossOf {
	removed := func(names ...string) func(t *testing.T, js jetstream.JetStream) error {
		return func(t *testing.T, js jetstream.JetStream) (err error) {
			for _, name := range names {
				err = errors.Join(err, js.DeleteStream(t.Context(), name))
			}
			return errors.Join(err, actor.EnsureStreams(t.Context(), js, 1, "a"))
		}
	}
	later := func(how func(t *testing.T, js jetstream.JetStream) error) func(t *testing.T, js jetstream.JetStream) error {
		return func(t *testing.T, js jetstream.JetStream) error {
			time.Sleep(2 * time.Minute)
			return how(t, js)
		}
	}
	return []lossOf{
		{name: "nothing", how: func(*testing.T, jetstream.JetStream) error { return nil }},
		{name: "log emptied", first: true, codes: []msgs.Code{msgs.LogLost}, how: func(t *testing.T, js jetstream.JetStream) error {
			s, err := js.Stream(t.Context(), "LOG_a")
			if err == nil {
				err = s.Purge(t.Context())
			}
			return err
		}},
		{name: "log made anew", first: true, codes: []msgs.Code{msgs.LogLost}, how: later(removed("LOG_a"))},
		{name: "both made anew", first: true, fresh: true, how: removed("LOG_a", "ASK_a")},
		{name: "asked made anew later", fresh: true, codes: []msgs.Code{msgs.LaneLost}, how: later(removed("ASK_a"))},
		{name: "asked made anew at once", fresh: true, codes: []msgs.Code{msgs.LaneLost}, how: removed("ASK_a")},
		{name: "log shorter than its snapshots", codes: []msgs.Code{msgs.LogRolledBack}, how: func(t *testing.T, js jetstream.JetStream) error {
			s, err := js.Stream(t.Context(), "LOG_a")
			for seq := uint64(0); err == nil && seq < s.CachedInfo().State.LastSeq-2; seq++ {
				err = s.DeleteMsg(t.Context(), s.CachedInfo().State.LastSeq-seq)
			}
			return err
		}},
	}
}

// What a start has found counts until the core has judged it, however many starts end before that and whenever they do; it
// is told with the moment, the cursors and the losses of the first of them. Then it is told no more.
func TestWhatAStartHasFoundIsToldUntilItIsJudged(t *testing.T) {
	aborted := map[string][]func(*actortest.Bubble, func(*actor.Config)){
		"at once":                     nil,
		"killed with its claim":       {killedWithItsClaim},
		"replaced at work":            {replacedAtWork},
		"killed, replaced and killed": {killedWithItsClaim, replacedAtWork, killedAtWork},
	}
	for _, l := range lossesOf() {
		for name, starts := range aborted {
			t.Run(l.name+"/"+name, func(t *testing.T) {
				actortest.Run(t, func(t *testing.T, b *actortest.Bubble) { foundUntilJudged(t, b, l, starts) })
			})
		}
	}
}

func foundUntilJudged(t *testing.T, b *actortest.Bubble, l lossOf, starts []func(*actortest.Bubble, func(*actor.Config))) {
	k := keep(t, b)
	k.every = 10
	with := k.with
	p, _ := judged(b, with)
	p.act.Tell(t.Context(), verdict{})
	for i := range 12 {
		p.ask("submit", fmt.Sprint("old", i))
		time.Sleep(2 * time.Second)
	}
	p.cancel()
	<-p.ended
	p.ended <- nil
	ended := lastStored(t, b.JetStream())
	if err := l.how(t, b.JetStream()); err != nil {
		t.Fatal(err)
	}
	if l.codes != nil && l.codes[0] == msgs.LogRolledBack {
		ended = lastStored(t, b.JetStream())
	}
	for i := range 3 {
		p.ask("submit", fmt.Sprint("new", i))
	}
	time.Sleep(30 * time.Second)
	for _, abort := range starts {
		abort(b, with)
	}
	q, c := judged(b, with)
	time.Sleep(20 * time.Second)
	synctest.Wait()
	if err := q.over(); err != nil || len(c.told) != 1 {
		t.Fatalf("told %d times, ended with %v", len(c.told), err)
	}
	checkTold(t, l, c.told[0], ended)
	if got := q.sent(); slices.Contains(got, "new0") {
		t.Errorf("posted %v before anything is judged", got)
	}
	q.act.Tell(t.Context(), verdict{})
	time.Sleep(10 * time.Second)
	for i := range 3 {
		if id := msgs.ClientOrderID(fmt.Sprint("new", i)); !slices.Contains(q.sent(), id) {
			t.Errorf("%s was asked after the loss and nothing became of it", id)
		}
	}
	q.cancel()
	<-q.ended
	q.ended <- nil
	judgedNow := lastStored(t, b.JetStream())
	_, again := judged(b, with)
	time.Sleep(20 * time.Second)
	synctest.Wait()
	if s := again.told[0]; s.First || !s.Last.Equal(judgedNow) || len(s.Losses) != 0 && s.Losses[0].Code != msgs.LogRolledBack {
		t.Errorf("told again of what is judged: %+v", s)
	}
}

func checkTold(t *testing.T, l lossOf, s actor.Started, ended time.Time) {
	t.Helper()
	var codes []msgs.Code
	for _, x := range s.Losses {
		codes = append(codes, x.Code)
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	want := map[string]uint64{"express": 0, "submit": 12}
	if l.first && l.codes == nil || l.fresh {
		want["submit"] = 0
	}
	if l.first {
		want["submit"], ended = 0, time.Time{}
	}
	if len(l.codes) == 1 && l.codes[0] == msgs.LogRolledBack {
		want = s.Cursors // those of a log that was cut
	}
	if l.first && len(l.codes) == 1 { // its snapshots are left, and say so too
		codes = slices.DeleteFunc(codes, func(c msgs.Code) bool { return c == msgs.LogRolledBack })
	}
	if l.first && l.codes == nil {
		codes = nil
	}
	if s.First != l.first || !s.Last.Equal(ended) || !slices.Equal(codes, l.codes) || !reflect.DeepEqual(s.Cursors, want) {
		t.Errorf("told %+v\nwant first %v, ended %v, cursors %v, losses %v", s, l.first, ended, want, l.codes)
	}
}

// lastStored is when the last message of the log was stored, to the millisecond.
func lastStored(t *testing.T, js jetstream.JetStream) time.Time {
	t.Helper()
	s, err := js.Stream(t.Context(), "LOG_a")
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetLastMsgForSubject(t.Context(), "evt.order.a")
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return time.Time{}
	}
	if err != nil {
		t.Fatal(err)
	}
	return m.Time.Truncate(time.Millisecond)
}

// Snapshots of the time before a lane was made anew know of sequences that mean something else now. When space is wanted,
// nothing of the new stream that was not decided is removed for them, at this start or the next.
func TestRemadeLaneKeepsWhatWasNotDecided(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		k := keep(t, b)
		k.every = 10
		p, _ := judged(b, k.with)
		p.act.Tell(t.Context(), verdict{})
		p.submits("old", 60)
		p.cancel()
		<-p.ended
		p.ended <- nil
		if err := p.js.DeleteStream(t.Context(), "ASK_a"); err != nil {
			t.Fatal(err)
		}
		if err := actor.EnsureStreams(t.Context(), p.js, 1, "a"); err != nil {
			t.Fatal(err)
		}
		full := func(c *actor.Config) {
			k.with(c)
			c.SnapshotEvery = 1000
			c.Disk = func() (int, error) { return actor.RefuseAt, nil }
			c.Limiter = &gate{open: make(chan struct{})}
		}
		for i := range 30 {
			p.ask("submit", fmt.Sprint("new", i))
		}
		for start := range 2 {
			q, _ := judged(b, full)
			q.act.Tell(t.Context(), verdict{})
			time.Sleep(3 * roomPace)
			q.cancel()
			<-q.ended
			q.ended <- nil
			s, err := p.js.Stream(t.Context(), "ASK_a")
			if err != nil {
				t.Fatal(err)
			}
			if n := s.CachedInfo().State.Msgs; n != 30 {
				t.Errorf("after start %d: %d of 30 submits are left, and none was decided", start, n)
			}
		}
	})
}

// Every message up to the one that bears the verdict carries what was found, also when the verdict was decided while an earlier one
// was under way and what waits is more than one message; no later message does.
func TestWhatWasFoundIsRepeatedUpToTheVerdict(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		hold := make(chan struct{})
		p, _ := judged(b, func(c *actor.Config) {
			c.Hear = hearMany
			c.JS = &lossy{JetStream: c.JS, before: func(_ context.Context, m *nats.Msg) error {
				if !strings.Contains(string(m.Data), "order.owner") {
					<-hold
				}
				return nil
			}}
		})
		for i := range 60 {
			p.ask("cancel", fmt.Sprint("before", i))
		}
		time.Sleep(time.Second)
		p.act.Tell(t.Context(), verdict{})
		time.Sleep(time.Second)
		p.ask("cancel", "behind")
		time.Sleep(time.Second)
		close(hold)
		time.Sleep(5 * time.Second)
		p.ask("cancel", "later")
		time.Sleep(5 * time.Second)
		judged, before := false, 0
		for i, env := range log(t, p.js) {
			judged = judged || slices.Contains(kinds([]msgs.Envelope{env}), msgs.KindHeld)
			if (env.Unjudged == nil) != judged {
				t.Errorf("message %d of %d events, judged %v, carries %+v", i, len(env.Events), judged, env.Unjudged)
			}
			if !judged {
				before++
			}
		}
		if !judged || before < 3 {
			t.Errorf("judged %v after %d messages: nothing was decided beside an append", judged, before)
		}
	})
}

// Snapshots of a log that was emptied are left aside also when the log that goes on in its stream has grown beyond them.
func TestSnapshotsOfAnEmptiedLogAreLeftAside(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		k := keep(t, b)
		k.every = 10
		p := start(b, k.with)
		p.submits("old", 12)
		p.cancel()
		<-p.ended
		p.ended <- nil
		s, err := p.js.Stream(t.Context(), "LOG_a")
		if err == nil {
			err = s.Purge(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		q := start(b, nil)
		for i := range 40 {
			q.ask("cancel", fmt.Sprint("new", i))
		}
		time.Sleep(5 * time.Second)
		q.cancel()
		<-q.ended
		q.ended <- nil
		r := start(b, k.with)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if err := r.over(); err != nil {
			t.Fatalf("ended with %v", err)
		}
		if len(r.core.heard) == 0 || r.core.heard[0] != "1 order.owner" || r.core.seen["new39"] != "dead" {
			t.Errorf("the state is not that of the log alone: %v", r.core.heard)
		}
	})
}

// What was asked is restored from an older copy, beside a log that had decided cancels further than submits, for want of permits.
// The submits of the copy that nothing was decided of are decided by the next start, and so is what is asked after it, under
// sequences that the log has decided already; also when the start that finds this is killed.
func TestRolledBackLaneIsTakenUpWhereEachHadCome(t *testing.T) {
	for _, aborted := range []int{0, 2} {
		t.Run(fmt.Sprint(aborted), func(t *testing.T) {
			dir := t.TempDir()
			actortest.RunConfig(t, natsd.Config{Dir: dir, Stored: actor.Stored}, func(t *testing.T, b *actortest.Bubble) { rolledBackLane(t, b, dir, aborted) })
		})
	}
}

func rolledBackLane(t *testing.T, b *actortest.Bubble, dir string, aborted int) {
	none := func(c *actor.Config) { c.Limiter = &gate{open: make(chan struct{})} }
	p, _ := judged(b, none)
	p.act.Tell(t.Context(), verdict{})
	for i := range 5 {
		p.ask("submit", fmt.Sprint("waits", i))
	}
	copied := func() string {
		time.Sleep(time.Second)
		to := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		return to
	}
	older := copied()
	time.Sleep(time.Minute)
	for i := range 20 {
		p.ask("cancel", fmt.Sprint("nobody", i))
	}
	time.Sleep(time.Minute)
	p.cancel()
	<-p.ended
	p.ended <- nil
	time.Sleep(time.Minute)
	newer := copied()
	asked := func(dir string) string {
		found, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "ASK_a"))
		if err != nil || len(found) != 1 {
			t.Fatalf("stream in %s: %v, %v", dir, found, err)
		}
		return found[0]
	}
	at := asked(newer)
	if err := errors.Join(os.RemoveAll(at), os.CopyFS(at, os.DirFS(asked(older)))); err != nil {
		t.Fatal(err)
	}
	b = b.Another(natsd.Config{Dir: newer, Stored: actor.Stored})
	for range aborted {
		killedWithItsClaim(b, none)
	}
	q, c := judged(b, nil)
	for i := range 3 {
		q.ask("submit", fmt.Sprint("fresh", i))
		q.ask("cancel", fmt.Sprint("fresh-nobody", i))
	}
	time.Sleep(20 * time.Second)
	q.act.Tell(t.Context(), verdict{})
	time.Sleep(20 * time.Second)
	synctest.Wait()
	if n := len(c.told); n != 1 || len(c.told[0].Losses) != 1 || c.told[0].Losses[0].Code != msgs.LaneLost {
		t.Fatalf("told %+v, ended with %v", c.told, q.over())
	}
	want := ids("fresh0", "fresh1", "fresh2", "waits0", "waits1", "waits2", "waits3", "waits4")
	if got := slices.Sorted(slices.Values(q.sent())); !slices.Equal(got, want) {
		t.Errorf("posted %v, want %v", got, want)
	}
	if got := q.core.asks; !slices.Contains(got, "cancel fresh-nobody0") {
		t.Errorf("decided %v", got)
	}
}
