package ledger

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/actor"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// maxAccounts bounds the accounts of one ledger, as of one executor.
const maxAccounts = 64

// Config says whose books are kept and from what. Check lists everything that is wrong with it.
type Config struct {
	// Env is stamped into the books; books of another env are refused.
	Env msgs.Env
	// Owner is the name of this process on the log; empty is host name and process id.
	Owner string
	// NATS is the service connection. The ledger does not close it.
	NATS *nats.Conn
	// Replicas is how many copies the streams have: 0 or 1 for a single server, 3 in a cluster.
	Replicas int
	// Path is the database's file. Its folder is made where it is missing.
	Path string
	// Transfers is the chain. Nil: no facts are booked.
	Transfers Transfers
	// Accounts are whose books are kept, 1 to 64.
	Accounts []Account
	// Tolerance is how far a settlement may be from its trade, beside roundings and the fee that the chain shows.
	Tolerance money.Cash

	// Passing is called when the ledger passes a named point, in tests that end it there; nil for none.
	Passing func(point string)
	// Metrics takes the figures; nil for none.
	Metrics prometheus.Registerer
	// Log is where it talks to; nil is nowhere.
	Log *slog.Logger
}

// Account is whose books are kept.
type Account struct {
	Name msgs.Account
	// Wallet is the address that holds the funds, 0x and 40 hex digits.
	Wallet string
}

// The points that a ledger passes, in this order for each group of inputs.
const (
	PointDecided   = "ledger.decided"   // inputs are in the state, nothing is written
	PointWritten   = "ledger.written"   // rows are written and not committed
	PointCommitted = "ledger.committed" // rows are on disk, nothing is told
	PointSending   = "ledger.sending"   // events are read back and about to be published
	PointSent      = "ledger.sent"      // the broker has them
)

// Check reports everything that is wrong with the configuration.
func (c *Config) Check() error {
	var errs []error
	bad := func(when bool, format string, args ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(c.Env != msgs.Sandbox && c.Env != msgs.Paper && c.Env != msgs.Live, "env %q: want sandbox, paper or live", c.Env)
	bad(c.NATS == nil, "no NATS connection")
	bad(c.Path == "", "no file for the books: name one with --db")
	bad(c.Tolerance < 0, "tolerance %s: must not be negative", c.Tolerance)
	bad(len(c.Accounts) == 0 || len(c.Accounts) > maxAccounts, "%d accounts: want 1 to %d", len(c.Accounts), maxAccounts)
	wallet, names := regexp.MustCompile("^0x[0-9a-fA-F]{40}$"), map[msgs.Account]bool{}
	for _, a := range c.Accounts {
		bad(a.Name == "" || names[a.Name], "account %q: want a name that no other account has", a.Name)
		bad(!wallet.MatchString(a.Wallet), "account %q: wallet %q is no address", a.Name, a.Wallet)
		names[a.Name] = true
	}
	return errors.Join(errs...)
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.Owner == "" {
		c.Owner = actor.ProcessName(serviceName)
	}
	c.Replicas = max(c.Replicas, 1)
	if c.Passing == nil {
		c.Passing = func(string) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// SandboxTransfers reads the chain of a local venue at base.
func SandboxTransfers(base string, client *http.Client) Transfers {
	return &sandboxChain{base: base, http: client}
}
