package natsd

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
)

// desk is a server with the streams of two accounts and a service that answers for them.
type desk struct {
	*Server
	service *nats.Conn
	ask     jetstream.Stream
	log     jetstream.Stream
	market  jetstream.Stream
}

// openDesk starts a desk for strategies with and without narrowing, and for whoever names no user.
func openDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{Server: start(t, Config{Listen: ":-1", Anonymous: "any", Stored: "stored", Users: []User{
		StrategyUser("any", "pw-any").WithControlAll(), StrategyUser("mm1", "pw-mm1", "main"), StrategyUser("all", "pw-all"),
	}})}
	d.service = connect(t, d.Server)
	d.ask = stream(t, d.service, "ASK", "cmd.order.main.submit", "cmd.order.other.submit", "cmd.control.main.halt", "cmd.control.all.halt", "feed.main.trade")
	d.market = stream(t, d.service, "MARKET", "md.>", "$KV.config.>", "ref.>")
	js, err := jetstream.New(d.service)
	if err != nil {
		t.Fatal(err)
	}
	if d.log, err = js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "LOG", Subjects: []string{"evt.order.main", "evt.order.other"}, MaxBytes: 1 << 20,
		RePublish: &jetstream.RePublish{Source: "evt.>", Destination: "stored.evt.>"},
	}); err != nil {
		t.Fatal(err)
	}
	answer := micro.HandlerFunc(func(r micro.Request) {
		if string(r.Data()) == "bad" {
			_ = r.Error("400", "bad", nil) // an empty body, which several JetStream requests take for "yes"
			return
		}
		_ = r.Respond([]byte("{}"))
	})
	for _, subject := range []string{"svc.executor.main.status", "svc.executor.other.status", "svc.ingest.book"} {
		if _, err := micro.AddService(d.service, micro.Config{Name: "executor", Version: "1.0.0", Endpoint: &micro.EndpointConfig{Subject: subject, Handler: answer}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.service.Flush(); err != nil {
		t.Fatal(err)
	}
	return d
}

// stored counts all messages in all streams.
func (d *desk) stored(t *testing.T) uint64 {
	t.Helper()
	return count(t, d.ask) + count(t, d.log) + count(t, d.market)
}

// strategy is a connection over TCP and the complaints it receives.
type strategy struct {
	*nats.Conn
	complaints chan error
}

// join connects from outside; no name means no credentials.
func (d *desk) join(t *testing.T, name string) strategy {
	t.Helper()
	s := strategy{complaints: make(chan error, 16)}
	opts := []nats.Option{nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { s.complaints <- err })}
	if name != "" {
		opts = append(opts, nats.UserInfo(name, "pw-"+name))
	}
	nc, err := nats.Connect(d.ClientURL(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	s.Conn = nc
	return s
}

// refused does something and waits for the complaint about subject.
func (s strategy) refused(t *testing.T, subject string, do func() error) {
	t.Helper()
	if err := do(); err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.complaints:
		if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), `"`+subject+`"`) {
			t.Errorf("%s: complaint %v, want a permissions violation about it", subject, err)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("%s: nobody objected", subject)
	}
}

// TestStrategyCommandsAndAsks does what a strategy is for: commands are stored and acknowledged on its inbox, a
// mistyped verb has no responders, services answer, events and market data are heard.
func TestStrategyCommandsAndAsks(t *testing.T) {
	d := openDesk(t)
	for _, name := range []string{"", "any", "mm1", "all"} {
		t.Run("user "+name, func(t *testing.T) {
			s := d.join(t, name)
			m, err := s.Request("cmd.order.main.submit", []byte("{}"), 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			var ack jetstream.PubAck
			if err := json.Unmarshal(m.Data, &ack); err != nil || ack.Stream != "ASK" || ack.Sequence == 0 {
				t.Errorf("acknowledgement %s, %v", m.Data, err)
			}
			js, err := jetstream.New(s.Conn)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := js.Publish(t.Context(), "cmd.control.main.halt", []byte("{}")); err != nil {
				t.Errorf("publish through a JetStream client: %v", err)
			}
			if _, err := s.Request("cmd.order.main.sumbit", nil, 10*time.Second); !errors.Is(err, nats.ErrNoResponders) {
				t.Errorf("mistyped verb: %v, want no responders", err)
			}
			for _, subject := range []string{"svc.executor.main.status", "svc.ingest.book"} {
				if _, err := s.Request(subject, nil, 10*time.Second); err != nil {
					t.Errorf("%s: %v", subject, err)
				}
			}
			heard := map[string]*nats.Subscription{}
			for _, subject := range []string{"evt.order.main", "feed.main.trade", "md.polymarket.book.1", "ref.spot.btc", "dead.executor.poison", "_INBOX.mine"} {
				if heard[subject], err = s.SubscribeSync(subject); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
			for subject, sub := range heard {
				from := subject
				if strings.HasPrefix(subject, "feed.") {
					from = "stored." + subject // what a republishing stream would do
				}
				if err := d.service.Publish(from, []byte("x")); err != nil {
					t.Fatal(err)
				}
				if m, err := sub.NextMsg(10 * time.Second); err != nil || m.Subject != subject {
					t.Errorf("%s was not heard: %v", subject, err)
				}
				if n, _, _ := sub.Pending(); n != 0 {
					t.Errorf("%s was heard %d times more", subject, n)
				}
			}
			select {
			case err := <-s.complaints:
				t.Errorf("complaint about something allowed: %v", err)
			default:
			}
		})
	}
}

// TestStrategyIsRefusedTheRest tries what a strategy must not do: each attempt is answered with a permissions
// violation, and no stream has changed.
func TestStrategyIsRefusedTheRest(t *testing.T) {
	everyone := []string{
		"evt.order.main", "evt.tx.main", "evt.ledger.main", "feed.main.trade", "md.x", "md.polymarket.book.1", "ref.spot.btc", "dead.executor.x",
		"stored.evt.order.main", "_INBOX.other", "_SERVICE.x", "_R_.x", "cmd.order.main", "cmd.order.main.submit.x", "svc.executor.main",
		"$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.INFO.ASK", "$JS.API.STREAM.DELETE.LOG", "$JS.API.STREAM.PURGE.LOG",
		"$JS.API.STREAM.MSG.GET.LOG", "$JS.API.DIRECT.GET.LOG", "$JS.API.CONSUMER.CREATE.LOG.c", "$JS.API.CONSUMER.MSG.NEXT.ASK.c",
		"$JS.API.INFO", "$JS.ACK.LOG.c.1.1.1.1.1", "$KV.config.x", "$O.snap.C.x", "$SYS.REQ.SERVER.PING", "$SRV.PING",
		"quota.builder-1", "$JS.API.STREAM.PURGE.QUOTA", "$JS.API.STREAM.MSG.GET.QUOTA",
	}
	for name, more := range map[string][]string{
		"any": nil,
		"all": {"cmd.control.all.halt"},
		"mm1": {"cmd.control.all.halt", "cmd.order.other.submit", "cmd.tx.other.transfer", "svc.executor.other.status"},
	} {
		t.Run("user "+name, func(t *testing.T) {
			d := openDesk(t)
			s := d.join(t, name)
			for _, subject := range append(more, everyone...) {
				s.refused(t, subject, func() error { return s.PublishRequest(subject, "_INBOX.answer", nil) })
			}
			heard := []string{"cmd.>", "cmd.order.main.submit", "svc.>", "$JS.>", "$KV.>", "$SYS.>", "$SRV.>", "_SERVICE.>", "_R_.>", "stored.>", ">", "*.>", "quota.>", "quota.builder-1"}
			if name == "mm1" {
				heard = append(heard, "evt.>", "evt.order.*", "evt.order.other", "feed.other.trade", "feed.>")
			}
			for _, subject := range heard {
				s.refused(t, subject, func() error { _, err := s.Subscribe(subject, func(*nats.Msg) {}); return err })
			}
			if n := d.stored(t); n != 0 {
				t.Errorf("streams hold %d messages after attempts that were all refused", n)
			}
		})
	}
}

// TestReplySubjectReachesNothing sends allowed requests whose reply subject is a forbidden one, so that the broker
// or a service writes there in the strategy's stead. In one shared account the first appends to the log and the
// empty answer deletes a stream (both tried).
func TestReplySubjectReachesNothing(t *testing.T) {
	d := openDesk(t)
	publish(t, d.service, "evt.order.main")
	others := d.join(t, "all")
	overheard, err := others.SubscribeSync("evt.order.main")
	if err != nil {
		t.Fatal(err)
	}
	if err := others.Flush(); err != nil {
		t.Fatal(err)
	}
	s := d.join(t, "")
	forbidden := []string{"evt.order.main", "stored.evt.order.main", "md.x", "cmd.order.other.submit", "$JS.API.STREAM.DELETE.LOG", "$JS.API.STREAM.PURGE.LOG", "$KV.config.x"}
	for _, reply := range forbidden {
		for _, subject := range []string{"cmd.order.main.submit", "svc.executor.main.status"} {
			for _, body := range []string{"bad", "{}"} {
				if err := s.PublishRequest(subject, reply, []byte(body)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	// An ordinary request after them, on the same connection, and its answer: all before it has been dealt with.
	for _, subject := range []string{"cmd.order.main.submit", "svc.executor.main.status"} {
		if _, err := s.Request(subject, nil, 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, d.log); n != 1 {
		t.Errorf("log holds %d messages, want the one of its owner", n)
	}
	if n := count(t, d.market); n != 0 {
		t.Errorf("market stream holds %d messages, want none", n)
	}
	if n, want := count(t, d.ask), uint64(2*len(forbidden)+1); n != want {
		t.Errorf("command stream holds %d messages, want the %d sent", n, want)
	}
	if n, _, _ := overheard.Pending(); n != 0 {
		t.Errorf("another strategy heard %d messages on evt.order.main", n)
	}
}

// TestRefusedAppendIsNotHeard appends with a fence that fails: a subscriber inside the services' account hears it
// (the broker delivers before it stores), a strategy does not.
func TestRefusedAppendIsNotHeard(t *testing.T) {
	d := openDesk(t)
	s := d.join(t, "mm1")
	outside, err := s.SubscribeSync("evt.*.main")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(d.service)
	if err != nil {
		t.Fatal(err)
	}
	fence := jetstream.WithExpectLastSequencePerSubject(0)
	if _, err := js.Publish(t.Context(), "evt.order.main", []byte("first"), fence); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "evt.order.main", []byte("refused"), fence); err == nil {
		t.Fatal("the fence did not hold")
	}
	if _, err := js.Publish(t.Context(), "evt.order.main", []byte("second")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first", "second"} {
		m, err := outside.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Data) != want || m.Subject != "evt.order.main" {
			t.Errorf("heard %q on %s, want %q on evt.order.main", m.Data, m.Subject, want)
		}
	}
}

// TestControlAllNeedsTheFlag halts every account as a user that may.
func TestControlAllNeedsTheFlag(t *testing.T) {
	d := openDesk(t)
	if _, err := d.join(t, "").Request("cmd.control.all.halt", []byte("{}"), 10*time.Second); err != nil {
		t.Error(err)
	}
}

// TestCredentialsAreChecked connects with a wrong password, as the service from outside, and without credentials
// where nobody may.
func TestCredentialsAreChecked(t *testing.T) {
	d := openDesk(t)
	if _, err := nats.Connect(d.ClientURL(), nats.UserInfo("mm1", "guess")); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("wrong password: %v, want an authorization error", err)
	}
	nc, err := nats.Connect(d.ClientURL(), nats.UserInfo("service", d.ServicePassword()))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	publish(t, nc, "evt.order.main")

	closed := start(t, Config{Listen: ":-1", Users: []User{StrategyUser("mm1", "pw", "main")}})
	if _, err := nats.Connect(closed.ClientURL()); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("no credentials: %v, want an authorization error", err)
	}
}

// TestConnectWithoutCredentialsInProcess is a strategy without a socket.
func TestConnectWithoutCredentialsInProcess(t *testing.T) {
	s := start(t, Config{})
	stream(t, connect(t, s), "ASK", "cmd.order.main.submit")
	nc, err := s.ConnectAs(User{})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	publish(t, nc, "cmd.order.main.submit")
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}

// TestCoversAndWidest takes the pairs on which imports depend.
func TestCoversAndWidest(t *testing.T) {
	for _, c := range []struct {
		wide, narrow string
		want         bool
	}{
		{"cmd.>", "cmd.order.main.submit", true}, {"cmd.>", "cmd", false}, {"cmd.*", "cmd.>", false}, {"cmd.>", "cmd.>", true},
		{"evt.*.main", "evt.order.main", true}, {"evt.*.main", "evt.*.*", false}, {"evt.*.*", "evt.*.main", true},
		{"evt.order", "evt.order.main", false}, {"evt.order.main", "evt.order", false}, {"*", ">", false},
	} {
		if got := covers(c.wide, c.narrow); got != c.want {
			t.Errorf("%s covers %s: %t, want %t", c.wide, c.narrow, got, c.want)
		}
	}
	got := widest([]string{"cmd.control.all.*", "svc.ingest.*", "cmd.control.*.*", "svc.ingest.*"})
	if strings.Join(got, " ") != "svc.ingest.* cmd.control.*.*" {
		t.Errorf("widest is %v", got)
	}
}
