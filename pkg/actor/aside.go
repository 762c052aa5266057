package actor

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// PutAside stores a letter, for at most five seconds: it is in the stream of dead letters when PutAside has returned nil. A
// letter about a message of which there is one already, not older than msgs.DeadRepeats, is not stored again.
func PutAside(ctx context.Context, js jetstream.JetStream, d msgs.Dead) error {
	b, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode letter: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	if _, err := js.Publish(ctx, msgs.DeadSubject(d.Service, d.Reason), b, jetstream.WithMsgID(d.ID())); err != nil {
		return fmt.Errorf("store letter: %w", err)
	}
	return nil
}
