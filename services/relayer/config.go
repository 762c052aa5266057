package relayer

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/actor"
	"sluice/pkg/evm"
	"sluice/pkg/evm/sender"
	"sluice/pkg/limits/budget"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// maxAccounts: each is an actor with a reader, and perhaps a sender.
const maxAccounts = 64

// Config says for whom the relayer acts and through what. Check lists everything that is wrong with it. What is left out of Relayer,
// RPC and credentials makes work wait and say for what; it does not keep the service from running.
type Config struct {
	// Env is stamped into the logs; a log of another env is refused.
	Env msgs.Env
	// Owner is the name of this process in the logs; empty is host name and process id.
	Owner string
	// Exclusive ends the relayer when another process owns one of its accounts, instead of waiting as a spare.
	Exclusive bool
	// NATS is the service connection. The relayer does not close it.
	NATS *nats.Conn
	// Replicas is how many copies the streams have: 0 or 1 for a single server, 3 in a cluster.
	Replicas int

	// Relayer is the base URL of the venue's relayer; empty: nothing goes by it.
	Relayer string
	// HTTP reaches it and the RPC endpoints. Nil is a client with connections of its own. Each call has its own time-out.
	HTTP *http.Client
	// RPC are the endpoints that the chain is read from and sent to; none: nothing can be done on chain.
	RPC []evm.Endpoint
	// ChainID is the chain that the wallets are on; 0 is Polygon's.
	ChainID uint64

	// OwnGas lets owners bring what the relayer does not, and pay for it within the bounds of Gas.
	OwnGas bool
	Gas    sender.Limits
	// Tier is the builders' tier at the relayer; empty is the lowest. With names who shares its limit by the minute, and Options how
	// much of that is used.
	Tier, With string
	Options    budget.Options

	// Accounts are whose wallets it acts for, 1 to 64.
	Accounts []Account
	// AcceptLog lets units leave although an account's log was found in doubt at the start.
	AcceptLog bool
	// Data is the data directory, whose file system is watched; empty, or not there: it is not. DiskUse asks another way.
	Data    string
	DiskUse func() (percent int, err error)

	// Log takes life cycle and trouble; nil is silent.
	Log *slog.Logger
	// Metrics takes the counters; nil shows them nowhere.
	Metrics prometheus.Registerer

	// SnapshotEvery is how many events of an account are between two snapshots; 0 is the actor's default.
	SnapshotEvery uint64
	// Around stands between an account's actor and its core, for tests that listen; nil: nothing does.
	Around func(msgs.Account, actor.Core) actor.Core
	// Passing is told of each point that is passed, see Points, from any goroutine; nil: nobody is. It is for tests that end the
	// process at a certain point.
	Passing func(point string)
}

// Account is one wallet and whoever owns it.
type Account struct {
	Name msgs.Account
	// Key is the owner's: it signs what the wallet does, and the transactions that the owner pays for.
	Key polymarket.Signer
	// Kind is the wallet that holds the funds, Wallet its address; the zero address is the owner's own account.
	Kind   polymarket.WalletKind
	Wallet polymarket.Address
	// Auth proves the account to the relayer: a builder's credentials, or a relayer key of the owner's. Nil: none.
	Auth polymarket.RelayerAuth
	// SendTo are the only addresses that may receive a transfer, Calls the only functions that may be called besides the venue's.
	// They come from the configuration file and from nowhere else.
	SendTo []polymarket.Address
	Calls  []polymarket.AllowedCall
}

// identity is the account as deciding sees it.
func (a *Account) identity(chain uint64, c polymarket.Contracts) Identity {
	id := Identity{Account: a.Name, Kind: a.Kind, Owner: a.Key.Address(), Wallet: a.Wallet, ChainID: chain, Contracts: c, SendTo: a.SendTo}
	if id.Wallet == (polymarket.Address{}) {
		id.Wallet = id.Owner
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
	if c.Relayer != "" {
		u, err := url.Parse(c.Relayer)
		bad(err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https", "relayer %q: want an http or https URL", c.Relayer)
	}
	if len(c.RPC) > 0 {
		errs = append(errs, evm.PoolConfig{Endpoints: c.RPC}.Check())
	}
	bad(c.Env != msgs.Sandbox && c.Env != msgs.Paper && c.Env != msgs.Live, "env %q: want sandbox, paper or live", c.Env)
	bad(c.NATS == nil, "no nats connection")
	bad(c.Replicas < 0 || c.Replicas > 5, "replicas %d: want 1 to 5", c.Replicas)
	bad(len(c.Accounts) == 0 || len(c.Accounts) > maxAccounts, "%d accounts: want 1 to %d", len(c.Accounts), maxAccounts)
	errs = append(errs, c.Gas.Check())
	contracts, err := polymarket.ContractsOn(c.chain())
	errs = append(errs, err)
	seen := map[msgs.Account]bool{}
	owners := map[polymarket.Address]msgs.Account{}
	for i := range c.Accounts {
		a := &c.Accounts[i]
		bad(!msgs.ValidAccount(string(a.Name)), "account %q: want [a-z0-9][a-z0-9_-]{0,31}, not %q", a.Name, msgs.AllAccounts)
		bad(seen[a.Name], "account %q is named twice", a.Name)
		seen[a.Name] = true
		bad(a.Key == nil, "account %q has no key", a.Name)
		bad(a.Kind > polymarket.Deposit, "account %q: wallet kind %d: want eoa, proxy, safe or deposit", a.Name, a.Kind)
		if a.Key == nil {
			continue
		}
		errs = append(errs, a.checkWallet(contracts))
		other, taken := owners[a.Key.Address()]
		bad(taken && c.OwnGas, "accounts %q and %q have one key, whose transactions only one of them can send: give own gas up or run them apart", other, a.Name)
		owners[a.Key.Address()] = a.Name
	}
	return errors.Join(errs...)
}

// checkWallet holds a wallet against the key that is to sign for it.
func (a *Account) checkWallet(c polymarket.Contracts) error {
	owner := a.Key.Address()
	switch a.Kind {
	case polymarket.EOA:
		if a.Wallet != (polymarket.Address{}) && a.Wallet != owner {
			return fmt.Errorf("account %q: the wallet of an eoa is the key's own account; name the wallet kind", a.Name)
		}
		return nil
	case polymarket.Proxy:
		if w, ok := c.ProxyWallet(owner); !ok || w != a.Wallet {
			return fmt.Errorf("account %q: wallet %s is not the proxy wallet of the key's account %s: check key, funder and wallet kind", a.Name, a.Wallet, owner)
		}
	case polymarket.Deposit:
		if uups, beacon := c.DepositWallets(owner); a.Wallet != uups && a.Wallet != beacon {
			return fmt.Errorf("account %q: wallet %s is not a deposit wallet of the key's account %s: check key, funder and wallet kind", a.Name, a.Wallet, owner)
		}
	}
	if a.Wallet == (polymarket.Address{}) {
		return fmt.Errorf("account %q: a %s wallet needs its address", a.Name, a.Kind)
	}
	return nil
}

func (c *Config) chain() uint64 {
	if c.ChainID == 0 {
		return polymarket.Polygon
	}
	return c.ChainID
}

// maxIdle is how many connections stay open: to the relayer, and a few to each endpoint.
const maxIdle = 16

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.Owner == "" {
		c.Owner = actor.ProcessName(serviceName)
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	c.ChainID = c.chain()
	if c.HTTP == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = maxIdle
		c.HTTP = &http.Client{Transport: t}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Passing == nil {
		c.Passing = func(string) {}
	}
	return c
}
