package main

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/msgs"
)

type limitsExplainCmd struct {
	profileFlags
	Endpoint string `arg:"" help:"For instance \"POST /order\", or \"gamma GET /markets\"."`
	Items    count  `name:"items" default:"1" help:"Orders or ids in the request."`
}

// governing is one layer that a request falls under.
type governing struct {
	Rule       string `json:"rule"`
	Scope      string `json:"scope"`
	Documented string `json:"documented"`
	Used       string `json:"used"`
	Cost       int    `json:"cost"`
	PerSecond  string `json:"requests_per_second"` // that it alone would sustain
	Source     string `json:"source"`
	Date       string `json:"date"`

	rate  *big.Rat // requests a second
	quota bool     // counted by a book over a day, and not by the limiter
}

// Run explains what governs a request.
func (c *limitsExplainCmd) Run(a *app) error {
	p, o, err := c.profile()
	if err != nil {
		return err
	}
	list, err := governs(p, o, c.Endpoint, int(c.Items))
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return problem("not_limited", fmt.Sprintf("no rule of profile %s is for %q", p.Name, c.Endpoint), "name it as the catalogue does: sluice limits show "+p.Name)
	}
	binding := list[0]
	var rows [][]string
	for _, g := range list {
		if g.rate.Cmp(binding.rate) < 0 {
			binding = g
		}
		rows = append(rows, []string{g.Rule, g.Scope, g.Documented, g.Used, strconv.Itoa(g.Cost), g.PerSecond, g.Date, g.Source})
	}
	note, hint := unknown(&p, c.Endpoint), ""
	if note != "" {
		hint = c.elsewhere()
		rows = append(rows, []string{}, []string{note})
	} else if slices.ContainsFunc(list, func(g governing) bool { return g.quota }) {
		hint = "units of a day are counted in a book that all processes share: what is left of them, and until when, shows: sluice quota; " +
			"how long so many requests would take: sluice limits plan --profile " + p.Name
	}
	if hint != "" {
		rows = append(rows, []string{}, []string{hint})
	}
	rows = append(rows, []string{}, []string{fmt.Sprintf("binding: %s, %s: %s requests a second with %d in each", binding.Rule, binding.Used, binding.PerSecond, c.Items)})
	return a.print(map[string]any{"note": note, "hint": hint, "profile": p.Name, "endpoint": c.Endpoint, "items": c.Items, "binding": binding.Rule, "requests_per_second": binding.PerSecond, "layers": list},
		[]string{"RULE", "PER", "DOCUMENTED", "USED", "COST", "REQUESTS/S", "DATE", "SOURCE"}, rows)
}

// elsewhere names the profile of another API that has a rule for the endpoint, as the relayer's submits are no requests of the order book;
// empty when there is none.
func (c *limitsExplainCmd) elsewhere() string {
	all, err := c.load()
	if err != nil {
		return "" // the profile has been read from it: who asks is told what that one says
	}
	best := ""
	for _, name := range all.Names() {
		p, err := all.Profile(name)
		if err == nil && (best == "" || len(name) < len(best)) && slices.Contains(p.Endpoints(), catalogue.ParseEndpoint(c.Endpoint, p.API)) {
			best = name
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("profile %s has a rule for it: sluice limits explain %q --profile %s", best, c.Endpoint, best)
}

// governs lists the layers of an endpoint as they would be in force.
func governs(p catalogue.Profile, o budget.Options, endpoint string, items int) ([]governing, error) {
	now := time.Now()
	b, err := budget.New(p, o, now)
	if err != nil {
		return nil, problem(msgs.BadValue, err.Error(), "see: sluice limits show "+p.Name)
	}
	if _, err := b.Way(budget.Request{Endpoint: endpoint, Account: "me"}); err != nil {
		return nil, fmt.Errorf("explain %s: %w", endpoint, err)
	}
	e := catalogue.ParseEndpoint(endpoint, p.API)
	var out []governing
	for _, l := range b.Status(now) {
		charge, _ := p.Rule(l.Rule).Cost(e)
		g := governing{Rule: l.Rule, Scope: l.Scope, Cost: charge.Request + charge.Item*items, Source: l.Source, Date: l.Date}
		unit := "in"
		if l.Kind == string(catalogue.BucketKind) {
			unit = "full in"
		}
		g.Documented, g.Used = strconv.Itoa(l.Full), fmt.Sprintf("%d %s %s", l.Limit, unit, spanText(l.Per))
		g.sustains(l.Limit, l.Per)
		out = append(out, g)
	}
	return append(out, uncounted(p, cmp.Or(o.Tier, p.Tier), e, items)...), nil
}

// uncounted lists what governs an endpoint beside the limiter: daily quotas, which a book counts, and what a tier does not include.
func uncounted(p catalogue.Profile, tier string, e catalogue.Endpoint, items int) (out []governing) {
	for i := range p.Rules {
		r := &p.Rules[i]
		charge, ok := r.Cost(e)
		for _, l := range r.Of(tier) {
			g := governing{Rule: r.Name, Scope: string(r.Scope), Cost: charge.Request + charge.Item*items, Source: r.Source, Date: r.Date}
			switch {
			case ok && l.Kind() == catalogue.QuotaKind:
				g.quota = true
				g.Documented, g.Used = strconv.Itoa(l.Quota), layerTexts([]catalogue.Layer{l})[0]
				g.sustains(l.Quota, l.Per)
			case ok && l.Kind() == catalogue.NoneKind:
				g.Documented, g.Used = "0", layerTexts([]catalogue.Layer{l})[0]
				g.sustains(0, time.Second)
			default:
				continue
			}
			out = append(out, g)
		}
	}
	return out
}

// sustains says how many requests a second so many units in a span are: to the hundredth, and of less two digits.
func (g *governing) sustains(units int, per time.Duration) {
	g.rate = new(big.Rat).Mul(big.NewRat(int64(units), int64(max(1, g.Cost))), big.NewRat(int64(time.Second), max(1, int64(per))))
	digits := 2
	for least := big.NewRat(1, 100); g.rate.Sign() > 0 && g.rate.Cmp(least) < 0 && digits < maxDigits; digits++ {
		least.Mul(least, big.NewRat(1, 10))
	}
	if digits > 2 {
		digits++
	}
	g.PerSecond = strings.TrimSuffix(strings.TrimRight(g.rate.FloatString(digits), "0"), ".")
}

// maxDigits bounds the digits of a rate: one request in 31 days, the longest span, has seven.
const maxDigits = 9

type limitsStatusCmd struct {
	busFlags
	Account []string `name:"account" help:"Accounts; all that are configured when absent."`
}

// use is one layer of a running limiter.
type use struct {
	Account   string `json:"account"`
	Scope     string `json:"scope"`
	Layer     string `json:"layer"`
	Used      int64  `json:"used"`
	Limit     int64  `json:"limit"`
	PerMS     int64  `json:"per_ms"`
	Headroom  int64  `json:"headroom_percent"`
	IsLimited bool   `json:"is_limited"`
	FreeAtMS  int64  `json:"free_at_ms,omitempty"`
}

// Run shows how full the limits of a running executor are, and those of the relayer.
func (c *limitsStatusCmd) Run(a *app) error {
	names, err := a.named(c.Account)
	if err != nil {
		return err
	}
	nc, err := c.strategy()
	if err != nil {
		return err
	}
	defer nc.Close()
	uses := []use{}
	seen := map[string]bool{}
	venues := map[string]string{}
	refused := map[string][]msgs.Throttle{}
	for _, name := range names {
		var s msgs.StatusAnswer
		if err := ask(nc, msgs.SvcSubject("executor", msgs.Account(name), "status"), msgs.Empty{}, &s); err != nil {
			return a.hint(msgs.Account(name), err)
		}
		venues[name], refused[name] = s.Venue, s.Throttles
		for _, l := range s.Limits {
			u := useOf(name, l, s.AsOfMS)
			if u.Scope == string(catalogue.IP) { // counted once for all accounts of an executor
				u.Account = ""
			}
			key := u.Account + u.Scope + u.Layer + strconv.FormatInt(u.PerMS, 10) + s.Owner
			if !seen[key] {
				seen[key] = true
				uses = append(uses, u)
			}
		}
	}
	relayed, silent := relayerUses(nc, names)
	uses = append(uses, relayed...)
	var rows [][]string
	for _, u := range uses {
		rows = append(rows, []string{u.Scope, cmp.Or(u.Account, "all"), u.Layer, fmt.Sprintf("%d/%d in %s", u.Used, u.Limit, spanText(time.Duration(u.PerMS)*time.Millisecond)),
			bar(u.Headroom), fmt.Sprintf("%d%%", u.Headroom), limitedText(u)})
	}
	for _, name := range names {
		for _, r := range refused[name] {
			rows = append(rows, []string{r.Scope, name, r.Layer, fmt.Sprintf("%d refused, last at %s: %s", r.Count, time.UnixMilli(r.LastMS).Format("15:04:05"), r.Means)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(silent)) {
		rows = append(rows, []string{string(catalogue.Relayer), name, relayerDay, silent[name].Cause + " → " + silent[name].Fix})
	}
	return a.print(map[string]any{"limits": uses, "venue": venues, "throttles": refused, "errors": silent}, []string{"PER", "ACCOUNT", "LIMIT", "USED", "HEADROOM", "", "FREE"}, rows)
}

func useOf(account string, l msgs.LimitState, asOf int64) use {
	u := use{Account: account, Scope: l.Scope, Layer: l.Layer, PerMS: l.PerMS, FreeAtMS: l.FreeAtMS}
	u.Used, _ = strconv.ParseInt(l.Used, 10, 64)
	u.Limit, _ = strconv.ParseInt(l.Limit, 10, 64)
	u.IsLimited = l.FreeAtMS > asOf
	return u.withHeadroom()
}

func limitedText(u use) string {
	switch {
	case !u.IsLimited:
		return "now"
	case u.FreeAtMS == 0:
		return "limited"
	}
	at := time.UnixMilli(u.FreeAtMS)
	if time.Until(at) > 12*time.Hour { // the time alone could be of two days
		return "limited until " + at.Format("Jan 2 15:04")
	}
	return "limited until " + at.Format("15:04:05.000")
}

// bar draws what is free, a block for each ten percent.
func bar(percent int64) string {
	const blocks = 10
	n := int(percent) * blocks / 100
	return strings.Repeat("█", n) + strings.Repeat("░", blocks-n)
}
