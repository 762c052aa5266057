package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

const (
	recordEvery = time.Second
	clobAPI     = "clob"

	ordersBucket  = "orders"
	cancelsBucket = "cancels"
)

// apiOf splits a served path into the API that it stands for and the path there. Everything without a prefix is the CLOB.
func apiOf(path string) (api, rest string) {
	for prefix, api := range map[string]string{"/gamma/": "gamma", "/data-api/": "data", "/user-pnl/": "user-pnl", "/bridge/": "bridge", "/relayer/": "relayer"} {
		if after, ok := strings.CutPrefix(path, prefix); ok {
			return api, "/" + after
		}
	}
	return clobAPI, path
}

// limits counts what arrives.
type limits struct {
	table   Limits
	covered map[string][]int          // windows that an endpoint falls under, of those that are served
	passed  map[windowKey][]time.Time // when requests went through a window, in order; some later than now when they are held
	buckets map[bucketKey]*bucket     // of signers
	tiers   map[common.Address]Tier   // of signers that have another than the first
	units   map[string][]time.Time    // of builders, when spent
	builder map[string]Builder        // of builders that have another tier than the first
	second  map[limitKey]*limitCount  // since the last record
	total   map[limitKey]*limitCount  // since the start
	ticking bool
}

type windowKey struct {
	window  int
	address string
}

type limitKey struct{ scope, account, endpoint string }

type limitCount struct{ count, excess int }

type limitLine struct {
	Kind     string `json:"kind"`
	AtUS     int64  `json:"at_us"`
	Scope    string `json:"scope"`
	Account  string `json:"account"`
	Endpoint string `json:"endpoint"`
	Count    int    `json:"count"`
	WindowMS int64  `json:"window_ms"`
	Excess   int    `json:"excess"`
}

// limitsLine tells the reader of a journal what was allowed.
type limitsLine struct {
	Kind    string `json:"kind"`
	AtUS    int64  `json:"at_us"`
	Enforce bool   `json:"enforce"`
	Edge    Edge   `json:"edge"`
	Limits
}

type tierLine struct {
	Kind    string `json:"kind"`
	AtUS    int64  `json:"at_us"`
	Account string `json:"account"`
	Tier    string `json:"tier"`
}

// init puts the configured figures in force.
func (l *limits) init(cfg Config) error {
	table, err := Edition(EditionNow)
	if cfg.Limits != nil {
		table, err = *cfg.Limits, cfg.Limits.Check()
	}
	*l = limits{
		table: table, covered: map[string][]int{}, passed: map[windowKey][]time.Time{}, buckets: map[bucketKey]*bucket{},
		tiers: map[common.Address]Tier{}, units: map[string][]time.Time{}, builder: map[string]Builder{},
		second: map[limitKey]*limitCount{}, total: map[limitKey]*limitCount{},
	}
	return err
}

// recordTable writes down what is allowed.
func (s *Sandbox) recordTable() {
	s.journal.add(limitsLine{"limits", time.Now().UnixMicro(), s.cfg.Enforce, s.cfg.Edge, s.limits.table})
}

// windows are those that a request falls under. Its endpoint is the route that serves it, so that ids are no endpoints.
func (l *limits) windows(q *request) []int {
	method, path := q.method, q.path
	if m, p, found := strings.Cut(q.route, " "); found {
		method, path = m, strings.TrimSuffix(p, "{$}")
	}
	of, known := l.covered[method+" "+path]
	if known {
		return of
	}
	api, rest := apiOf(path)
	for i := range l.table.Windows {
		if l.table.Windows[i].covers(api, method+" "+rest) {
			of = append(of, i)
		}
	}
	if q.route != "/" { // what is not served has names without end
		l.covered[method+" "+path] = of
	}
	return of
}

// free is the first moment from at on at which a window has room for one more.
func (l *limits) free(k windowKey, at time.Time) time.Time {
	w := &l.table.Windows[k.window]
	passed := l.passed[k]
	from, _ := slices.BinarySearchFunc(passed, at.Add(-w.per()), time.Time.Compare)
	passed = passed[from:]
	l.passed[k] = passed
	if len(passed) < w.N {
		return at
	}
	return passed[len(passed)-w.N].Add(w.per() + 1)
}

// pass lets a request through its windows at a moment.
func (l *limits) pass(keys []windowKey, at time.Time) {
	for _, k := range keys {
		i, _ := slices.BinarySearchFunc(l.passed[k], at, time.Time.Compare)
		for i < len(l.passed[k]) && l.passed[k][i].Equal(at) {
			i++
		}
		l.passed[k] = slices.Insert(l.passed[k], i, at)
	}
}

// count adds to the counts of the present second and plans their record.
func (s *Sandbox) count(k limitKey, n int, over bool) {
	for _, of := range []map[limitKey]*limitCount{s.limits.second, s.limits.total} {
		c := of[k]
		if c == nil {
			c = &limitCount{}
			of[k] = c
		}
		c.count += n
		if over {
			c.excess += n
		}
	}
	if !s.limits.ticking {
		s.limits.ticking = true
		s.after(recordEvery, s.recordLimits)
	}
}

// recordLimits writes the counts of the last second, in a fixed order.
func (s *Sandbox) recordLimits() {
	s.limits.ticking = false
	for _, l := range linesOf(s.limits.second, recordEvery) {
		s.journal.add(l)
	}
	clear(s.limits.second)
}

func linesOf(counts map[limitKey]*limitCount, span time.Duration) []limitLine {
	lines := make([]limitLine, 0, len(counts))
	now := time.Now().UnixMicro()
	for k, c := range counts {
		lines = append(lines, limitLine{"limit", now, k.scope, k.account, k.endpoint, c.count, span.Milliseconds(), c.excess})
	}
	slices.SortFunc(lines, compareLimits)
	return lines
}

func compareLimits(a, b limitLine) int {
	return slices.Compare([]string{a.Scope, a.Account, a.Endpoint}, []string{b.Scope, b.Account, b.Endpoint})
}

// SetTier gives the signer of an account another tier. What its buckets hold stays, up to the new burst.
func (s *Sandbox) SetTier(account, tier string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.setTier(account, tier)
}

func (s *Sandbox) setTier(account, tier string) error {
	t, known := s.limits.table.tier(tier)
	if !known || tier == "" {
		return fmt.Errorf("set tier of %s: no tier %q in edition %s", account, tier, s.limits.table.Edition)
	}
	for owner, name := range s.names {
		if name != account {
			continue
		}
		s.limits.tiers[owner] = t
		for k, b := range s.limits.buckets {
			if k.owner == owner {
				b.become(t.tokens(k.name))
			}
		}
		s.journal.add(tierLine{"tier", time.Now().UnixMicro(), account, t.Name})
		return nil
	}
	return fmt.Errorf("set tier of %s: no such account", account)
}

// tierOf is the tier of a signer; false when signers have no buckets.
func (l *limits) tierOf(owner common.Address) (Tier, bool) {
	if t, own := l.tiers[owner]; own {
		return t, true
	}
	return l.table.tier("")
}

// getTier shows the signer's tier.
func (s *Sandbox) getTier(q *request) answer {
	t, known := s.limits.tierOf(q.key.owner)
	if !known {
		return refuse(http.StatusNotFound, "no rate limit tier")
	}
	return ok(map[string]any{
		"tier": t.Name, "orders_per_second": t.Orders.Rate, "orders_burst": t.Orders.Burst,
		"cancels_per_second": t.Cancels.Rate, "cancels_burst": t.Cancels.Burst,
	})
}

// LimitUse is how often one limit was counted since the start, and how much of it was over.
type LimitUse struct {
	Scope   string `json:"scope"`
	Account string `json:"account"`
	Limit   string `json:"limit"`
	Count   int    `json:"count"`
	Excess  int    `json:"excess"`
}

// LimitUses is the venue's own count of every limit that was used, in a fixed order.
func (s *Sandbox) LimitUses() []LimitUse {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limitUses()
}

func (s *Sandbox) limitUses() []LimitUse {
	out := make([]LimitUse, 0, len(s.limits.total))
	for _, l := range linesOf(maps.Clone(s.limits.total), 0) {
		out = append(out, LimitUse{l.Scope, l.Account, l.Endpoint, l.Count, l.Excess})
	}
	return out
}
