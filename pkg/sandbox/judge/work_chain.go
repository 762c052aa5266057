package judge

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
)

// execution is what a transaction did for a wallet.
type execution struct {
	account, tx, carrier, key string
	ok                        bool
}

func (v *venue) takeExecution(l *journalLine) string {
	if l.TxHash == "" || l.Carrier == "" {
		return "an execution without tx_hash or carrier"
	}
	e := execution{string(l.Account), lower(string(l.TxHash)), string(l.Carrier), lower(string(l.Key)), l.OK == "true"}
	if l.Undone != "true" {
		v.executions = append(v.executions, e)
		return ""
	}
	i := slices.Index(v.executions, e)
	if i < 0 {
		return "an execution is undone that never was"
	}
	v.executions = slices.Delete(v.executions, i, i+1)
	return ""
}

// relay is what the relayer told of a submission.
type relay struct {
	request           int64
	payer, wallet, tx string
}

func (v *venue) takeRelay(l *journalLine) string {
	v.relays = append(v.relays, relay{l.Request.n, string(l.Account), lower(string(l.Wallet)), lower(string(l.TxHash))})
	return ""
}

// takeSignature notes when signed bytes came first. A body that cannot be read has none.
func (v *venue) takeSignature(l *journalLine) {
	if l.Method != "POST" || l.Path != submitPath {
		return
	}
	var body struct {
		Signature text `json:"signature"`
	}
	if json.Unmarshal([]byte(l.Body), &body) != nil || body.Signature == "" {
		return
	}
	v.signed[l.ID.n] = string(body.Signature)
	if at, before := v.leftAt[string(body.Signature)]; !before || l.AtUs.n < at {
		v.leftAt[string(body.Signature)] = l.AtUs.n
	}
}

// left is when what a transaction did for a wallet came to the relayer first; 0 when it came another way.
func (v *venue) left(tx string) int64 {
	for _, r := range v.relays {
		if r.tx == tx && tx != "" {
			return v.leftAt[v.signed[r.request]]
		}
	}
	return 0
}

// checkDeed charges a request that was told as confirmed and was not executed, and one that left after its deadline.
func (w *works) checkDeed(account, id string, t *task) {
	tx, v := t.txs[0], w.court.venue
	if tx == "" {
		return // there was nothing to do
	}
	if !slices.ContainsFunc(v.executions, func(e execution) bool { return e.ok && e.account == account && e.tx == tx }) {
		w.accuse(NotExecuted, account, "request %s is told as confirmed by %s, which did nothing for the wallet", id, tx)
	}
	if t.command == nil || !t.command.payload.DeadlineMs.set || t.command.payload.DeadlineMs.n > math.MaxInt64/1000 {
		return
	}
	left := max(v.left(tx), w.intents[[2]string{account, t.units[0]}])
	if late := left - 1000*max(0, t.command.payload.DeadlineMs.n); late > w.court.tolerance {
		w.accuse(LeftLate, account, "request %s left %d ms after its deadline", id, late/1000)
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
	w.hidden(silent)
}

// hidden charges a payload that was executed and that no confirmed request names, whatever it has moved: transfers do not know all
// assets. What was charged already is not charged again.
func (w *works) hidden(charged map[move]bool) {
	named := map[move]bool{}
	for id, t := range w.tasks {
		for _, tx := range t.txs {
			named[move{account: id[0], tx: tx}] = true
		}
	}
	known := map[string]bool{} // payloads of named transactions: that they were executed again is charged elsewhere
	for _, e := range w.court.venue.executions {
		known[e.key] = known[e.key] || e.ok && named[move{account: e.account, tx: e.tx}]
	}
	for _, e := range w.court.venue.executions {
		at := move{account: e.account, tx: e.tx}
		if !e.ok || e.key == "" || !w.court.judges(e.account) || named[at] || known[e.key] || charged[at] {
			continue
		}
		w.accuse(Untold, e.account, "transaction %s executes payload %s, and nobody told", e.tx, e.key)
		charged[at] = true
	}
}
