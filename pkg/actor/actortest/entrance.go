package actortest

import (
	"errors"
	"net"
	"sync/atomic"

	"sluice/pkg/actor/natsd"
)

// Entrance leads to a server as long as it is open; the zero value of Shut is open. It is for nats.InProcessServer: a connection
// that is made to reconnect while it is shut finds nobody.
type Entrance struct {
	Server *natsd.Server
	Shut   atomic.Bool
}

// InProcessConn is asked by the NATS client; it fails while the entrance is shut.
func (e *Entrance) InProcessConn() (net.Conn, error) {
	if e.Shut.Load() {
		return nil, errors.New("nobody listens")
	}
	return e.Server.InProcessConn()
}
