package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/limits"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// venue is the name of the venue in subjects.
const venue = "polymarket"

// The venue's channels.
const (
	channelMarket = "market"
	channelUser   = "user"
)

const (
	// defaultTokensPerConn is below the 200–250 at which connections were seen to stop delivering.
	defaultTokensPerConn = 200
	// maxTokensPerConn is the figure above which every report says that delivery stops.
	maxTokensPerConn = 500
	// defaultMaxMarkets bounds what is followed when no market is named: ten connections of binary markets.
	defaultMaxMarkets = 1000
	// refreshEvery is how old a market's facts may become.
	refreshEvery = 300 * time.Second
)

// Config says what ingest follows and through what. Check lists everything that is wrong with it.
type Config struct {
	// Env is stamped into the private feed.
	Env msgs.Env
	// NATS is the service connection. Ingest does not close it.
	NATS *nats.Conn
	// Replicas is how many copies the streams have: 0 or 1 for a single server, 3 in a cluster.
	Replicas int

	// CLOB, WSMarket and WSUser are the venue's base URLs; WSUser only with accounts.
	CLOB, WSMarket, WSUser string
	// HTTP and Dialer reach them. Nil is a client with a time-out, and a dialer of its own.
	HTTP   *http.Client
	Dialer *websocket.Dialer
	// ChainID is the chain that credentials are derived for; 0 is Polygon's.
	ChainID uint64

	// Markets are the condition ids to follow; empty follows all that the venue lists as open, up to MaxMarkets.
	Markets []msgs.ConditionID
	// MaxMarkets bounds an unnamed list; 0 is 1,000.
	MaxMarkets int
	// TokensPerConn is how many tokens one connection carries, 1–500; 0 is 200.
	TokensPerConn int
	// Profile is for market connections, UserProfile for user connections; the zero value is dashboard.
	Profile, UserProfile Profile
	// Accounts have their private feed followed.
	Accounts []Account

	// Limits are what reads of the venue by HTTP keep below, best those of an executor of the same address; nil is a limiter of its
	// own with the catalogue's default figures, which counts this process alone.
	Limits *limits.Limiter

	// Seed makes the jitter of back-off repeatable; processes that share a venue want different ones.
	Seed uint64
	// Log takes the life of connections; nil is silent.
	Log *slog.Logger
	// Metrics takes the counters; nil shows them nowhere.
	Metrics prometheus.Registerer
}

// Account is whose private feed is followed, and by what right.
type Account struct {
	Name msgs.Account
	// Credentials of the CLOB. With none, they are created or derived with Key.
	Credentials polymarket.Credentials
	// Key signs the derivation; it is not used for anything else and may be nil when Credentials are given.
	Key *polymarket.Key
	// Address is the key's own account; it may be left out when Key is given.
	Address polymarket.Address
	// Wallet holds the funds. With it a trade is recognised of which neither API key nor order is known; it may be left out.
	Wallet polymarket.Address
}

// Check reports everything that is wrong, joined, or nil.
func (c *Config) Check() error {
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(c.Env != msgs.Sandbox && c.Env != msgs.Paper && c.Env != msgs.Live, "env %q: want sandbox, paper or live", c.Env)
	bad(c.NATS == nil, "no nats connection")
	bad(!hasScheme(c.CLOB, "http", "https"), "clob %q: want an http or https URL", c.CLOB)
	bad(!hasScheme(c.WSMarket, "ws", "wss"), "ws_market %q: want a ws or wss URL", c.WSMarket)
	bad(len(c.Accounts) > 0 && !hasScheme(c.WSUser, "ws", "wss"), "ws_user %q: want a ws or wss URL", c.WSUser)
	bad(c.TokensPerConn < 0 || c.TokensPerConn > maxTokensPerConn, "tokens_per_conn %d: want 1 to %d", c.TokensPerConn, maxTokensPerConn)
	bad(c.Replicas < 0 || c.Replicas > 5, "replicas %d: want 1 to 5", c.Replicas)
	bad(c.MaxMarkets < 0, "max_markets %d: want a positive number", c.MaxMarkets)
	for _, id := range c.Markets {
		bad(!msgs.ValidHash(string(id)), "market %q: want a condition id, 0x and 64 hex digits", id)
	}
	for name, p := range map[string]Profile{"profile": c.Profile, "user_profile": c.UserProfile} {
		bad(p != Profile{} && (p.Heartbeat <= 0 || p.Heartbeat >= silence), "%s: heartbeat %s: want more than 0 and less than %s", name, p.Heartbeat, silence)
		bad(p != Profile{} && (p.DataTimeout <= 0 || p.BaseDelay <= 0), "%s: data time-out and base delay must be positive", name)
	}
	seen := map[msgs.Account]bool{}
	for _, a := range c.Accounts {
		bad(!msgs.ValidAccount(string(a.Name)), "account %q: want [a-z0-9][a-z0-9_-]{0,31}, not %q", a.Name, msgs.AllAccounts)
		bad(seen[a.Name], "account %q is named twice", a.Name)
		seen[a.Name] = true
		bad(a.Key == nil && a.Credentials.Key == "", "account %q has neither credentials nor key", a.Name)
		bad(a.Key == nil && a.Address == polymarket.Address{}, "account %q has neither address nor key", a.Name)
	}
	return errors.Join(errs...)
}

func hasScheme(raw string, schemes ...string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return false
	}
	for _, s := range schemes {
		if u.Scheme == s {
			return true
		}
	}
	return false
}

const (
	// httpTimeout bounds one read of the venue.
	httpTimeout = 15 * time.Second
	// polygon is the chain of the venue.
	polygon = 137
)

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	standard, err := ProfileNamed("")
	if err != nil {
		panic("default profile: " + err.Error()) // the default is a named one
	}
	for _, p := range []*Profile{&c.Profile, &c.UserProfile} {
		if *p == (Profile{}) {
			*p = standard
		}
	}
	if c.TokensPerConn == 0 {
		c.TokensPerConn = defaultTokensPerConn
	}
	if c.MaxMarkets == 0 {
		c.MaxMarkets = defaultMaxMarkets
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.ChainID == 0 {
		c.ChainID = polygon
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: httpTimeout}
	}
	if c.Dialer == nil {
		c.Dialer = &websocket.Dialer{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
