package judge

import (
	"cmp"
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

// submitPath is where the relayer takes submissions.
const submitPath = "/relayer/submit"

// submission reports a request that the relayer has counted: its credentials held.
func submission(l *journalLine) bool {
	return l.Method == "POST" && l.Path == submitPath && l.Account != ""
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
// work of the accounts. A book may have more: a unit whose answer was lost, and one for a submission that was refused and, as it
// happens, not charged. It never has less.
func (w *works) counted() {
	books, whole := w.readBooks()
	if !whole {
		return
	}
	ours, charged, free := w.payers(), 0, len(w.court.venue.answered)
	for _, c := range w.court.venue.charges {
		if ours[c.account] {
			charged++
		}
		if slices.Contains(w.court.venue.answered, c.request) {
			free--
		}
	}
	has := books.spent + books.foreign + len(books.open)
	for range charged - has {
		w.accuse(UnitsForgotten, "", "the venue has charged %d units, and the books have %d", charged, has)
	}
	for range books.spent - charged - max(0, free) {
		w.accuse(UnitsInvented, "", "the books say that %d units were spent, and the venue has charged %d and refused %d without charging", books.spent, charged, free)
	}
}

// unitBooks is what all books of units come to.
type unitBooks struct {
	open           map[string]bool // reserved, and nothing known of what became of them
	spent, foreign int
}

// readBooks adds the books up; whole is false where there are none, or where what came first is trimmed.
func (w *works) readBooks() (b unitBooks, whole bool) {
	b.open = map[string]bool{}
	slices.SortFunc(w.court.quota, func(x, y message) int { return cmp.Compare(x.seq, y.seq) })
	begun := map[string]bool{}
	for _, m := range w.court.quota {
		var e entry
		if why := decode([]byte(m.data), &e); why != "" {
			w.accuse(Unreadable, "", "%s: %s", m.where(), why)
			continue
		}
		if !begun[m.subject] && e.After.n != 0 {
			return b, false
		}
		begun[m.subject] = true
		id := m.subject + " " + string(e.ID)
		switch e.Kind {
		case "reserved":
			b.open[id] = true // again: its request is sent again, for one unit
		case "confirmed":
			if b.open[id] {
				b.spent++
			}
			delete(b.open, id)
		case "voided":
			delete(b.open, id)
		case "foreign":
			b.foreign += int(min(max(0, e.N.n), maxFigure))
		}
	}
	return b, len(begun) > 0
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
