package judge

import (
	"encoding/json"
	"slices"
	"strings"
)

// allowed is what the venue says that it allows: the figures are the journal's, the counting is done here.
type allowed struct {
	windows  []windowLimit
	tiers    []tierLimit
	builders []builderLimit
}

// windowLimit allows n arrivals of an address in any span of per µs, both ends included.
type windowLimit struct {
	name string
	on   []string
	n    int
	per  int64
}

type tierLimit struct {
	name            string
	orders, cancels bucketLimit
	overdraw        bool
}

// bucketLimit is in tokens; a rate is per second, which is as many millionths per µs.
type bucketLimit struct{ rate, burst int64 }

type builderLimit struct {
	name  string
	units int
}

// arrival is one request as limits see it.
type arrival struct {
	at, id          int64
	address         string
	endpoint, path  string // "POST /order" of its API, and the path alone
	api             string
	account         string
	orders, cancels int64
	sweep           bool // its cancels are known only afterwards
	unit            bool
	denied          bool // for want of units
	windows         []int
}

// tierChange is a signer or builder who has got another tier.
type tierChange struct {
	at         int64
	name, tier string
}

// Figures beyond which a line makes no sense: they keep products of a rate and a time within 64 bits.
const (
	maxFigure = 1_000_000
	maxSpan   = int64(7 * 24 * 3600 * 1_000_000)
	// maxOneRequest bounds what one request can cost, so that no line makes the sum of costs overflow.
	maxOneRequest = 1_000_000
)

// takeAllowed files what the venue allows. A figure that makes no sense is left out: nothing is then said about it.
func (v *venue) takeAllowed(l *journalLine) string {
	a := &allowed{}
	for _, raw := range l.Windows {
		var w struct {
			Name  text  `json:"name"`
			On    list  `json:"on"`
			N     whole `json:"n"`
			PerMS whole `json:"per_ms"`
		}
		if json.Unmarshal(raw, &w) != nil || w.N.n <= 0 || w.N.n > maxFigure || w.PerMS.n <= 0 || w.PerMS.n > maxSpan/1000 {
			return "a window without figures"
		}
		a.windows = append(a.windows, windowLimit{string(w.Name), w.On.texts(), int(w.N.n), w.PerMS.n * 1000})
	}
	type tokens struct {
		Rate  whole `json:"rate"`
		Burst whole `json:"burst"`
	}
	for _, raw := range l.Tiers {
		var t struct {
			Name     text   `json:"name"`
			Orders   tokens `json:"orders"`
			Cancels  tokens `json:"cancels"`
			Overdraw text   `json:"overdraw"`
		}
		if json.Unmarshal(raw, &t) != nil {
			return "a tier that is no object"
		}
		for _, f := range []whole{t.Orders.Rate, t.Orders.Burst, t.Cancels.Rate, t.Cancels.Burst} {
			if f.n <= 0 || f.n > maxFigure {
				return "a tier without figures"
			}
		}
		a.tiers = append(a.tiers, tierLimit{string(t.Name), bucketLimit{t.Orders.Rate.n, t.Orders.Burst.n}, bucketLimit{t.Cancels.Rate.n, t.Cancels.Burst.n}, t.Overdraw == "true"})
	}
	for _, raw := range l.Builders {
		var b struct {
			Name  text  `json:"name"`
			Units whole `json:"units"`
		}
		if json.Unmarshal(raw, &b) != nil || b.Units.n < 0 || b.Units.n > maxFigure {
			return "a builder without figures"
		}
		a.builders = append(a.builders, builderLimit{string(b.Name), int(b.Units.n)})
	}
	v.allowed = a
	return ""
}

// takeTier files that a signer or builder has another tier from now on.
func (v *venue) takeTier(l *journalLine) string {
	if l.Account == "" || !l.AtUs.set {
		return "a tier line without account or at_us"
	}
	v.tiers = append(v.tiers, tierChange{l.AtUs.n, string(l.Account), string(l.Tier)})
	return ""
}

// arrive files a request for the recount.
func (v *venue) arrive(l *journalLine) {
	if v.allowed == nil {
		return
	}
	a := arrival{at: l.AtUs.n, id: l.ID.n, address: string(l.Address), account: string(l.Account), api: "clob", path: string(l.Path)}
	for prefix, api := range map[string]string{"/gamma/": "gamma", "/data-api/": "data", "/user-pnl/": "user-pnl", "/bridge/": "bridge", "/relayer/": "relayer"} {
		if rest, ok := strings.CutPrefix(a.path, prefix); ok {
			a.api, a.path = api, "/"+rest
		}
	}
	a.endpoint = string(l.Method) + " " + a.path
	if a.api == "clob" {
		v.price(&a, l)
	}
	a.unit = submission(l)
	a.denied = a.unit && l.Status == "429"
	a.windows = v.windowsOf(&a)
	a.endpoint, a.path, a.api = "", "", ""
	v.arrivals = append(v.arrivals, a)
}

// price is what a request costs its signer.
func (v *venue) price(a *arrival, l *journalLine) {
	switch a.endpoint {
	case "POST /order", "POST /orders":
		bodies, _ := elements(l.Body)
		a.orders = int64(len(bodies))
		if a.account == "" && len(bodies) > 0 { // refused or lost before its login was read
			var b postBody
			if json.Unmarshal(bodies[0], &b) == nil && b.Order != nil {
				a.account = v.wallets[lower(string(b.Order.Maker))]
			}
		}
	case "DELETE /order":
		a.cancels = 1
	case "DELETE /orders":
		var ids list
		if json.Unmarshal([]byte(l.Body), &ids) == nil {
			a.cancels = int64(len(ids))
		}
	case "DELETE /cancel-all", "DELETE /cancel-market-orders":
		var answer struct {
			Canceled list `json:"canceled"`
		}
		a.sweep, a.cancels = true, 1
		if json.Unmarshal([]byte(l.Answer), &answer) == nil {
			a.cancels += int64(len(answer.Canceled))
		}
	}
	a.orders, a.cancels = min(a.orders, maxOneRequest), min(a.cancels, maxOneRequest)
}

// windowsOf are the windows that an arrival falls under, remembered for paths without ids.
func (v *venue) windowsOf(a *arrival) []int {
	const longest, most = 40, 1000 // longer paths hold ids; a hostile journal must not fill the memory
	key := a.api + " " + a.endpoint
	if of, known := v.covers[key]; known {
		return of
	}
	var of []int
	for i, w := range v.allowed.windows {
		if slices.ContainsFunc(w.on, func(on string) bool { return meant(on, a) }) {
			of = append(of, i)
		}
	}
	if len(key) <= longest && len(v.covers) < most {
		v.covers[key] = of
	}
	return of
}

// meant reports whether a pattern of the venue's table is for an arrival.
func meant(on string, a *arrival) bool {
	words := strings.Fields(on)
	if on == "*" {
		return true
	}
	api := "clob"
	if len(words) > 0 && words[0] == strings.ToLower(words[0]) {
		api, words = words[0], words[1:]
	}
	if api != a.api || len(words) == 0 {
		return false
	}
	if words[0] == "*" {
		return true
	}
	if len(words) != 2 || words[0]+" "+a.path != a.endpoint {
		return false
	}
	want, have := strings.Split(words[1], "/"), strings.Split(a.path, "/")
	for i, w := range want {
		if w == "*" {
			return len(have) > i
		}
		if i >= len(have) || w != have[i] && !(strings.HasPrefix(w, "{") && have[i] != "") {
			return false
		}
	}
	return len(want) == len(have)
}
