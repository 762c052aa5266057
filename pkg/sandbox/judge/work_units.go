package judge

import (
	"slices"
	"strings"
)

// charged is a unit that the relayer says that it has charged.
type charged struct {
	request int64
	account string
}

func (v *venue) takeCharge(l *journalLine) string {
	if !l.Request.set || l.Account == "" {
		return "a charge without request or account"
	}
	v.charges = append(v.charges, charged{l.Request.n, string(l.Account)})
	return ""
}

// submission reports a request that the relayer has counted: its credentials held.
func submission(l *journalLine) bool {
	return l.Method == "POST" && l.Path == "/relayer/submit" && l.Account != ""
}

// units counts what the relayer charged: each submission that it let in and did not refuse for want of units, once.
func (w *works) units() {
	v := w.court.venue
	want, got := map[int64]bool{}, map[int64]int{}
	for _, a := range v.submitted {
		want[a] = true
	}
	for _, c := range v.charges {
		got[c.request]++
		w.found.Units[c.account]++
		if !want[c.request] || got[c.request] > 1 {
			w.accuse(UnitsMiscounted, "", "request %d is charged to %s: %d times, and should be %s", c.request, c.account, got[c.request], map[bool]string{true: "once", false: "never"}[want[c.request]])
		}
	}
	for _, r := range v.submitted {
		if got[r] == 0 {
			w.accuse(UnitsMiscounted, "", "request %d was taken and is not charged", r)
		}
	}
	again := v.recount()
	for _, name := range sorted(again) {
		t := again[name]
		if strings.HasPrefix(name, "relayer ") && strings.HasSuffix(name, " units") {
			for range t.excess {
				w.accuse(UnitsOver, "", "%s: %d asked for, %d allowed in a day", name, t.arrived, t.allowed)
			}
		}
	}
}

// entry is one event of a book of daily units.
type entry struct {
	After whole `json:"after"`
	Kind  text  `json:"kind"`
	ID    text  `json:"id"`
	N     whole `json:"n"`
}

// counted holds the books of daily units, where there are any, against what the venue has charged the credentials that brought
// work of the accounts. A unit whose answer was lost may stand in a book and not be charged: only one that was confirmed must be.
func (w *works) counted() {
	reserved, confirmed, foreign := map[string]bool{}, map[string]bool{}, int64(0)
	slices.SortFunc(w.court.quota, func(x, y message) int { return int(x.seq - y.seq) })
	first := map[string]bool{}
	for _, m := range w.court.quota {
		var e entry
		if why := decode([]byte(m.data), &e); why != "" {
			w.accuse(Unreadable, "", "%s: %s", m.where(), why)
			continue
		}
		if !first[m.subject] && e.After.n != 0 {
			return // what was before is trimmed
		}
		first[m.subject] = true
		id := m.subject + " " + string(e.ID)
		switch e.Kind {
		case "reserved":
			reserved[id] = true
		case "confirmed":
			confirmed[id] = true
		case "voided":
			delete(reserved, id)
			delete(confirmed, id)
		case "foreign":
			foreign += e.N.n
		}
	}
	if len(first) == 0 {
		return
	}
	ours, charged := w.payers(), int64(0)
	for _, c := range w.court.venue.charges {
		if ours[c.account] {
			charged++
		}
	}
	for range charged - int64(len(reserved)) - foreign {
		w.accuse(UnitsForgotten, "", "the venue has charged %d units, and the books have %d and %d of others", charged, len(reserved), foreign)
	}
	for range int64(len(confirmed)) - charged {
		w.accuse(UnitsInvented, "", "the books say that %d units were spent, and the venue has charged %d", len(confirmed), charged)
	}
}

// payers are those whose units have brought work of a judged account.
func (w *works) payers() map[string]bool {
	all := map[string]bool{}
	for _, r := range w.court.venue.relays {
		if w.court.judges(w.court.venue.wallets[r.wallet]) {
			all[r.payer] = true
		}
	}
	return all
}
