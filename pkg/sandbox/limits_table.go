package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limits is what a venue allows: windows for each address, buckets for each signer, units for each builder. The figures
// stand here a second time, and what counts them is written a second time, so that a mistake of the one that keeps to
// them is not made by the one that enforces them.
type Limits struct {
	// Edition names where the figures come from.
	Edition string `json:"edition"`
	// Windows are counted per address. All that a request falls under must have room for it.
	Windows []Window `json:"windows"`
	// Tiers are those of signers. The first is everybody's until SetTier says otherwise; without any, signers have no
	// buckets.
	Tiers []Tier `json:"tiers"`
	// Builders are the daily quotas of the relayer. The first is everybody's.
	Builders []Builder `json:"builders"`
}

// Window allows N requests in any span of PerMS, both ends included.
type Window struct {
	Name string `json:"name"`
	// On says for which requests: "*" all, "clob *" all of an API, "POST /order" one endpoint of the CLOB, "gamma GET /tags"
	// one of another API. A path may end in /*, and holds placeholders as it is routed.
	On    []string `json:"on"`
	N     int      `json:"n"`
	PerMS int64    `json:"per_ms"`
}

func (w *Window) per() time.Duration { return time.Duration(w.PerMS) * time.Millisecond }

// Tier is what a signer may do: tokens for orders and for cancels. With Overdraw what a sweep has cancelled may take the
// cancels below zero.
type Tier struct {
	Name     string `json:"name"`
	Orders   Tokens `json:"orders"`
	Cancels  Tokens `json:"cancels"`
	Overdraw bool   `json:"overdraw"`
}

// Tokens is a bucket: so many each second, up to the burst. It begins full.
type Tokens struct {
	Rate  int64 `json:"rate"`
	Burst int64 `json:"burst"`
}

// Builder is a tier of the relayer: units in any 24 hours; 0 is without end.
type Builder struct {
	Name  string `json:"name"`
	Units int    `json:"units"`
}

// The editions that the sandbox knows.
const (
	EditionNow  = "2026-11" // of today: windows and signers' buckets
	EditionFeb  = "2026-02" // windows only, smaller ones
	shortWindow = 10 * time.Second
	longWindow  = 10 * time.Minute
	minuteSpan  = time.Minute
	unverified  = "Unverified"
	perSecondMS = 1000
)

// Edition returns the figures of a date. Its error names the editions.
func Edition(name string) (Limits, error) {
	switch name {
	case EditionNow:
		return now2026(), nil
	case EditionFeb:
		return february2026(), nil
	}
	return Limits{}, fmt.Errorf("find limits of edition %q: there are %s and %s", name, EditionNow, EditionFeb)
}

// window is a row of the tables below: N in ten seconds, and in ten minutes where that is not 0.
func window(n, long int, on ...string) (out []Window) {
	name := on[0]
	out = append(out, Window{name + " 10s", on, n, shortWindow.Milliseconds()})
	if long > 0 {
		out = append(out, Window{name + " 10m", on, long, longWindow.Milliseconds()})
	}
	return out
}

// bothEditions are the windows that have not changed since February 2026.
func bothEditions() []Window {
	return slices.Concat(
		window(15_000, 0, "*"), window(9000, 0, "clob *"), window(100, 0, "GET /ok"),
		window(1500, 0, "GET /book"), window(1500, 0, "GET /price"), window(1500, 0, "GET /midpoint"),
		window(500, 0, "POST /books", "GET /books"), window(500, 0, "POST /prices", "GET /prices"), window(500, 0, "POST /midpoints", "GET /midpoints"),
		window(1000, 0, "GET /prices-history"), window(200, 0, "GET /tick-size"),
		window(900, 0, "GET /data/order/{id}", "GET /data/order", "GET /data/orders", "GET /data/trades", "GET /notifications",
			"GET /order/{id}", "GET /order", "GET /orders", "GET /trades"),
		window(500, 0, "GET /data/orders"), window(500, 0, "GET /data/trades"), window(125, 0, "GET /notifications"),
		window(200, 0, "GET /balance-allowance"), window(50, 0, "GET /balance-allowance/update"),
		window(100, 0, "POST /auth/api-key", "GET /auth/derive-api-key", "GET /auth/api-keys", "DELETE /auth/api-key"),
		window(250, 6000, "DELETE /cancel-all"),
		window(4000, 0, "gamma *"), window(500, 0, "gamma GET /events"), window(300, 0, "gamma GET /markets"),
		[]Window{{"gamma listing 10s", []string{"gamma GET /events", "gamma GET /markets"}, 900, shortWindow.Milliseconds()}},
		window(350, 0, "gamma GET /public-search"), window(200, 0, "gamma GET /comments"), window(200, 0, "gamma GET /tags"),
		window(1000, 0, "data *"), window(100, 0, "data GET /"), window(200, 0, "data GET /trades"),
		window(150, 0, "data GET /positions"), window(150, 0, "data GET /closed-positions"),
		window(200, 0, "user-pnl *"),
	)
}

func now2026() Limits {
	return Limits{
		Edition: EditionNow,
		Windows: slices.Concat(bothEditions(),
			window(5000, 120_000, "POST /order"), window(5000, 120_000, "DELETE /order"),
			window(2000, 21_000, "POST /orders"), window(2000, 15_000, "DELETE /orders"), window(1500, 21_000, "DELETE /cancel-market-orders"),
			window(800, 0, "data GET /v2/*"), window(300, 0, "data GET /v2/trades"), window(200, 0, "data GET /v2/positions"), window(50, 0, "bridge *"),
			[]Window{{"relayer POST /submit 1m", []string{"relayer POST /submit"}, 25, minuteSpan.Milliseconds()}},
		),
		Tiers: []Tier{
			{"Standard", Tokens{40, 60}, Tokens{80, 120}, true}, {"Copper", Tokens{60, 90}, Tokens{120, 180}, true},
			{"Bronze", Tokens{80, 120}, Tokens{160, 240}, true}, {"Silver", Tokens{200, 300}, Tokens{400, 600}, true},
			{"Gold", Tokens{400, 600}, Tokens{800, 1200}, true}, {"Platinum", Tokens{450, 675}, Tokens{900, 1350}, false},
			{"Diamond", Tokens{525, 787}, Tokens{1050, 1575}, false}, {"Elite", Tokens{600, 900}, Tokens{1200, 1800}, false},
		},
		Builders: []Builder{{unverified, 100}, {"Verified", 10_000}, {"Partner", 0}, {"OwnKey", 0}},
	}
}

func february2026() Limits {
	return Limits{
		Edition: EditionFeb,
		Windows: slices.Concat(bothEditions(),
			[]Window{{"POST /order 1s", []string{"POST /order"}, 500, perSecondMS}}, window(3500, 36_000, "POST /order"),
			window(3000, 30_000, "DELETE /order"), window(1000, 15_000, "POST /orders"), window(1000, 15_000, "DELETE /orders"),
			window(1000, 1500, "DELETE /cancel-market-orders"),
			[]Window{{"relayer POST /submit 1m", []string{"relayer POST /submit"}, 25, minuteSpan.Milliseconds()}},
		),
		Builders: []Builder{{unverified, 100}, {"Verified", 3000}, {"Partner", 0}},
	}
}

// Check reports what is wrong with figures of the caller's own.
func (l *Limits) Check() error {
	for _, w := range l.Windows {
		if w.N <= 0 || w.PerMS <= 0 || w.Name == "" || len(w.On) == 0 {
			return fmt.Errorf("check limits: window %q: want a name, requests that it is for, n and per_ms above 0", w.Name)
		}
	}
	for _, t := range l.Tiers {
		for _, b := range []Tokens{t.Orders, t.Cancels} {
			if b.Rate <= 0 || b.Burst <= 0 || t.Name == "" {
				return fmt.Errorf("check limits: tier %q: want a name, rate and burst above 0", t.Name)
			}
		}
	}
	for _, b := range l.Builders {
		if b.Units < 0 || b.Name == "" {
			return fmt.Errorf("check limits: builder %q: want a name, and units not below 0", b.Name)
		}
	}
	return nil
}

// tier finds a tier by name in any case; an empty name is the first.
func (l *Limits) tier(name string) (Tier, bool) {
	for _, t := range l.Tiers {
		if name == "" || strings.EqualFold(t.Name, name) {
			return t, true
		}
	}
	return Tier{}, false
}

// builder is tier for the relayer's.
func (l *Limits) builder(name string) (Builder, bool) {
	for _, b := range l.Builders {
		if name == "" || strings.EqualFold(b.Name, name) {
			return b, true
		}
	}
	return Builder{}, false
}

// covers reports whether a window is for an endpoint of an API.
func (w *Window) covers(api, endpoint string) bool {
	for _, on := range w.On {
		of, rest := on, ""
		if first, after, two := strings.Cut(on, " "); two && first == strings.ToLower(first) {
			of, rest = first, after
		} else {
			of, rest = clobAPI, on
		}
		switch {
		case on == "*", of == api && rest == "*", of == api && rest == endpoint:
			return true
		case of == api && strings.HasSuffix(rest, "/*") && strings.HasPrefix(endpoint, strings.TrimSuffix(rest, "*")):
			return true
		}
	}
	return false
}
