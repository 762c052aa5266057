package natsd

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Bounds of mending.
const (
	mendEvery = 2 * time.Second
	mendAfter = 3 // looks in a row at which the server is not healthy: a stream that is being recovered is not, for a moment
)

// Mend starts the server again when it has given up writing, as it does for good after a full disk, and room says that
// there is some again. It runs until ctx ends. Connections of [Server.Connect] come back by themselves; nothing that was
// acknowledged is lost, and what was not is sent again by who sent it.
func (s *Server) Mend(ctx context.Context, log *slog.Logger, room func() error) error {
	ill, said := 0, ""
	look := time.NewTicker(mendEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		err := s.Healthy()
		if err == nil {
			ill, said = 0, ""
			continue
		}
		if ill++; ill < mendAfter {
			continue
		}
		if full := room(); full != nil {
			err = fmt.Errorf("%w; it is started again once there is room: %w", err, full)
		} else {
			err = s.again(ctx, log, err)
			ill = 0
		}
		if err != nil && err.Error() != said && ctx.Err() == nil {
			said = err.Error()
			log.Error("nats server does not store", "error", err)
		}
	}
}

func (s *Server) again(ctx context.Context, log *slog.Logger, why error) error {
	if err := s.Restart(ctx); err != nil {
		return err
	}
	log.Warn("nats server started again", "because", why)
	return nil
}
