package actor_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// A question is answered with what was asked for or with a refusal, of an account or of none, by one of the processes that
// could, within two seconds; and when the desk is closed its asker is told at once that nobody answers.
func TestQuestionHasOneAnswer(t *testing.T) {
	for name, account := range map[string]msgs.Account{"of an account": "main", "of none": ""} {
		t.Run(name, func(t *testing.T) {
			actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
				var asked atomic.Int32
				d := actor.Desk{Service: "toy", Version: "1.0.0", Account: account, Doc: "answers of a toy", Verbs: map[string]actor.Answer{
					"echo": func(_ context.Context, data []byte) (any, *msgs.Error) {
						asked.Add(1)
						return map[string]string{"said": string(data)}, nil
					},
					"no": func(context.Context, []byte) (any, *msgs.Error) {
						return nil, &msgs.Error{Code: msgs.BadValue, Cause: "c", Fix: "f"}
					},
					"slow": func(ctx context.Context, _ []byte) (any, *msgs.Error) { <-ctx.Done(); return "late", nil },
				}}
				lost := b.Connect()
				ends := []func() error{}
				for _, nc := range []*nats.Conn{b.Connect(), lost} {
					end, err := d.Open(t.Context(), nc)
					if err != nil {
						t.Fatal(err)
					}
					ends = append(ends, end)
				}
				b.Wait()
				ask := func(verb, data string) (*nats.Msg, error) {
					return b.NATS().Request(msgs.SvcSubject("toy", account, verb), []byte(data), 10*time.Second)
				}
				for i := range 10 {
					m, err := ask("echo", "x")
					if err != nil || string(m.Data) != `{"said":"x"}` || asked.Load() != int32(i+1) {
						t.Fatalf("answer %v, %v after %d questions", m, err, asked.Load())
					}
				}
				m, err := ask("no", "")
				var r msgs.ErrorReply
				if err != nil || json.Unmarshal(m.Data, &r) != nil || *r.Error != (msgs.Error{Code: msgs.BadValue, Cause: "c", Fix: "f"}) || m.Header.Get("Nats-Service-Error-Code") != "bad_value" {
					t.Errorf("refused with %+v, %v", m, err)
				}
				began := time.Now()
				if _, err := ask("slow", ""); err != nil || time.Since(began) != 2*time.Second {
					t.Errorf("an answer that hangs came after %s, %v", time.Since(began), err)
				}
				lost.Close()
				for _, end := range ends {
					if err := end(); err != nil {
						t.Errorf("end: %v", err)
					}
				}
				b.Wait()
				if _, err := ask("echo", "x"); !errors.Is(err, nats.ErrNoResponders) {
					t.Errorf("a closed desk: %v", err)
				}
			})
		})
	}
}

// A verb that cannot be in a subject is refused, and nothing stays open.
func TestDeskThatCannotOpenAnswersNothing(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		fine := func(context.Context, []byte) (any, *msgs.Error) { return "", nil }
		_, err := actor.Desk{Service: "toy", Version: "1.0.0", Verbs: map[string]actor.Answer{"fine": fine, "not fine": fine}}.Open(t.Context(), b.NATS())
		if err == nil || !strings.Contains(err.Error(), "answer not fine") {
			t.Errorf("a verb with a space: %v", err)
		}
		b.Wait()
		if _, err := b.NATS().Request("svc.toy.fine", nil, time.Second); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("half a desk: %v", err)
		}
	})
}
