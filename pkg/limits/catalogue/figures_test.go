package catalogue

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// row is a figure that was asked for: the requirement, where it stands, and what stands there.
type row struct{ id, at, want string }

// asked are all figures of the embedded files. They are written down a second time, from the requirements, so that no
// figure changes unseen.
func asked() []row {
	rows := []row{
		{"S0-2", "polymarket-2026-02/everything", "15000 in 10s"}, {"S2-33", "polymarket-2026-11/everything", "15000 in 10s"},
		{"S0-3", "polymarket-2026-02/clob ok", "100 in 10s"}, {"S2-33", "polymarket-2026-11/clob ok", "100 in 10s"},
		{"S0-4", "polymarket-2026-02/data", "1000 in 10s"}, {"S2-31", "polymarket-2026-11/data", "1000 in 10s"},
		{"S0-5", "polymarket-2026-02/data trades", "200 in 10s, page 500 to 1000"}, {"S2-31", "polymarket-2026-11/data trades", "200 in 10s"},
		{"S2-32", "polymarket-2026-02/data activity", "unlimited, page 500 to 1000"},
		{"S0-6", "polymarket-2026-02/data positions", "150 in 10s"}, {"S2-31", "polymarket-2026-11/data positions", "150 in 10s"},
		{"S2-31", "polymarket-2026-02/data closed positions", "150 in 10s"}, {"S2-31", "polymarket-2026-11/data closed positions", "150 in 10s"},
		{"S2-31", "polymarket-2026-02/data ok", "100 in 10s"}, {"S2-31", "polymarket-2026-11/data ok", "100 in 10s"},
		{"S0-7", "polymarket-2026-02/gamma", "4000 in 10s"}, {"S2-28", "polymarket-2026-11/gamma", "4000 in 10s"},
		{"S0-8", "polymarket-2026-02/gamma markets", "300 in 10s"}, {"S2-29", "polymarket-2026-11/gamma markets", "300 in 10s"},
		{"S0-8", "polymarket-2026-02/gamma listing", "900 in 10s"}, {"S2-29", "polymarket-2026-11/gamma listing", "900 in 10s"},
		{"S2-29", "polymarket-2026-02/gamma events", "500 in 10s"}, {"S2-29", "polymarket-2026-11/gamma events", "500 in 10s"},
		{"S0-9", "polymarket-2026-02/gamma search", "350 in 10s"}, {"S2-30", "polymarket-2026-11/gamma search", "350 in 10s"},
		{"S2-30", "polymarket-2026-02/gamma comments", "200 in 10s"}, {"S2-30", "polymarket-2026-11/gamma comments", "200 in 10s"},
		{"S2-30", "polymarket-2026-02/gamma tags", "200 in 10s"}, {"S2-30", "polymarket-2026-11/gamma tags", "200 in 10s"},
		{"S0-10", "polymarket-2026-02/clob", "9000 in 10s"}, {"S2-12", "polymarket-2026-11/clob", "9000 in 10s"},
		{"S0-11", "polymarket-2026-02/clob book", "1500 in 10s"}, {"S2-15", "polymarket-2026-11/clob book", "1500 in 10s"},
		{"S2-15", "polymarket-2026-02/clob books", "500 in 10s"}, {"S2-15", "polymarket-2026-11/clob books", "500 in 10s"},
		{"S0-12", "polymarket-2026-02/clob price", "1500 in 10s"}, {"S2-16", "polymarket-2026-11/clob price", "1500 in 10s"},
		{"S2-16", "polymarket-2026-02/clob prices", "500 in 10s"}, {"S2-16", "polymarket-2026-11/clob prices", "500 in 10s"},
		{"S2-17", "polymarket-2026-02/clob midpoint", "1500 in 10s"}, {"S2-17", "polymarket-2026-11/clob midpoint", "1500 in 10s"},
		{"S2-17", "polymarket-2026-02/clob midpoints", "500 in 10s"}, {"S2-17", "polymarket-2026-11/clob midpoints", "500 in 10s"},
		{"S2-26", "polymarket-2026-02/clob price history", "1000 in 10s"}, {"S2-26", "polymarket-2026-11/clob price history", "1000 in 10s"},
		{"S2-26", "polymarket-2026-02/clob tick size", "200 in 10s"}, {"S2-26", "polymarket-2026-11/clob tick size", "200 in 10s"},
		{"S2-26", "polymarket-2026-02/clob api keys", "100 in 10s"}, {"S2-26", "polymarket-2026-11/clob api keys", "100 in 10s"},
		{"S2-13", "polymarket-2026-02/clob balance read", "200 in 10s"}, {"S2-13", "polymarket-2026-11/clob balance read", "200 in 10s"},
		{"S2-14", "polymarket-2026-02/clob balance update", "50 in 10s"}, {"S2-14", "polymarket-2026-11/clob balance update", "50 in 10s"},
		{"S2-24", "polymarket-2026-02/clob ledger reads", "900 in 10s"}, {"S2-24", "polymarket-2026-11/clob ledger reads", "900 in 10s"},
		{"S2-25", "polymarket-2026-02/clob data orders", "500 in 10s"}, {"S2-25", "polymarket-2026-11/clob data orders", "500 in 10s"},
		{"S2-25", "polymarket-2026-02/clob data trades", "500 in 10s"}, {"S2-25", "polymarket-2026-11/clob data trades", "500 in 10s"},
		{"S2-25", "polymarket-2026-02/clob notifications", "125 in 10s"}, {"S2-25", "polymarket-2026-11/clob notifications", "125 in 10s"},
		{"S0-13 S2-18", "polymarket-2026-02/clob place", "500 in 1s peak, 3500 in 10s, 36000 in 10m0s"},
		{"S0-14 S2-19", "polymarket-2026-02/clob cancel", "3000 in 10s, 30000 in 10m0s"},
		{"S0-15 S2-20 S0-17", "polymarket-2026-02/clob place batch", "1000 in 10s, 15000 in 10m0s, batch 15"},
		{"S2-21", "polymarket-2026-02/clob cancel batch", "1000 in 10s, 15000 in 10m0s"},
		{"S2-22", "polymarket-2026-02/clob cancel all", "250 in 10s, 6000 in 10m0s"},
		{"S2-23", "polymarket-2026-02/clob cancel market", "1000 in 10s, 1500 in 10m0s"},
		{"C-14", "polymarket-2026-11/clob place", "5000 in 10s, 120000 in 10m0s"},
		{"C-14", "polymarket-2026-11/clob cancel", "5000 in 10s, 120000 in 10m0s"},
		{"C-14", "polymarket-2026-11/clob place batch", "2000 in 10s, 21000 in 10m0s, batch 15"},
		{"C-14", "polymarket-2026-11/clob cancel batch", "2000 in 10s, 15000 in 10m0s"},
		{"C-14", "polymarket-2026-11/clob cancel all", "250 in 10s, 6000 in 10m0s"},
		{"C-14", "polymarket-2026-11/clob cancel market", "1500 in 10s, 21000 in 10m0s"},
		{"S2-33", "polymarket-2026-02/user pnl", "200 in 10s"}, {"S2-33", "polymarket-2026-11/user pnl", "200 in 10s"},
		{"S0-16", "polymarket-2026-02/relayer submit", "25 in 1m0s"}, {"S2-10", "polymarket-2026-11/relayer submit", "25 in 1m0s"},
		{"C-14", "polymarket-2026-11/data v2", "800 in 10s"}, {"C-14", "polymarket-2026-11/data v2 trades", "300 in 10s"},
		{"C-14", "polymarket-2026-11/data v2 positions", "200 in 10s"}, {"C-14", "polymarket-2026-11/bridge", "50 in 10s"},

		{"S2-42", "polymarket-safe/safe orders", "1 in 1s, 30 in 1m0s"}, {"S2-60", "polymarket-safe/safe reads", "10 in 1s"},
		{"S2-60", "polymarket-safe/safe markets", "1 in 1s"}, {"S2-60", "polymarket-safe/safe positions", "1 in 1m0s"},
		{"S2-60", "polymarket-safe/safe units", "quota 19 in 24h0m0s"},
		{"S0-22", "polymarket-per-second/per second orders", "350 in 1s"}, {"S0-22", "polymarket-per-second/per second cancels", "300 in 1s"},
		{"S0-22", "polymarket-per-second/per second batches", "100 in 1s"}, {"S0-22", "polymarket-per-second/per second clob", "900 in 1s"},
		{"S0-22", "polymarket-per-second/per second prices", "150 in 1s"},

		{"S2-10", "relayer-2026-02/relayer submit", "25 in 1m0s"}, {"S2-10", "relayer-2026-11/relayer submit", "25 in 1m0s"},
		{"S2-11", "relayer-2026-02/relayer reads", "unlimited"}, {"S2-11", "relayer-2026-11/relayer reads", "unlimited"},
		{"S2-2", "relayer-2026-02/relayer units/Unverified", "quota 100 in 24h0m0s"}, {"S2-3", "relayer-2026-02/relayer units/Verified", "quota 3000 in 24h0m0s"},
		{"S2-4", "relayer-2026-02/relayer units/Partner", "unlimited"},
		{"S2-2", "relayer-2026-11/relayer units/Unverified", "quota 100 in 24h0m0s"}, {"S2-3", "relayer-2026-11/relayer units/Verified", "quota 10000 in 24h0m0s"},
		{"S2-4", "relayer-2026-11/relayer units/Partner", "unlimited"}, {"S2-4", "relayer-2026-11/relayer units/OwnKey", "unlimited"},

		{"S3-1", "coingecko/coingecko", "10 in 1m0s"}, {"S3-1", "coingecko", "free high, falls back to cache, batch 250"},
		{"S3-2", "binance-public/binance-public", "1200 in 1m0s"}, {"S3-2", "binance-public", "free high, falls back to coingecko, batch 100"},
		{"S3-3", "kraken-public/kraken-public", "15 in 1m0s"}, {"S3-3", "kraken-public", "free high, falls back to coingecko, batch 50"},
		{"S3-4", "binance/binance", "1200 in 1m0s"}, {"S3-4", "binance", "authenticated critical, falls back to binance-public, batch 50"},
		{"S3-5", "kraken/kraken", "15 in 1m0s"}, {"S3-5", "kraken", "authenticated critical, falls back to kraken-public, batch 20"},
		{"S3-6", "alpaca/alpaca", "200 in 1m0s"}, {"S3-6", "alpaca", "authenticated critical, falls back to cache, batch 100"},
		{"S3-7", "capital/capital", "60 in 1m0s"}, {"S3-7", "capital", "authenticated medium, falls back to coingecko, batch 50"},

		{"S4-1", "polynode:price_usd_per_month", "0 50 200 750"}, {"S4-4", "polynode:event_connections", "1 10 50 -1"},
		{"S4-5", "polynode:book_connections", "1 10 50 -1"}, {"S4-6 S4-12", "polynode:filter_items", "10000 10000 10000 0"},
		{"S4-7", "polynode:book_markets", "-1 -1 -1 -1"}, {"S4-8", "polynode:session_seconds_per_day", "3600 -1 -1 -1"},
		{"S4-9", "polynode:api_keys", "1 3 10 25"}, {"S4-10", "polynode:snapshot_events", "20 100 200 500"}, {"S4-11", "polynode:since_seconds", "30 120 300 300"},

		{"C-11", "costs of polymarket-2026-11/signer orders", "POST /order 0+1n, POST /orders 0+1n"},
		{"C-11", "costs of polymarket-2026-11/signer cancels", "DELETE /order 0+1n, DELETE /orders 0+1n, DELETE /cancel-all 1+1n after, DELETE /cancel-market-orders 1+1n after"},
		{"S1-27", "costs of kalshi/kalshi reads", "GET * 10+0n"},
		{"S1-27", "costs of kalshi/kalshi writes", "POST /portfolio/orders 10+0n, DELETE /portfolio/orders/{id} 10+0n, POST /portfolio/orders/batched 0+10n, DELETE /portfolio/orders/batched 0+2n"},
	}
	tiers := func(id, rule, names string, wants ...string) {
		for i, name := range strings.Fields(names) {
			rows = append(rows, row{id, rule + "/" + name, wants[i]})
		}
	}
	const poly = "Standard Copper Bronze Silver Gold Platinum Diamond Elite"
	tiers("C-11", "polymarket-2026-11/signer orders", poly, "40/s burst 60", "60/s burst 90", "80/s burst 120", "200/s burst 300", "400/s burst 600",
		"450/s burst 675", "525/s burst 787", "600/s burst 900")
	tiers("C-11", "polymarket-2026-11/signer cancels", poly, "80/s burst 120 negative", "120/s burst 180 negative", "160/s burst 240 negative",
		"400/s burst 600 negative", "800/s burst 1200 negative", "900/s burst 1350", "1050/s burst 1575", "1200/s burst 1800")
	const plans = "Free Starter Growth Enterprise"
	tiers("S4-2", "polynode/v3", plans, "none", "1000 in 1m0s", "2000 in 1m0s", "4000 in 1m0s")
	tiers("S4-3", "polynode/v3_heavy", plans, "none", "1000 in 1m0s", "1500 in 1m0s", "1500 in 1m0s")
	const kalshi = "Basic Advanced Premier Paragon Prime"
	tiers("S1-27", "kalshi/kalshi reads", kalshi, "200/s burst 200", "300/s burst 300", "1000/s burst 1000", "2000/s burst 2000", "4000/s burst 4000")
	tiers("S1-27", "kalshi/kalshi writes", kalshi, "100/s burst 200", "300/s burst 600", "1000/s burst 2000", "2000/s burst 4000", "4000/s burst 8000")
	return rows
}

// figures writes down what stands in the files.
func figures(c *Catalogue) map[string]string {
	out := map[string]string{}
	for _, p := range c.profiles {
		for _, r := range p.Rules {
			at := p.Name + "/" + r.Name
			extra := ""
			if r.Batch > 0 {
				extra += fmt.Sprintf(", batch %d", r.Batch)
			}
			if r.Page != nil {
				extra += fmt.Sprintf(", page %d to %d", r.Page.Limit, r.Page.Offset)
			}
			if len(r.Layers) > 0 {
				out[at] = layersIn(r.Layers) + extra
			}
			for _, t := range r.Tiers {
				out[at+"/"+t.Tier] = layersIn(t.Layers) + extra
			}
			var costs []string
			for _, ch := range r.Charges {
				after := ""
				if ch.After {
					after = " after"
				}
				costs = append(costs, fmt.Sprintf("%s %d+%dn%s", ch.To, ch.Request, ch.Item, after))
			}
			if costs != nil {
				out["costs of "+at] = strings.Join(costs, ", ")
			}
		}
		for _, cap := range p.Caps {
			var of []string
			for _, tier := range p.Tiers {
				of = append(of, strconv.Itoa(cap.Of[tier]))
			}
			out[p.Name+":"+cap.Name] = strings.Join(of, " ")
		}
		if s := p.Provider; s != nil {
			out[p.Name] = fmt.Sprintf("%s %s, falls back to %s, batch %d", s.Kind, s.Priority, s.Fallback, s.Batch)
		}
	}
	return out
}

func layersIn(layers []Layer) string {
	var out []string
	for _, l := range layers {
		var s string
		switch l.Kind() {
		case WindowKind:
			s = fmt.Sprintf("%d in %s", l.N, l.Per)
			if l.Peak {
				s += " peak"
			}
		case BucketKind:
			s = fmt.Sprintf("%d/s burst %d", l.Rate, l.Burst)
			if l.Per != 0 {
				s = fmt.Sprintf("%d/%s burst %d", l.Rate, l.Per, l.Burst)
			}
			if l.Negative {
				s += " negative"
			}
		case QuotaKind:
			s = fmt.Sprintf("quota %d in %s", l.Quota, l.Per)
		default:
			s = string(l.Kind())
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// differences are the figures that are not as asked.
func differences(have map[string]string) (out []string) {
	want := map[string]string{}
	for _, r := range asked() {
		want[r.at] = r.want
	}
	for _, at := range slices.Sorted(maps.Keys(want)) {
		if have[at] != want[at] {
			out = append(out, fmt.Sprintf("%s is %q, want %q", at, have[at], want[at]))
		}
	}
	for _, at := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[at]; !ok {
			out = append(out, fmt.Sprintf("%s is %q, and nobody asked for it", at, have[at]))
		}
	}
	return out
}

// TestEveryFigureIsAsAskedFor compares each figure of the files with the requirements.
func TestEveryFigureIsAsAskedFor(t *testing.T) {
	have := figures(load(t))
	for _, r := range asked() {
		t.Run(r.id+" "+r.at, func(t *testing.T) {
			if have[r.at] != r.want {
				t.Errorf("is %q, want %q", have[r.at], r.want)
			}
		})
	}
	for _, d := range differences(have) {
		t.Error(d)
	}
}

// TestEveryChangedFigureIsSeen changes each number in the files, one at a time, and wants it refused or seen.
func TestEveryChangedFigureIsSeen(t *testing.T) {
	names, err := embedded.ReadDir("data")
	if err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`\b(n|per|rate|burst|quota|batch|limit|offset|request|item): (\d+)|(Free|Starter|Growth|Enterprise): (-?\d+)`)
	tried, base := 0, shipped(t)
	for _, changed := range names {
		whole, err := embedded.ReadFile("data/" + changed.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range number.FindAllSubmatchIndex(whole, -1) {
			from, to := m[4], m[5]
			if from < 0 {
				from, to = m[8], m[9]
			}
			n, err := strconv.Atoi(string(whole[from:to]))
			if err != nil {
				t.Fatal(err)
			}
			text := string(whole[:from]) + strconv.Itoa(n+1) + string(whole[to:])
			c := empty()
			maps.Copy(c.profiles, base)
			tried++
			if c.add(changed.Name(), []byte(text)) == nil && len(differences(figures(c))) == 0 {
				t.Errorf("%s: %q changed unseen", changed.Name(), whole[m[0]:m[1]])
			}
		}
	}
	if tried < 250 {
		t.Errorf("only %d figures were found to change", tried)
	}
	t.Logf("%d figures changed one at a time, each was seen", tried)
}

func shipped(t *testing.T) map[string]*Profile {
	t.Helper()
	return load(t).profiles
}

// TestDefaultHasTheSmallerFigureAndKnowsTheLarger compares the default with the two editions that it is built from.
func TestDefaultHasTheSmallerFigureAndKnowsTheLarger(t *testing.T) {
	c := load(t)
	p, err := c.Profile("polymarket")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []struct{ id, rule, have, most string }{
		{"S0-13", "clob place", "500 in 1s peak, 3500 in 10s, 36000 in 10m0s", "500 5000 120000"},
		{"S0-14", "clob cancel", "3000 in 10s, 30000 in 10m0s", "5000 120000"},
		{"C-14", "clob place batch", "1000 in 10s, 15000 in 10m0s", "2000 21000"},
		{"C-14", "clob cancel batch", "1000 in 10s, 15000 in 10m0s", "2000 15000"},
		{"C-5", "clob cancel market", "1000 in 10s, 1500 in 10m0s", "1500 21000"},
		{"C-3", "gamma search", "350 in 10s", "350"},
		{"C-14", "bridge", "50 in 10s", "50"},
	} {
		t.Run(w.id+" "+w.rule, func(t *testing.T) {
			r := p.Rule(w.rule)
			if r == nil {
				t.Fatal("no such rule")
			}
			var most []string
			for _, l := range r.Layers {
				most = append(most, strconv.Itoa(l.Most.N))
			}
			if have := layersIn(r.Layers); have != w.have || strings.Join(most, " ") != w.most {
				t.Errorf("has %q up to %q, want %q up to %q", have, most, w.have, w.most)
			}
			if r.Source == "" || r.Date == "" {
				t.Errorf("no source or date: %q %q", r.Source, r.Date)
			}
		})
	}
	relayer, err := c.Profile("relayer")
	if err != nil {
		t.Fatal(err)
	}
	if l := relayer.Rule("relayer units").Of("Verified")[0]; l.Quota != 3000 || l.Most.Quota != 10000 {
		t.Errorf("S2-3: verified is %+v", l)
	}
	if l := relayer.Rule("relayer units").Of("nobody")[0]; l.Quota != 100 {
		t.Errorf("an unknown tier gets %+v, want the lowest", l)
	}
}

// TestEndpointsFindTheirRules asks which rules count a request.
func TestEndpointsFindTheirRules(t *testing.T) {
	c := load(t)
	for _, w := range []struct{ id, profile, endpoint, rules string }{
		{"S0-13", "polymarket", "POST /order", "everything, clob, clob place, signer orders"},
		{"S2-24", "polymarket", "GET /data/orders", "everything, clob, clob ledger reads, clob data orders"},
		{"S2-24", "polymarket", "GET /data/order/0xabc", "everything, clob, clob ledger reads"},
		{"S2-29", "polymarket", "gamma GET /events", "everything, gamma, gamma events, gamma listing"},
		{"S1-7", "polymarket", "GET /book", "everything, clob, clob book"},
		{"C-6", "polymarket", "DELETE /cancel-all", "everything, clob, clob cancel all, signer cancels"},
		{"S2-11", "relayer", "GET /nonce", "relayer reads"},
		{"S2-8", "relayer", "POST /submit", "relayer submit, relayer units"},
		{"S4-24", "polynode", "GET /v3/trades", "v3, v3_heavy"},
		{"S4-24", "polynode", "GET /v3/wallets/0xabc/trades", "v3, v3_heavy"},
		{"S4-24", "polynode", "GET /v3/wallets/{address}/combos/trades", "v3, v3_heavy"},
		{"S4-24", "polynode", "GET /v3/markets/17/trades", "v3, v3_heavy"},
		{"S4-24", "polynode", "GET /v3/markets/slug/x/trades", "v3, v3_heavy"},
		{"S4-24", "polynode", "GET /v3/builders/x/trades", "v3, v3_heavy"},
		{"S4-24", "polynode", "GET /v3/wallets/0xabc/positions", "v3"},
		{"S4-20", "polynode", "POST /v3/wallets/batch", "v3"},
		{"S4-12", "polynode", "GET /ws", ""}, // a subscription, filtered or not, takes from no window
		{"S1-2", "polymarket", "GET /price", "everything, clob, clob price"},
		{"S1-3", "polymarket", "gamma GET /series", "everything, gamma"},
		{"S1-4", "polymarket", "GET /data/trades", "everything, clob, clob ledger reads, clob data trades"},
		{"S1-5", "polymarket", "DELETE /order", "everything, clob, clob cancel, signer cancels"},
		{"S2-1", "polymarket", "relayer POST /submit", "everything, relayer submit"},
		{"S2-1", "relayer", "clob POST /order", ""},
		{"S2-9", "relayer", "POST /submit", "relayer submit, relayer units"},
	} {
		t.Run(w.id+" "+w.endpoint, func(t *testing.T) {
			p, err := c.Profile(w.profile)
			if err != nil {
				t.Fatal(err)
			}
			var rules []string
			for _, r := range p.Rules {
				if _, ok := r.Cost(ParseEndpoint(w.endpoint, p.API)); ok {
					rules = append(rules, r.Name)
				}
			}
			if got := strings.Join(rules, ", "); got != w.rules {
				t.Errorf("falls under %q, want %q", got, w.rules)
			}
		})
	}
}

// TestEndpointsThatNobodyNamesAreNotKnown tells endpoints that a rule is for from those that only a rule for everything covers.
func TestEndpointsThatNobodyNamesAreNotKnown(t *testing.T) {
	c := load(t)
	for w, known := range map[string]bool{
		"polymarket POST /order": true, "polymarket POST /ordr": false, "polymarket gamma GET /markets": true, "polymarket gamma GET /series": false,
		"polymarket data GET /v2/anything": true, "polymarket GET /data/order/0xabc": true, "polymarket nowhere GET /x": false, "polymarket DELETE /book": false,
		"polymarket bridge GET /any": true, "coingecko coingecko GET /any": true, "kalshi other GET /x": false, "relayer POST /submits": false,
	} {
		name, endpoint, _ := strings.Cut(w, " ")
		p, err := c.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Knows(ParseEndpoint(endpoint, p.API)); got != known {
			t.Errorf("%s: known %v, want %v", w, got, known)
		}
	}
}

// TestPagesAreClamped keeps a page within what the venue serves.
func TestPagesAreClamped(t *testing.T) {
	p := shipped(t)["polymarket-2026-02"].Rule("data trades").Page
	for _, c := range []struct {
		limit, offset, wantLimit, wantOffset int
		ok                                   bool
	}{{100, 0, 100, 0, true}, {9999, 1000, 500, 1000, true}, {0, 1001, 1, 1000, false}, {500, -3, 500, 0, true}} {
		if l, o, ok := p.Clamp(c.limit, c.offset); l != c.wantLimit || o != c.wantOffset || ok != c.ok {
			t.Errorf("S2-32: %d from %d is %d from %d, %v", c.limit, c.offset, l, o, ok)
		}
	}
}
