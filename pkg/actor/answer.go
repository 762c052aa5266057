package actor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"sluice/pkg/msgs"
)

// answerTimeout bounds an answer; who asked has usually given up by then.
const answerTimeout = 2 * time.Second

// Answer gives what was asked for, or why not. data is the question.
type Answer func(ctx context.Context, data []byte) (any, *msgs.Error)

// Desk is where questions are answered, on svc.<service>.<account>.<verb>, or svc.<service>.<verb> without an account. Where
// several processes have the same one, each question is answered by one of them.
type Desk struct {
	Service string
	Version string // of the answers, as 1.0.0
	Account msgs.Account
	Doc     string // what is answered, in a few words
	Verbs   map[string]Answer
}

// Open begins to answer, each question within two seconds and no longer than ctx, until end is called.
func (d Desk) Open(ctx context.Context, nc *nats.Conn) (end func() error, err error) {
	svc, err := micro.AddService(nc, micro.Config{Name: d.Service, Version: d.Version, Description: d.Doc})
	if err != nil {
		return nil, fmt.Errorf("answer questions: %w", err)
	}
	end = func() error { return UnlessClosed(svc.Stop()) }
	for verb, answer := range d.Verbs {
		h := micro.HandlerFunc(func(r micro.Request) { reply(ctx, r, answer) })
		if err := svc.AddEndpoint(verb, h, micro.WithEndpointSubject(msgs.SvcSubject(d.Service, d.Account, verb))); err != nil {
			return nil, errors.Join(fmt.Errorf("answer %s: %w", verb, err), end())
		}
	}
	return end, nil
}

// reply answers one question. A reply that cannot be sent leaves the asker without one, as a lost message would.
func reply(ctx context.Context, r micro.Request, answer Answer) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	a, refusal := answer(ctx, r.Data())
	if refusal == nil {
		_ = r.RespondJSON(a)
		return
	}
	b, err := json.Marshal(msgs.ErrorReply{Error: refusal})
	if err != nil {
		b = nil // the headers say enough
	}
	_ = r.Error(string(refusal.Code), refusal.Cause, b)
}

// UnlessClosed drops the error of a connection that is closed already: nothing is left to undo.
func UnlessClosed(err error) error {
	if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrBadSubscription) || errors.Is(err, nats.ErrConnectionDraining) {
		return nil
	}
	return err
}
