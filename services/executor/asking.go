package executor

import (
	"reflect"
	"slices"

	"github.com/nats-io/nats.go"
)

// asking makes a connection like the one that was given, on which barriers are asked for: the broker takes what one connection
// says one after the other, and syncs an append in between. Whoever listens to the life of the given one hears nothing of
// this. While it is not there, the given one serves.
func (s *Service) asking() *nats.Conn {
	o := optionsOf(s.cfg.NATS)
	o.Name += " barriers"
	o.RetryOnFailedConnect = true
	o.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) {
		s.cfg.Log.Warn("the connection for barriers has an error; they are asked for again", "error", err)
	}
	nc, err := o.Connect()
	if err != nil {
		s.cfg.Log.Warn("barriers are asked for on the connection of the appends, which takes longer", "error", err)
	}
	return nc
}

// optionsOf is how a connection was made, without its listeners: others may set those at any time, and nothing guards them.
func optionsOf(nc *nats.Conn) (o nats.Options) {
	listeners := []string{"ClosedCB", "DisconnectedCB", "DisconnectedErrCB", "ConnectedCB", "ReconnectedCB", "DiscoveredServersCB", "AsyncErrorCB", "ReconnectErrCB"}
	from, to := reflect.ValueOf(&nc.Opts).Elem(), reflect.ValueOf(&o).Elem()
	for i := range to.NumField() {
		if f := to.Type().Field(i); f.IsExported() && !slices.Contains(listeners, f.Name) {
			to.Field(i).Set(from.Field(i))
		}
	}
	return o
}
