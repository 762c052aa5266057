package executor

import "github.com/nats-io/nats.go"

// asking makes a connection like the one that was given, on which barriers are asked for: the broker takes what one connection
// says one after the other, and syncs an append in between. Whoever listens to the life of the given one hears nothing of
// this. While it is not there, the given one serves.
func (s *Service) asking() *nats.Conn {
	o := s.cfg.NATS.Opts
	o.Name += " barriers"
	o.RetryOnFailedConnect = true
	o.ClosedCB, o.DisconnectedErrCB, o.ReconnectedCB = nil, nil, nil
	nc, err := o.Connect()
	if err != nil {
		s.cfg.Log.Warn("barriers are asked for on the connection of the appends, which takes longer", "error", err)
	}
	return nc
}
