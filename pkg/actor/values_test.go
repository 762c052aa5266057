package actor_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// follower is what one follower of market facts has been told, in order; "caught" stands where it was told that no more waits.
type follower struct {
	said []string
	stop func()
}

// follow follows the market facts until it is stopped, at the latest with the test. What begins with a ? cannot be read.
func follow(b *actortest.Bubble) *follower {
	f := &follower{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	v := actor.Values{JS: b.JetStream(), Stream: msgs.MarketStream, Filter: msgs.MDSubject("polymarket", "market", "*"), Replicas: 1,
		Log: slog.New(slog.DiscardHandler), Caught: func() { f.said = append(f.said, "caught") },
		Take: func(subject string, data []byte) error {
			if data[0] == '?' {
				return errors.New("not a value")
			}
			f.said = append(f.said, subject[len(subject)-1:]+"="+string(data))
			return nil
		}}
	go func() { ended <- v.Follow(ctx) }()
	f.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			b.T.Error(err)
		}
		f.stop = func() {}
	}
	b.T.Cleanup(func() { f.stop() })
	return f
}

// heard wants what was said since the last time.
func (f *follower) heard(t *testing.T, b *actortest.Bubble, want ...string) {
	t.Helper()
	time.Sleep(time.Minute)
	b.Wait()
	if !slices.Equal(f.said, want) {
		t.Errorf("heard %v, want %v", f.said, want)
	}
	f.said = nil
}

// sayValue publishes a value, and one of a kind that is not followed.
func sayValue(b *actortest.Bubble, name, value string) {
	b.T.Helper()
	for _, kind := range []string{"market", "book"} {
		if _, err := b.JetStream().Publish(b.T.Context(), msgs.MDSubject("polymarket", kind, name), []byte(value)); err != nil {
			b.T.Fatal(err)
		}
	}
}

// The last value of each subject is read at the start, each change when it comes, and what was there is told as one.
func TestLastValuesAreReadAtTheStartAndWhenTheyChange(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		if err := actor.EnsureStreams(t.Context(), b.JetStream(), 1); err != nil {
			t.Fatal(err)
		}
		empty := follow(b)
		empty.heard(t, b)
		for i, name := range []string{"a", "b", "a"} {
			sayValue(b, name, fmt.Sprint(i))
			b.Wait() // each is heard before the next, which may replace it
		}
		empty.heard(t, b, "a=0", "caught", "b=1", "caught", "a=2", "caught")
		f := follow(b)
		f.heard(t, b, "b=1", "a=2", "caught")
		sayValue(b, "b", "3")
		f.heard(t, b, "b=3", "caught")
		f.stop()
		sayValue(b, "b", "4")
		f.heard(t, b)
	})
}

// A value that cannot be read is passed over, wherever it stands: what comes behind it is read, and the end of what was there is told
// although it is the last.
func TestValueThatCannotBeReadIsPassedOver(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		if err := actor.EnsureStreams(t.Context(), b.JetStream(), 1); err != nil {
			t.Fatal(err)
		}
		for _, v := range []string{"a?", "b1", "c?"} {
			sayValue(b, v[:1], v[1:])
		}
		f := follow(b)
		f.heard(t, b, "b=1", "caught")
		sayValue(b, "a", "2")
		f.heard(t, b, "a=2", "caught")
	})
}

// The stream is in memory: a broker that comes back has none. It is made again, and what is said then is heard, each time; also where
// somebody else has made it by then, with sequences that begin at one.
func TestValuesAreFollowedOverRestartsOfTheBroker(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		f := follow(b)
		f.heard(t, b)
		sayValue(b, "a", "0")
		f.heard(t, b, "a=0", "caught")
		for i := range 3 {
			b.Restart()
			f.heard(t, b)
			value := fmt.Sprint(i)
			sayValue(b, "a", value)
			f.heard(t, b, "a="+value, "caught")
		}
		for i := range 10 {
			sayValue(b, "b", fmt.Sprint(i))
		}
		b.Wait()
		f.said = nil
		b.Restart()
		js, err := jetstream.New(b.Connect())
		if err == nil {
			err = actor.EnsureStreams(t.Context(), js, 1)
		}
		if err == nil {
			_, err = js.Publish(t.Context(), msgs.MDSubject("polymarket", "market", "a"), []byte("new"))
		}
		if err != nil {
			t.Fatal(err)
		}
		f.heard(t, b, "a=new", "caught")
	})
}
