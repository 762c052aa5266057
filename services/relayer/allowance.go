package relayer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/limits"
	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/quota"
	"sluice/pkg/limits/quota/natsbook"
	"sluice/pkg/limits/share"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

const (
	// relayerProfile is the catalogue's, when none is given.
	relayerProfile = "relayer"
	// submitEndpoint is the only one that costs.
	submitEndpoint = "POST /submit"
	// ownKeyTier is the tier of whoever has a relayer key of his own.
	ownKeyTier = "OwnKey"
	// trimEvery is how often the book on the bus is relieved of what nobody needs: a day's events are few.
	trimEvery = time.Hour
	// lookEvery is how often the book is read for the metrics, when nobody asks otherwise.
	lookEvery = time.Minute
)

// AllowanceConfig says what the relayer lets this process do.
type AllowanceConfig struct {
	Env     msgs.Env
	Relayer string // its base URL: all behind one address share its limit by the minute
	With    string // names those who share that limit; empty is the relayer's host
	Owner   string // names this process for them

	// Profile holds the figures; the zero value is the catalogue's relayer. Options are the share of them that is used, but of the
	// daily units: those are used up.
	Profile catalogue.Profile
	Options budget.Options
	// Tier is the builders' tier, in whatever case; empty is the profile's lowest. A relayer key has a tier of its own.
	Tier string

	Replicas int
	NATS     *nats.Conn
	JS       jetstream.JetStream
	Log      *slog.Logger
}

// Allowances are the books of all credentials that one process uses, and the limit by the minute in front of them.
type Allowances struct {
	cfg    AllowanceConfig
	minute *limits.Limiter
	node   *share.Node

	mu    sync.Mutex
	books map[string]*Allowance
}

// NewAllowances makes them. The stream of the books must exist by the time that one is used. Errors: a tier that the profile does
// not know, and those of the options.
func NewAllowances(cfg AllowanceConfig) (*Allowances, error) {
	if cfg.Profile.Name == "" {
		c, err := catalogue.Load()
		if err != nil {
			return nil, fmt.Errorf("load catalogue of limits: %w", err)
		}
		if cfg.Profile, err = c.Profile(relayerProfile); err != nil {
			return nil, err
		}
	}
	i := slices.IndexFunc(cfg.Profile.Tiers, func(t string) bool { return strings.EqualFold(t, cfg.Tier) })
	switch {
	case cfg.Tier == "":
		cfg.Tier = cfg.Profile.Tier
	case i < 0:
		return nil, fmt.Errorf("check limits of the relayer: profile %s knows no tier %q, but %s", cfg.Profile.Name, cfg.Tier, strings.Join(cfg.Profile.Tiers, ", "))
	default:
		cfg.Tier = cfg.Profile.Tiers[i]
	}
	minute, err := limits.Open(cfg.Profile, cfg.Options)
	if err != nil {
		return nil, err
	}
	node := share.New(minute, share.Config{Name: "relayer-" + share.NameOf(cfg.With, cfg.Relayer), Owner: cfg.Owner, Profile: cfg.Profile, Options: cfg.Options,
		Replicas: cfg.Replicas, NATS: cfg.NATS, JS: cfg.JS, Log: cfg.Log})
	return &Allowances{cfg: cfg, minute: minute, node: node, books: map[string]*Allowance{}}, nil
}

// Of is the allowance of a credential: one for all accounts that use it. nil for none.
func (a *Allowances) Of(auth polymarket.RelayerAuth) *Allowance {
	book, tier := a.bookOf(auth)
	if book == "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.books[book] == nil {
		keeper := quota.NewKeeper(dailyUnits(a.cfg.Profile, tier), natsbook.New(a.cfg.JS, msgs.QuotaStream, msgs.QuotaSubject(book)), time.Now)
		a.books[book] = &Allowance{book: book, tier: tier, keeper: keeper, minute: a.minute, log: a.cfg.Log.With("book", book)}
	}
	return a.books[book]
}

// bookOf names the book of a credential, by what names the credential and is no secret: who has it on another env or with another
// key has another book.
func (a *Allowances) bookOf(auth polymarket.RelayerAuth) (book, tier string) {
	switch c := auth.(type) {
	case polymarket.BuilderCredentials:
		return "builder-" + digest(string(a.cfg.Env), c.Key), a.cfg.Tier
	case polymarket.RelayerCredentials:
		return "own-" + digest(string(a.cfg.Env), c.Address.Hex()), ownKeyTier
	}
	return "", ""
}

// digestBytes are enough that no two credentials of one bus meet.
const digestBytes = 8

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:digestBytes])
}

// dailyUnits is the smallest daily quota of a tier; 0: none.
func dailyUnits(p catalogue.Profile, tier string) (units int) {
	for _, r := range p.Rules {
		if _, costs := r.Cost(catalogue.ParseEndpoint(submitEndpoint, p.API)); !costs {
			continue
		}
		for _, l := range r.Of(tier) {
			if l.Kind() == catalogue.QuotaKind && (units == 0 || l.Quota < units) {
				units = l.Quota
			}
		}
	}
	return units
}

// All are the allowances in use.
func (a *Allowances) All() []*Allowance {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []*Allowance
	for _, b := range a.books {
		out = append(out, b)
	}
	slices.SortFunc(out, func(x, y *Allowance) int { return strings.Compare(x.book, y.book) })
	return out
}

// Run shares the limit by the minute with other processes, and keeps the books small and seen, until ctx ends. It returns nil then.
func (a *Allowances) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { a.watch(ctx) })
	err := a.node.Run(ctx)
	stop()
	watching.Wait()
	return err
}

func (a *Allowances) watch(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for trimmed := (time.Time{}); ; {
		due := time.Since(trimmed) >= trimEvery
		for _, b := range a.All() {
			b.refresh(ctx, due)
		}
		if due {
			trimmed = time.Now()
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}
