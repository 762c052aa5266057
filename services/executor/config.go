package executor

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/actor"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Defaults of the configuration.
const (
	defaultBookAge = time.Minute // ingest withdraws a doubted book by itself; this is for when ingest is gone
	maxAccounts    = 64          // each is an actor with two readers and some megabytes
)

// Caps of an account that trades real money and names none.
const (
	liveOrderCap = money.Cash(25 * money.Unit)
	liveDayCap   = money.Cash(100 * money.Unit)
)

// Config says for whom the executor trades and through what. Check lists everything that is wrong with it.
type Config struct {
	// Env is stamped into the logs; a log of another env is refused.
	Env msgs.Env
	// Owner is the name of this process in the logs; empty is host name and process id.
	Owner string
	// Exclusive ends the executor when another process owns one of its accounts, instead of waiting as a spare.
	Exclusive bool
	// NATS is the service connection. The executor does not close it, and does not judge whether its server syncs: see
	// natsd.CheckSync. It makes one more with the same options, which it closes.
	NATS *nats.Conn
	// Replicas is how many copies the streams have: 0 or 1 for a single server, 3 in a cluster.
	Replicas int

	// CLOB is the venue's base URL.
	CLOB string
	// HTTP reaches it. Nil is a client with connections of its own. Each call has its own time-out.
	HTTP *http.Client
	// ChainID is the chain that orders are signed for; 0 is Polygon's.
	ChainID uint64

	// Accounts are whom it trades for, 1 to 64.
	Accounts []Account
	// Data is the data directory: halts that were ordered without the bus leave their marks in it, and the streams are taken
	// to be on its file system, whose room is watched. Empty, or not there: neither.
	Data string
	// DiskUse says how full the file system of the streams is, in percent; nil asks the system about Data.
	DiskUse func() (percent int, err error)
	// CancelAfterLogLoss cancels everything at the venue, for each account that this process owns, when the log has been
	// out of reach for so long; 0 is never, else 5 s or more.
	CancelAfterLogLoss time.Duration
	// DryRun signs and checks everything, and posts nothing.
	DryRun bool
	// BookAge is how old a book may be for a max_slippage; 0 is a minute.
	BookAge time.Duration
	// FactAge is how old a market fact may be for a signature; 0 is any age.
	FactAge time.Duration
	// UnknownOrders says what becomes of an account whose log does not agree at a start with what the venue, the feed and
	// the ledger know of it; empty is Hold.
	UnknownOrders Policy
	// Limits are the figures that every call keeps below.
	Limits Limits

	// Log takes life cycle, throttles and trouble; nil is silent.
	Log *slog.Logger
	// Metrics takes the counters; nil shows them nowhere.
	Metrics prometheus.Registerer

	// SnapshotEvery is how many events of an account are between two snapshots; 0 is the actor's default.
	SnapshotEvery uint64
	// Around stands between an account's actor and its core, for tests that listen; nil: nothing does.
	Around func(msgs.Account, actor.Core) actor.Core
	// Passing is told of each point that is passed, see Points, from any goroutine; nil: nobody is. It is for tests that
	// end the process at a certain point.
	Passing func(point string)
}

// Account is one trading identity.
type Account struct {
	Name msgs.Account
	// Key signs orders.
	Key *polymarket.Key
	// Kind is the wallet that holds the funds, Funder its address; the zero address is the key's own account.
	Kind   polymarket.WalletKind
	Funder polymarket.Address
	// Credentials of the CLOB. With none, they are created or derived with Key.
	Credentials polymarket.Credentials
	// Caps bound what the account may do. With env live, Order and Day have defaults of 25 and 100 pUSD.
	Caps Caps
}

// identity is the account as deciding sees it.
func (a *Account) identity(chain uint64) Identity {
	id := Identity{Account: a.Name, Kind: a.Kind, Owner: a.Key.Address(), Maker: a.Funder, ChainID: chain}
	if id.Maker == (polymarket.Address{}) {
		id.Maker = id.Owner
	}
	id.Signer = id.Owner
	if a.Kind == polymarket.Deposit {
		id.Signer = id.Maker
	}
	return id
}

// Check reports everything that is wrong, joined, or nil.
func (c *Config) Check() error {
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	u, err := url.Parse(c.CLOB)
	bad(err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https", "clob %q: want an http or https URL", c.CLOB)
	bad(c.Env != msgs.Sandbox && c.Env != msgs.Paper && c.Env != msgs.Live, "env %q: want sandbox, paper or live", c.Env)
	bad(c.NATS == nil, "no nats connection")
	bad(c.Replicas < 0 || c.Replicas > 5, "replicas %d: want 1 to 5", c.Replicas)
	bad(len(c.Accounts) == 0 || len(c.Accounts) > maxAccounts, "%d accounts: want 1 to %d", len(c.Accounts), maxAccounts)
	bad(c.BookAge < 0 || c.FactAge < 0, "book_age and fact_age must not be negative")
	bad(c.CancelAfterLogLoss != 0 && c.CancelAfterLogLoss < minLogLoss, "cancel_after_log_loss %s: want %s or more, or 0 for never", c.CancelAfterLogLoss, minLogLoss)
	bad(c.UnknownOrders != "" && !slices.Contains(policies(), c.UnknownOrders), "unknown_orders %q: want hold, adopt, cancel or accept", c.UnknownOrders)
	seen := map[msgs.Account]bool{}
	for i := range c.Accounts {
		a := &c.Accounts[i]
		bad(!msgs.ValidAccount(string(a.Name)), "account %q: want [a-z0-9][a-z0-9_-]{0,31}, not %q", a.Name, msgs.AllAccounts)
		bad(seen[a.Name], "account %q is named twice", a.Name)
		seen[a.Name] = true
		bad(a.Key == nil, "account %q has no key", a.Name)
		bad(a.Kind > polymarket.Deposit, "account %q: wallet kind %d: want eoa, proxy, safe or deposit", a.Name, a.Kind)
		bad(a.Kind != polymarket.EOA && a.Funder == (polymarket.Address{}), "account %q: a %s wallet needs its address (funder)", a.Name, a.Kind)
		bad(a.Key != nil && a.Kind == polymarket.EOA && a.Funder != (polymarket.Address{}) && a.Funder != a.Key.Address(),
			"account %q: the funder of an eoa wallet is the key's own account; name the wallet kind", a.Name)
		bad(a.Caps.Order < 0 || a.Caps.Market < 0 || a.Caps.Day < 0 || a.Caps.OpenOrders < 0, "account %q: caps must not be negative", a.Name)
	}
	return errors.Join(errs...)
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.Owner == "" {
		c.Owner = actor.ProcessName(serviceName)
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.ChainID == 0 {
		c.ChainID = polymarket.Polygon
	}
	if c.HTTP == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = maxIdle
		c.HTTP = &http.Client{Transport: t}
	}
	if c.Passing != nil {
		c.HTTP = watched(c.HTTP, c.Passing)
	}
	if c.BookAge == 0 {
		c.BookAge = defaultBookAge
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Accounts = append([]Account(nil), c.Accounts...)
	for i := range c.Accounts {
		if caps := &c.Accounts[i].Caps; c.Env == msgs.Live {
			caps.Order, caps.Day = orElse(caps.Order, liveOrderCap), orElse(caps.Day, liveDayCap)
		}
	}
	return c
}

// maxIdle is how many connections to the venue stay open: a burst is posted and cancelled side by side.
const maxIdle = 32

func orElse(have, fallback money.Cash) money.Cash {
	if have == 0 {
		return fallback
	}
	return have
}
