package judge

import (
	"cmp"
	"encoding/json"
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
	NotExecuted     Kind = "not_executed"
	LeftLate        Kind = "left_late"
	UnitsForgotten  Kind = "units_forgotten"
	UnitsInvented   Kind = "units_invented"
)

// Work says what became of on-chain work, and what was wrong with it.
type Work struct {
	// Requests are the commands, each id once; Confirmed and Failed those with such an end.
	Requests  int `json:"tx_requests"`
	Confirmed int `json:"tx_confirmed"`
	Failed    int `json:"tx_failed"`
	// Waiting are those without an end of which the last word is that they wait: for what is said with it.
	Waiting int `json:"tx_waiting"`
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

// MarshalJSON adds "content" to the fields.
func (w Work) MarshalJSON() ([]byte, error) {
	type plain Work
	return json.Marshal(struct {
		Content bool `json:"tx_content"`
		plain
	}{w.Content(), plain(w)})
}

// String is the verdict for people, over several lines: what was done, then each wrong with its findings.
func (w Work) String() string {
	var b strings.Builder
	word := "content: nothing wrong"
	if !w.Content() {
		word = "not content"
	}
	units := 0
	for _, n := range w.Units {
		units += n
	}
	fmt.Fprintf(&b, "on-chain work: %s\n\n", word)
	fmt.Fprintf(&b, "requests  asked %d  confirmed %d  failed or dropped %d  waiting %d\n", w.Requests, w.Confirmed, w.Failed, w.Waiting)
	fmt.Fprintf(&b, "chain     by the relayer %d  by own gas %d  lost races %d  units charged %d\n\n", w.ByRelayer, w.ByOwnGas, w.LostRaces, units)
	for _, m := range workCharges() {
		fmt.Fprintf(&b, "%6d  %-20s %s\n", w.Wrong[m.kind], m.kind, m.means)
		for _, f := range w.Findings {
			if f.Kind == m.kind {
				fmt.Fprintf(&b, "        - %s\n", f)
			}
		}
	}
	return b.String()
}

// workCharges lists every kind once, in the order in which people want to read them.
func workCharges() []charge {
	return []charge{
		{kind: ExecutedTwice, means: "a request or a payload executed by two transactions"},
		{kind: NotExecuted, means: "a request told as confirmed by a transaction that did nothing for its wallet"},
		{kind: Untold, means: "a transaction that moved the wallet's money, and nobody told"},
		{kind: WrongEffect, means: "an effect told that was not asked for, or is not what the chain shows"},
		{kind: LeftLate, means: "a request that left after its deadline"},
		{kind: Unanswered, means: "a request without an end"},
		{kind: ToldTwice, means: "a request with two ends"},
		{kind: Unasked, means: "an end of a request that nobody asked for"},
		{kind: UnitsMiscounted, means: "a submission that the venue charged twice, or never"},
		{kind: UnitsOver, means: "a submission beyond the units of a day"},
		{kind: UnitsForgotten, means: "a unit that the venue has charged and our books have not"},
		{kind: UnitsInvented, means: "a unit that our books say was spent and the venue has not charged"},
		{kind: Unreadable, means: "a thing that should have been understood"},
	}
}

// JudgeWork holds what the relayers told on evt.tx.<account> (in commands, the record of the bus) against the venue's journal
// and the chain's transfers: each unit is charged once, none beyond the quota and none that the books of daily units lack, each
// payload executed once, each request answered once, in time, and with its true effect. What a reorganisation has undone was not
// executed. It is to be asked when everything has ended.
//
// When a request leaves by own gas the venue does not see: there the intent on the log counts.
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
	w := &works{court: c, books: b, tasks: map[[2]string]*task{}, intents: map[[2]string]int64{}, found: Work{Units: map[string]int{}, Wrong: map[Kind]int{}, Findings: []Finding{}}}
	for _, a := range c.judged() {
		w.ask(a)
		w.replay(a)
		w.answer(a)
	}
	w.units()
	w.counted()
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
	court   *court
	books   *books
	tasks   map[[2]string]*task // by account and request id
	intents map[[2]string]int64 // by account and unit: when its first submitting was stored
	found   Work
}

// task is one request and its ends.
type task struct {
	command *command // nil when nobody asked
	ends    []string
	refused bool     // as bad input, which may be said beside an end
	waits   bool     // the last word about it is tx.waiting
	txs     []string // those that it was confirmed with
	units   []string // the same
	effects []map[string]*big.Rat
}

func (w *works) accuse(k Kind, account, format string, args ...any) {
	w.found.Wrong[k]++
	if w.found.Wrong[k] <= w.court.maxFindings {
		w.found.Findings = append(w.found.Findings, Finding{Kind: k, Account: account, Why: fmt.Sprintf(format, args...)})
	}
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
	Requests  list `json:"request_ids"`
	Unit      text `json:"unit"`
	TxHash    text `json:"tx_hash"`
	Late      text `json:"late"`
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
	for _, id := range append(e.Requests.texts(), string(e.RequestID)) {
		if t := w.tasks[[2]string{account, id}]; t != nil {
			t.waits = e.Type == "tx.waiting"
		}
	}
	switch e.Type {
	case "tx.submitting":
		if u := [2]string{account, string(e.Unit)}; w.intents[u] == 0 {
			w.intents[u] = m.storedUs
		}
		return
	case "tx.confirmed", "tx.failed", "tx.dropped":
	default:
		return
	}
	if w.takesBack(account, string(e.RequestID)) {
		return // the word about a cancel
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
	if e.Late == "true" && len(t.txs) == 0 {
		t.ends = nil // it says itself that the word before was wrong
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
	t.txs, t.units, t.effects = append(t.txs, lower(string(e.TxHash))), append(t.units, string(e.Unit)), append(t.effects, effect)
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
		case len(t.ends) == 0 && t.waits:
			w.found.Waiting++
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
		w.checkDeed(a.name, id, t)
	}
}

// refused reports an id of a command that had no effect: a repeat with other content, or one that could not be read.
func (w *works) refused(a *account, id string) bool {
	return slices.ContainsFunc(a.work, func(k *command) bool { return k.id == id || k.bad })
}

// takesBack reports the id of a cancel.
func (w *works) takesBack(account, id string) bool {
	return slices.ContainsFunc(w.court.account(account).work, func(k *command) bool { return k.verb == "cancel" && k.id == id })
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
