package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor/natsd"
	"sluice/pkg/msgs"
)

// askTimeout is how long a tool waits for one answer of the bus or of a service.
const askTimeout = 3 * time.Second

// defaultNATS is where sluice up listens when nothing else is said.
const defaultNATS = "nats://127.0.0.1:4222"

// noBus is the code of a server that does not answer (yet).
const noBus = "no_bus"

// busFlags say where the bus is.
type busFlags struct {
	NATS string `name:"nats" env:"NATS_URL" default:"${nats}" help:"URL of the NATS server, with user:password where it wants them."`
	Data string `name:"data" env:"SLUICE_DATA" default:"data" type:"path" help:"Data directory of sluice up."`

	dialer nats.CustomDialer // of a test that watches the connection; nil for the usual one
}

// strategy connects as who a strategy is: it may send commands, ask, and listen.
func (b *busFlags) strategy() (*nats.Conn, error) { return b.connect(b.NATS) }

// service connects as a service: with the user of the URL, else with the password in the data directory.
func (b *busFlags) service() (*nats.Conn, error) {
	u, err := url.Parse(b.NATS)
	if err != nil {
		// The reason quotes the URL, which may hold a password.
		return nil, problem(msgs.BadValue, "the address of the NATS server is no URL", "write it as nats://user:password@host:4222, with %-escapes for what is special")
	}
	opts, kept := []nats.Option{nats.CustomInboxPrefix("_SERVICE")}, u.User == nil
	if kept {
		password, err := natsd.ReadServicePassword(b.Data)
		if err != nil {
			return nil, problem(msgs.Forbidden, fmt.Sprintf("this needs the service user of the bus, and its password is not in %s: %v", b.Data, err),
				"run it where sluice up runs, name its data directory with --data, or give --nats nats://service:PASSWORD@host:4222")
		}
		opts = append(opts, nats.UserInfo("service", password))
	}
	if b.dialer != nil {
		opts = append(opts, nats.SetCustomDialer(b.dialer))
	}
	nc, err := b.connect(b.NATS, opts...)
	if kept && codeOf(err) == msgs.Forbidden {
		return nil, problem(msgs.Forbidden, fmt.Sprintf("%s: it does not keep its data in %s", explain(err).Cause, b.Data),
			"name the data directory of this server with --data, or give --nats nats://service:PASSWORD@host:4222")
	}
	if err != nil {
		return nil, err
	}
	if err := mayServe(nc); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

// mayServe refuses the connection of a user who may not hear what is answered to services: everything that needs one would wait for
// answers that never come.
func mayServe(nc *nats.Conn) error {
	told := nc.ErrorHandler()
	nc.SetErrorHandler(nil)
	defer nc.SetErrorHandler(told)
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err == nil {
		err = nc.FlushTimeout(askTimeout)
	}
	if errors.Is(nc.LastError(), nats.ErrPermissionViolation) {
		return problem(msgs.Forbidden, "the user of this connection is not the service user of the bus: it may neither read the streams nor write what services write",
			"give the service user in --nats nats://service:PASSWORD@host:4222; of sluice up, leave the user out and name the data directory with --data")
	}
	if err == nil {
		err = sub.Unsubscribe()
	}
	if err != nil {
		return problem(noBus, fmt.Sprintf("the NATS server does not answer: %v", err), "is it starting? see: sluice doctor")
	}
	return nil
}

func (b *busFlags) connect(where string, opts ...nats.Option) (*nats.Conn, error) {
	nc, err := nats.Connect(where, append([]nats.Option{nats.Name("sluice"), nats.Timeout(askTimeout), nats.MaxReconnects(-1)}, opts...)...)
	if err == nil {
		return nc, nil
	}
	shown := "the address given"
	if u, perr := url.Parse(where); perr == nil {
		shown = u.Redacted()
	}
	if errors.Is(err, nats.ErrAuthorization) {
		return nil, problem(msgs.Forbidden, fmt.Sprintf("the NATS server at %s refused the user or the password", shown), "give them in --nats nats://user:password@host:4222")
	}
	return nil, problem(noBus, fmt.Sprintf("no NATS server at %s: %v", shown, err), "start one with: sluice up; or name another with --nats")
}

// send publishes a command and returns where it is stored.
func send(nc *nats.Conn, subject, replyTo string, cmd any) (uint64, error) {
	data, err := json.Marshal(cmd)
	if err != nil {
		return 0, fmt.Errorf("encode command: %w", err)
	}
	m := nats.NewMsg(subject)
	m.Data = data
	if replyTo != "" {
		m.Header.Set(msgs.HeaderReplyTo, replyTo)
	}
	r, err := nc.RequestMsg(m, askTimeout)
	if errors.Is(err, nats.ErrNoResponders) {
		return 0, problem(msgs.UnknownAccount, "nobody takes "+subject+": there is no such account, or no service has ever run it here; nothing was stored",
			"see what runs with: sluice doctor; start everything with: sluice up")
	}
	if errors.Is(err, nats.ErrPermissionViolation) || errors.Is(nc.LastError(), nats.ErrPermissionViolation) {
		return 0, problem(msgs.Forbidden, "the user of this connection may not publish "+subject+"; nothing was stored", "connect as a user that may: --nats nats://user:password@host:4222")
	}
	if err != nil {
		return 0, problem("not_stored", fmt.Sprintf("no answer to %s: %v; it may or may not be stored", subject, err), "send the same again: the same id does nothing twice")
	}
	var ack struct {
		Seq   uint64 `json:"seq"`
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(r.Data, &ack); err != nil || ack.Error != nil || ack.Seq == 0 {
		return 0, problem("not_stored", "the bus did not store the command: "+string(r.Data), "look at the server with: sluice doctor")
	}
	return ack.Seq, nil
}

// silence is a question that was not answered.
type silence struct {
	subject string
	err     error
}

func (s *silence) Error() string { return fmt.Sprintf("ask %s: %v", s.subject, s.err) }
func (s *silence) Unwrap() error { return s.err }

// ask puts a question to a service.
func ask(nc *nats.Conn, subject string, question, answer any) error {
	data, err := put(nc, subject, question)
	s, silent := errors.AsType[*silence](err)
	switch {
	case silent && errors.Is(s.err, nats.ErrNoResponders):
		return problem("no_answer", "nobody answers "+subject+": what answers it does not run, or there is no such account",
			"see what runs with: sluice doctor; start everything with: sluice up")
	case silent:
		return problem("no_answer", fmt.Sprintf("no answer to %s: %v", subject, s.err), "look at the server and the services with: sluice doctor")
	case err != nil:
		return err
	}
	var refused msgs.ErrorReply
	if json.Unmarshal(data, &refused) == nil && refused.Error != nil {
		return refused.Error
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("decode answer of %s: %w", subject, err)
	}
	return nil
}

// put is a question and its answer as it comes; nobody's and none in time are a *silence.
func put(nc *nats.Conn, subject string, question any) ([]byte, error) {
	data, err := json.Marshal(question)
	if err != nil {
		return nil, fmt.Errorf("encode question: %w", err)
	}
	r, err := nc.Request(subject, data, askTimeout)
	if err != nil {
		return nil, &silence{subject, err}
	}
	return r.Data, nil
}

// jetStream is the stream side of a service connection.
func jetStream(nc *nats.Conn) (jetstream.JetStream, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	return js, nil
}
