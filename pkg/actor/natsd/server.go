package natsd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	// reconnectWait is how long an in-process connection waits between attempts: long enough not to spin while
	// the server is away, short beside what a restart takes.
	reconnectWait = 20 * time.Millisecond
)

// errStopped is what a connection attempt meets between Shutdown, or a failed Restart, and the next start.
var errStopped = errors.New("nats server is stopped")

// Server is an embedded NATS server on a data directory that it alone holds. Its methods may be called from any
// goroutine.
type Server struct {
	cfg  Config
	lock *dirLock
	port int // fixed by the first start, so that clients find the server again after a restart

	started time.Time // when the lock was taken

	// turn is held by whoever starts or stops the server; current is what runs now, nil in between.
	turn    chan struct{}
	current atomic.Pointer[server.Server]
}

// Start locks the data directory and runs a server on it until [Server.Shutdown]. The context bounds the start
// only. Errors worth telling apart: [*HeldError], [*EnvError], [*ListenError].
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("check nats configuration: %w", err)
	}
	cfg = cfg.withDefaults()
	_, port, _ := cfg.hostPort()
	s := &Server{cfg: cfg, port: port, started: time.Now().UTC().Truncate(time.Second), turn: make(chan struct{}, 1)}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open nats data directory: %w", err)
	}
	if err := s.boot(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start nats server: %w", err), s.lock.release())
	}
	return s, nil
}

// open takes the directory: makes it, locks it, and checks that it is of our env.
func (s *Server) open() (err error) {
	if err := os.MkdirAll(s.cfg.Dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(s.cfg.Dir, 0o700); err != nil { // it may have existed with the habits of somebody's umask
		return err
	}
	if s.lock, err = lockDir(s.cfg.Dir); err != nil {
		return err
	}
	if err := s.claim(); err != nil {
		return errors.Join(err, s.lock.release())
	}
	return nil
}

// claim writes what a directory of ours holds besides streams.
func (s *Server) claim() (err error) {
	if err := s.sign(); err != nil {
		return err
	}
	if err := stampEnv(s.cfg.Dir, s.cfg.Env); err != nil {
		return err
	}
	if s.cfg.ServicePassword == "" {
		s.cfg.ServicePassword, err = servicePassword(s.cfg.Dir)
	}
	return err
}

// sign writes our name into the lock file.
func (s *Server) sign() error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return s.lock.write(Holder{PID: os.Getpid(), Host: host, Started: s.started, Listen: s.addr(), Env: s.cfg.Env})
}

// boot starts a server on the directory and waits until it can be used.
func (s *Server) boot(ctx context.Context) error {
	host, _, _ := s.cfg.hostPort()
	if s.cfg.Listen != "" {
		if err := probe(host, s.port); err != nil {
			return err
		}
	}
	opts, err := s.cfg.options(s.port)
	if err != nil {
		return err
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	b := &bridge{log: s.cfg.Log}
	srv.SetLoggerV2(b, false, false, false)
	srv.Start()
	if err := ready(ctx, srv, b); err != nil {
		stop(srv)
		return err
	}
	if a, ok := srv.Addr().(*net.TCPAddr); ok && s.port == server.RANDOM_PORT {
		s.port = a.Port // the first start: nobody else has this Server yet
	}
	if err := s.sign(); err != nil {
		stop(srv)
		return err
	}
	s.current.Store(srv)
	return nil
}

// ready waits until clients can connect, and reports what the library thought fatal.
func ready(ctx context.Context, srv *server.Server, b *bridge) error {
	if err := b.err(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	wait := startTimeout
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end))
	}
	if !srv.ReadyForConnections(wait) {
		return fmt.Errorf("not ready after %s", wait)
	}
	if !srv.JetStreamEnabled() {
		return errors.New("jetstream is not enabled")
	}
	return b.err()
}

// stop ends a server and waits for its last goroutine. JetStream ends first: the library would tell readers that wait, who notice
// anyway, and sleep under a lock of JetStream's for it. Whoever makes a consumer meanwhile waits for a mutex, which in virtual time
// nobody ever lets go.
func stop(srv *server.Server) {
	_ = srv.ShutdownJetStream() // fails only in a cluster
	srv.Shutdown()
	srv.WaitForShutdown()
}

// Restart stops the server and starts it again on the same directory and address, without letting go of the lock.
// Connections of [Server.Connect] reconnect by themselves. After an error no server runs, the directory stays held,
// and Restart may be called again.
func (s *Server) Restart(ctx context.Context) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.lock == nil {
		return errStopped
	}
	if srv := s.current.Swap(nil); srv != nil {
		stop(srv)
	}
	if err := s.boot(ctx); err != nil {
		return fmt.Errorf("restart nats server: %w", err)
	}
	return nil
}

// Shutdown stops the server, waits until everything is closed, and lets go of the directory. Connections are to be
// closed by their owners, best before. A second call does nothing.
func (s *Server) Shutdown() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.lock == nil {
		return nil
	}
	if srv := s.current.Swap(nil); srv != nil {
		stop(srv)
	}
	err := s.lock.release()
	s.lock = nil
	return err
}

// Connect returns an in-process connection as the service user. It reconnects for ever, also to the server that
// runs after a [Server.Restart]; while there is none, publishing fails at once. The options come last and may
// override.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	service := []nats.Option{nats.CustomInboxPrefix(serviceInbox)}
	return s.ConnectAs(ServiceUser(s.cfg.ServicePassword), append(service, opts...)...)
}

// ConnectAs is Connect as one of the configured users; the zero User is a connection without credentials.
func (s *Server) ConnectAs(u User, opts ...nats.Option) (*nats.Conn, error) {
	base := []nats.Option{
		nats.Name(cmp.Or(u.Name, "anonymous")),
		nats.InProcessServer(s),
		nats.UserInfo(u.Name, u.Password),
		nats.IgnoreDiscoveredServers(),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(0, 0),
		nats.ReconnectBufSize(-1), // what is not stored must fail, not wait in memory
	}
	nc, err := nats.Connect("", append(base, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("connect in process: %w", err)
	}
	return nc, nil
}

// InProcessConn makes a Server a [nats.InProcessConnProvider] that always leads to the server that runs now.
func (s *Server) InProcessConn() (net.Conn, error) {
	srv := s.current.Load()
	if srv == nil {
		return nil, errStopped
	}
	return srv.InProcessConn()
}

// ClientURL is where clients of other processes connect, without credentials; empty without a listener.
func (s *Server) ClientURL() string {
	if a := s.addr(); a != "" {
		return "nats://" + a
	}
	return ""
}

// addr is the address listened on, empty without a listener and while a random port is not yet known.
func (s *Server) addr() string {
	if s.cfg.Listen == "" || s.port == server.RANDOM_PORT {
		return ""
	}
	host, _, _ := s.cfg.hostPort()
	return net.JoinHostPort(host, strconv.Itoa(s.port))
}

// ServicePassword is the password of the service user, for services of other processes.
func (s *Server) ServicePassword() string { return s.cfg.ServicePassword }

// Healthy reports nil when the server takes and stores messages, else what is wrong: it is stopped, a stream could
// not be recovered, or a write failed and the stream stands still.
func (s *Server) Healthy() error {
	srv := s.current.Load()
	if srv == nil {
		return errStopped
	}
	h := srv.Healthz(nil)
	if h.Status == "ok" {
		return nil
	}
	return fmt.Errorf("nats server is not healthy: %s %s", h.Status, h.Error)
}

// SyncAlways reports whether the running server syncs every append before acknowledging it, by its own account;
// false while it is stopped.
func (s *Server) SyncAlways() bool {
	srv := s.current.Load()
	if srv == nil {
		return false
	}
	v, err := srv.Varz(nil)
	return err == nil && v.JetStream.Config != nil && v.JetStream.Config.SyncAlways
}
