package judge

import (
	"cmp"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
)

// The kinds of what can be wrong with on-chain work.
const (
	UnitsMiscounted Kind = "units_miscounted"
	UnitsOver       Kind = "units_over"
	ExecutedTwice   Kind = "executed_twice"
	Untold          Kind = "work_untold"
	WrongEffect     Kind = "wrong_effect"
	Unanswered      Kind = "work_unanswered"
	ToldTwice       Kind = "work_told_twice"
	Unasked         Kind = "work_unasked"
)

// Work says what became of on-chain work, and what was wrong with it.
type Work struct {
	// Requests are the commands, each id once; Confirmed and Failed those with such an end.
	Requests  int `json:"tx_requests"`
	Confirmed int `json:"tx_confirmed"`
	Failed    int `json:"tx_failed"`
	// Units are those that the relayer has charged, by who pays.
	Units map[string]int `json:"tx_units"`
	// ByRelayer and ByOwnGas are the good executions of the accounts' wallets, LostRaces the bad ones.
	ByRelayer int `json:"tx_by_relayer"`
	ByOwnGas  int `json:"tx_by_own_gas"`
	LostRaces int `json:"tx_lost_races"`
	// Wrong counts each kind of wrongdoing that was found.
	Wrong map[Kind]int `json:"tx_wrong"`
	// Findings hold at most Options.MaxFindings of each kind.
	Findings []Finding `json:"tx_findings"`
}

// Content reports that nothing is wrong.
func (w Work) Content() bool { return len(w.Wrong) == 0 }

// JudgeWork holds what the relayers told on evt.tx.<account> (in commands, the record of the bus) against the venue's journal
// and the chain's transfers: each unit is charged once and none beyond the quota, each payload executed once, each request
// answered once and with its true effect. It is to be asked when everything has ended.
//
// Transfers know pUSD and outcome tokens; effects on anything else are not looked at.
func JudgeWork(journal, transfers, commands io.Reader, opts Options) (Work, error) {
	c := newCourt(opts)
	if err := c.venue.read(journal); err != nil {
		return Work{}, fmt.Errorf("read journal: %w", err)
	}
	b := &books{court: c, moved: map[move]*big.Rat{}, told: map[move]*big.Rat{}}
	if err := b.readChain(transfers); err != nil {
		return Work{}, fmt.Errorf("read transfers: %w", err)
	}
	if err := c.readRecord(commands); err != nil {
		return Work{}, fmt.Errorf("read commands: %w", err)
	}
	c.prepare()
	w := &works{court: c, books: b, tasks: map[[2]string]*task{}, found: Work{Units: map[string]int{}, Wrong: map[Kind]int{}, Findings: []Finding{}}}
	for _, a := range c.judged() {
		w.ask(a)
		w.replay(a)
		w.answer(a)
	}
	w.units()
	w.executions()
	w.compare()
	for _, f := range append(c.verdict.Of(Unreadable), b.found.Findings...) {
		w.accuse(Unreadable, f.Account, "%s", f.Why)
	}
	if !c.venue.known || len(c.verdict.Accounts) == 0 {
		w.accuse(Unreadable, "", "there is no journal, or no account in the record")
	}
	return w.found, nil
}

// works is the judgement of on-chain work.
type works struct {
	court *court
	books *books
	tasks map[[2]string]*task // by account and request id
	found Work
}

// task is one request and its ends.
type task struct {
	command *command // nil when nobody asked
	ends    []string
	refused bool     // as bad input, which may be said beside an end
	txs     []string // those that it was confirmed with
	effects []map[string]*big.Rat
}

func (w *works) accuse(k Kind, account, format string, args ...any) {
	w.found.Wrong[k]++
	if w.found.Wrong[k] <= w.court.maxFindings {
		w.found.Findings = append(w.found.Findings, Finding{Kind: k, Account: account, Why: fmt.Sprintf(format, args...)})
	}
}

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

// execution is what a transaction did for a wallet.
type execution struct {
	account, tx, carrier, key string
	ok                        bool
}

func (v *venue) takeExecution(l *journalLine) string {
	if l.TxHash == "" || l.Carrier == "" {
		return "an execution without tx_hash or carrier"
	}
	v.executions = append(v.executions, execution{string(l.Account), lower(string(l.TxHash)), string(l.Carrier), lower(string(l.Key)), l.OK == "true"})
	return ""
}

// submission reports a request that the relayer has counted: its credentials held.
func submission(l *journalLine) bool {
	return l.Method == "POST" && l.Path == "/relayer/submit" && l.Account != ""
}

// ask files the commands of an account.
func (w *works) ask(a *account) {
	for _, k := range a.work {
		if k.verb == "cancel" || k.repeat || k.reused || k.bad || k.id == "" || w.court.dead.answers(k) {
			continue
		}
		w.tasks[[2]string{a.name, k.id}] = &task{command: k}
		w.found.Requests++
	}
}

// workEvent is one event of a relayer, as far as ends ask.
type workEvent struct {
	Type      text `json:"type"`
	RequestID text `json:"request_id"`
	TxHash    text `json:"tx_hash"`
	Error     struct {
		Code text `json:"code"`
	} `json:"error"`
	Effect map[string]text `json:"effect"`
}

// replay follows what was told of an account's work.
func (w *works) replay(a *account) {
	for _, m := range a.log {
		if !strings.HasPrefix(m.subject, "evt.tx.") {
			continue
		}
		var body struct {
			Events list `json:"events"`
		}
		why := decode([]byte(m.data), &body)
		for _, raw := range body.Events {
			var e workEvent
			if why = decode(raw, &e); why != "" {
				break
			}
			w.event(a.name, m, &e)
		}
		if why != "" {
			w.accuse(Unreadable, a.name, "%s: %s", m.where(), why)
		}
	}
}

func (w *works) event(account string, m message, e *workEvent) {
	switch e.Type {
	case "tx.confirmed", "tx.failed", "tx.dropped":
	default:
		return
	}
	id := [2]string{account, string(e.RequestID)}
	t := w.tasks[id]
	if t == nil {
		t = &task{}
		w.tasks[id] = t
	}
	if badInput(string(e.Error.Code)) {
		t.refused = true
		return
	}
	t.ends = append(t.ends, string(e.Type))
	if e.Type != "tx.confirmed" {
		return
	}
	effect := map[string]*big.Rat{}
	for asset, told := range e.Effect {
		change := quantity(string(told))
		if change == nil {
			w.accuse(Unreadable, account, "%s: an effect on %s without a figure", m.where(), asset)
			continue
		}
		effect[asset] = change
		if w.known(asset) {
			add(w.books.told, move{account, lower(string(e.TxHash)), asset}, change)
		}
	}
	t.txs, t.effects = append(t.txs, lower(string(e.TxHash))), append(t.effects, effect)
}

// known reports an asset whose transfers are told.
func (w *works) known(asset string) bool {
	return asset == "pUSD" || strings.Trim(asset, "0123456789") == ""
}

// answer charges each request that was not told one end, or another effect than it asked for.
func (w *works) answer(a *account) {
	for _, id := range w.ids(a.name) {
		t := w.tasks[[2]string{a.name, id}]
		switch {
		case len(t.ends) == 0 && t.refused:
			w.found.Failed++
			continue
		case len(t.ends) == 0 && (t.command == nil || !a.purged()):
			w.accuse(Unanswered, a.name, "request %s has no end", id)
			continue
		case t.command == nil && !a.purged() && !w.refused(a, id):
			w.accuse(Unasked, a.name, "request %s was told as %s, and nobody asked", id, t.ends[0])
			continue
		case len(t.ends) > 1 && len(t.txs) > 1 && t.txs[0] != t.txs[1]:
			w.accuse(ExecutedTwice, a.name, "request %s is confirmed by %s", id, strings.Join(t.txs, " and "))
		case len(t.ends) > 1:
			w.accuse(ToldTwice, a.name, "request %s ends as %s", id, strings.Join(t.ends, " and "))
		}
		if len(t.txs) == 0 {
			w.found.Failed++
			continue
		}
		w.found.Confirmed++
		w.checkEffect(a.name, id, t)
	}
}

// refused reports an id of a command that had no effect: a repeat with other content, or one that could not be read.
func (w *works) refused(a *account, id string) bool {
	return slices.ContainsFunc(a.work, func(k *command) bool { return k.id == id || k.bad })
}

func (w *works) ids(account string) (out []string) {
	for id := range w.tasks {
		if id[0] == account {
			out = append(out, id[1])
		}
	}
	slices.Sort(out)
	return out
}

// checkEffect holds what was told of a request against what it asked for, where that is a figure.
func (w *works) checkEffect(account, id string, t *task) {
	if t.command == nil {
		return
	}
	for asset, want := range w.wanted(t.command) {
		if got := t.effects[0][asset]; !equal(got, want) {
			w.accuse(WrongEffect, account, "request %s (%s) asks for %s of %s and is told %s", id, t.command.verb, show(want), asset, show(got))
		}
	}
}

// wanted is the effect that a command asks for, by asset; nil where only the chain can say how much.
func (w *works) wanted(k *command) map[string]*big.Rat {
	amount := quantity(string(k.payload.Amount))
	if amount == nil {
		return nil
	}
	out := new(big.Rat).Neg(amount)
	switch k.verb {
	case "split", "merge":
		cash, each := out, amount
		if k.verb == "merge" {
			cash, each = amount, out
		}
		effect := map[string]*big.Rat{"pUSD": cash}
		for _, token := range w.court.venue.tokens[string(k.payload.ConditionID)] {
			effect[token] = each
		}
		return effect
	case "wrap":
		return map[string]*big.Rat{"pUSD": amount}
	case "unwrap":
		return map[string]*big.Rat{"pUSD": out}
	case "transfer":
		if asset := cmp.Or(string(k.payload.TokenID), string(k.payload.Asset)); w.known(asset) {
			return map[string]*big.Rat{asset: out}
		}
	}
	return nil
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

// executions counts what was executed for the accounts' wallets, and charges what was executed again under one signature.
func (w *works) executions() {
	first := map[string]string{}
	for _, e := range w.court.venue.executions {
		switch {
		case !w.court.judges(e.account):
			continue
		case !e.ok:
			w.found.LostRaces++
			continue
		case e.carrier == "relayer":
			w.found.ByRelayer++
		default:
			w.found.ByOwnGas++
		}
		if e.key == "" {
			continue
		}
		if tx := first[e.key]; tx != "" && tx != e.tx {
			w.accuse(ExecutedTwice, e.account, "payload %s is executed by %s and %s", e.key, tx, e.tx)
		}
		first[e.key] = e.tx
	}
}

// compare holds what each transaction moved for the wallet that executed it against what was told of it.
func (w *works) compare() {
	b := w.books
	executed := map[move]bool{} // by account and transaction
	for _, e := range w.court.venue.executions {
		if e.ok && w.court.judges(e.account) {
			executed[move{account: e.account, tx: e.tx}] = true
		}
	}
	all := map[move]bool{}
	for k := range b.told {
		all[k] = true
	}
	for k := range b.moved {
		if executed[move{account: k.account, tx: k.tx}] {
			all[k] = true
		}
	}
	keys := make([]move, 0, len(all))
	for k := range all {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y move) int {
		return cmp.Or(cmp.Compare(x.account, y.account), cmp.Compare(x.tx, y.tx), cmp.Compare(x.asset, y.asset))
	})
	told := map[move]bool{}
	for k := range b.told {
		told[move{account: k.account, tx: k.tx}] = true
	}
	silent := map[move]bool{}
	for _, k := range keys {
		tx := move{account: k.account, tx: k.tx}
		switch {
		case equal(b.told[k], b.moved[k]):
		case !told[tx]:
			if !silent[tx] {
				w.accuse(Untold, k.account, "transaction %s moves the wallet's money, and nobody told", k.tx)
			}
			silent[tx] = true
		default:
			w.accuse(WrongEffect, k.account, "transaction %s moves %s of %s, and %s is told", k.tx, show(b.moved[k]), k.asset, show(b.told[k]))
		}
	}
}
