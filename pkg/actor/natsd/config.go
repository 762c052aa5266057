package natsd

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// maxPayload is the largest message, in bytes. An event message packs many events but is kept far below
	// this; a snapshot does not fit in one message and goes to the object store.
	maxPayload = 1 << 20

	// defaultMaxMemory bounds memory streams, in bytes: the last books of several thousand tokens at a few KiB
	// each, several times over.
	defaultMaxMemory = 512 << 20

	// defaultMaxStore bounds file streams, in bytes. Streams reserve their own maximum out of it, so it is sized
	// for dozens of accounts, not for what one desk writes.
	defaultMaxStore = 192 << 30

	// startTimeout is how long a start may take: recovering a million events takes about a second, a slow disk
	// many times that.
	startTimeout = 60 * time.Second

	// writeDeadline is how long a client may leave its socket unread before it is cut off, so that one stuck
	// reader does not stall publishers.
	writeDeadline = 5 * time.Second
)

// Config says where the server keeps its data, where it listens, and who may do what. Only Dir is required.
type Config struct {
	// Dir is the data directory; made with mode 0700 when missing. No other program may write to it.
	Dir string
	// Env is "sandbox", "paper" or "live" and must be the same for the life of Dir. Empty means sandbox.
	Env string
	// Listen is the TCP address for clients of other processes, host:port. Empty: no socket, in-process
	// connections only. Port -1 (":-1", "127.0.0.1:-1") picks a free port, kept over restarts. An empty host
	// is 127.0.0.1: other interfaces must be named.
	Listen string
	// ServerName is what the server calls itself to clients; "sluice" when empty.
	ServerName string
	// Users may connect besides the service user. Empty, on a loopback or absent listener: one strategy user
	// for all accounts, which is also Anonymous.
	Users []User
	// Stored is the prefix under which the streams republish what they have stored ("stored": RePublish from
	// "evt.>" to "stored.evt.>"). Users then hear evt. and feed. from there, under the usual names. Without it a
	// plain subscription also hears appends that the stream refuses, such as a replaced owner's: the broker
	// delivers before it stores. Empty: the streams do not republish.
	Stored string
	// Anonymous names the one of Users that a connection without credentials becomes. Only on a loopback
	// listener; empty: such connections are refused (but see Users).
	Anonymous string
	// ServicePassword is the service user's password. Empty: the one kept in Dir, made at the first start.
	ServicePassword string
	// MaxMemory and MaxStore bound all memory and all file streams, in bytes; 0 means 512 MiB and 192 GiB.
	MaxMemory, MaxStore int64
	// Log receives the server's own messages: its notices at debug, warnings and errors as such. Nil discards.
	Log *slog.Logger
}

// Check reports everything wrong with the configuration at once. [Start] calls it.
func (c Config) Check() error {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("dir is empty: the embedded server needs a data directory"))
	}
	if !slices.Contains(envs(), c.Env) && c.Env != "" {
		errs = append(errs, fmt.Errorf("env %q is none of %v", c.Env, envs()))
	}
	host, _, err := c.hostPort()
	if err != nil {
		errs = append(errs, fmt.Errorf("listen %q is not host:port: %w", c.Listen, err))
	}
	if c.MaxMemory < 0 || c.MaxStore < 0 {
		errs = append(errs, errors.New("max memory and max store must not be negative: that would mean no bound"))
	}
	if c.ServerName != "" && !plainName(c.ServerName) {
		errs = append(errs, fmt.Errorf("server name %q is not 1 to %d of [A-Za-z0-9_-]", c.ServerName, maxName))
	}
	if c.Stored != "" && !plainName(c.Stored) {
		errs = append(errs, fmt.Errorf("stored %q is not one token of a subject", c.Stored))
	}
	errs = append(errs, checkUsers(append([]User{ServiceUser(cmp.Or(c.ServicePassword, "kept in dir"))}, c.Users...))...)
	if c.Anonymous != "" {
		if !slices.ContainsFunc(c.Users, func(u User) bool { return u.Name == c.Anonymous }) {
			errs = append(errs, fmt.Errorf("anonymous %q is none of the users", c.Anonymous))
		}
		if err == nil && c.Listen != "" && !loopback(host) {
			errs = append(errs, fmt.Errorf("anonymous access on %s would let the network trade: listen on loopback, or give every user a password and leave anonymous empty", c.Listen))
		}
	}
	return errors.Join(errs...)
}

// withDefaults fills what was left empty. The configuration has been checked.
func (c Config) withDefaults() Config {
	if c.Env == "" {
		c.Env = "sandbox"
	}
	if c.ServerName == "" {
		c.ServerName = "sluice"
	}
	if c.MaxMemory == 0 {
		c.MaxMemory = defaultMaxMemory
	}
	if c.MaxStore == 0 {
		c.MaxStore = defaultMaxStore
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	host, _, _ := c.hostPort()
	if len(c.Users) == 0 && (c.Listen == "" || loopback(host)) {
		c.Users = []User{StrategyUser("strategy", newPassword()).WithControlAll()}
		c.Anonymous = "strategy"
	}
	return c
}

// options translates to the library's terms, for a server that shall listen on port (ignored without Listen).
func (c Config) options(port int) (*server.Options, error) {
	host, _, _ := c.hostPort()
	o := &server.Options{
		ServerName:         c.ServerName,
		DontListen:         c.Listen == "",
		Host:               host,
		Port:               port,
		NoSigs:             true, // signals are the program's business
		JetStream:          true,
		StoreDir:           c.Dir,
		SyncAlways:         true,
		JetStreamMaxMemory: c.MaxMemory,
		JetStreamMaxStore:  c.MaxStore,
		MaxPayload:         maxPayload,
		WriteDeadline:      writeDeadline,
	}
	accounts, err := AccountsConfig(c)
	if err != nil {
		return nil, err
	}
	if err := o.ProcessConfigString(accounts); err != nil {
		return nil, fmt.Errorf("configure accounts: %w", err)
	}
	return o, nil
}

// hostPort splits Listen. Without a listener it answers the loopback host and port 0.
func (c Config) hostPort() (string, int, error) {
	if c.Listen == "" {
		return "127.0.0.1", 0, nil
	}
	host, text, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "", 0, err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < -1 || port > 65535 {
		return "", 0, fmt.Errorf("port %q is not -1 to 65535", text)
	}
	if port == 0 {
		port = server.RANDOM_PORT // 0 would mean the library's default port
	}
	return host, port, nil
}

// loopback reports whether only this machine can reach host. A name other than localhost is taken for reachable.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
