package actor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Patiently does f again for as long as the broker cannot be asked: containers start in any order, and a server may start anew while
// a service does. It says so, the same once a minute. It returns nil, or an error that waiting does not mend: a refusal of the
// broker, a right that the user lacks, a connection that is closed for good; or f's last one when ctx has ended.
func Patiently(ctx context.Context, nc *nats.Conn, log *slog.Logger, f func() error) error {
	var said complaint
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		before := nc.LastError()
		err := f()
		if err == nil || ctx.Err() != nil || !transient(err) {
			return err
		}
		// The broker does not answer what it does not allow: it only tells the connection.
		if told := nc.LastError(); errors.Is(told, nats.ErrPermissionViolation) && told != before {
			return fmt.Errorf("%w: %w; connect as the service user: --nats nats://service:PASSWORD@host:4222", err, told)
		}
		if said.due(err) {
			log.Warn("broker not available, asking again", "error", err, "connection", nc.Status().String(),
				"fix", "start the NATS server, with JetStream, or name another with --nats; this goes on by itself then")
		}
		if pause(ctx, wait) != nil {
			return err
		}
	}
}

// transient reports whether an error may go away by itself: no answer, no leader, no connection, a consumer that is gone.
func transient(err error) bool {
	var api *jetstream.APIError
	var log *LogError
	var lane *LaneError
	var env *EnvError
	var room *RoomError
	switch {
	case errors.Is(err, ErrReplaced), errors.Is(err, nats.ErrConnectionClosed), errors.As(err, &log), errors.As(err, &lane), errors.As(err, &env), errors.As(err, &room):
		return false
	case errors.As(err, &api):
		return api.Code >= 500
	}
	return true
}

// pause waits for d or the end of ctx, whose error it returns.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
