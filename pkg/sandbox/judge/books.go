package judge

import (
	"cmp"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
)

// Discrepancy is the kind of what is wrong with the books.
const Discrepancy Kind = "ledger_discrepancies"

// Books says how the ledgers agree with the chain.
type Books struct {
	// Transactions are those of the chain that a ledger has booked, counted for each account that they concern.
	Transactions int `json:"ledger_transactions"`
	// Discrepancies are changes that were not told, told twice or otherwise than the chain shows, balances that do not follow
	// from their changes, gaps in what was told, and what a ledger itself has called one.
	Discrepancies int `json:"ledger_discrepancies"`
	// Findings hold at most Options.MaxFindings discrepancies.
	Findings []Finding `json:"findings"`
}

// JudgeBooks holds what the ledgers told on evt.ledger.<account> (in commands, the record of the bus) against the chain's
// transfers, of the wallets that the journal names. It is to be asked when everything has settled and was told.
func JudgeBooks(journal, transfers, commands io.Reader, opts Options) (Books, error) {
	c := newCourt(opts)
	if err := c.venue.read(journal); err != nil {
		return Books{}, fmt.Errorf("read journal: %w", err)
	}
	b := &books{court: c, moved: map[move]*big.Rat{}, told: map[move]*big.Rat{}, balance: map[[2]string]*big.Rat{}}
	if err := b.readChain(transfers); err != nil {
		return Books{}, fmt.Errorf("read transfers: %w", err)
	}
	if err := c.readRecord(commands); err != nil {
		return Books{}, fmt.Errorf("read commands: %w", err)
	}
	c.prepare()
	for _, a := range c.judged() {
		b.replay(a)
	}
	b.compare()
	for _, f := range c.verdict.Of(Unreadable) {
		b.accuse(f.Account, "%s", f.Why)
	}
	if !c.venue.known || len(c.verdict.Accounts) == 0 {
		b.accuse("", "there is no journal, or no account in the record")
	}
	return b.found, nil
}

// books is the comparison of one record with one chain.
type books struct {
	court   *court
	moved   map[move]*big.Rat // by the chain
	told    map[move]*big.Rat // by the ledgers
	balance map[[2]string]*big.Rat
	found   Books
}

// move is one transaction's effect on one asset of one account.
type move struct{ account, tx, asset string }

func (b *books) accuse(account, format string, args ...any) {
	b.found.Discrepancies++
	if len(b.found.Findings) < b.court.maxFindings {
		b.found.Findings = append(b.found.Findings, Finding{Kind: Discrepancy, Account: account, Why: fmt.Sprintf(format, args...)})
	}
}

// chainLine is one log of the chain, as far as balances ask.
type chainLine struct {
	Kind    text `json:"kind"`
	TxHash  text `json:"tx_hash"`
	Asset   text `json:"asset"`
	TokenID text `json:"token_id"`
	From    text `json:"from"`
	To      text `json:"to"`
	Amount  text `json:"amount"`
	Undone  bool `json:"undone"` // of a transaction that a reorganisation has dropped
}

// readChain adds up what each transaction moved in and out of the accounts' wallets.
func (b *books) readChain(r io.Reader) error {
	return eachLine(r, func(n int, line []byte) {
		var l chainLine
		why := decode(line, &l)
		switch {
		case why != "":
		case l.Kind == "" || l.Kind == "meta" || l.Kind == "request":
			why = "no line of a chain's transfers: is it of another file?"
		case l.Kind != "transfer":
			return
		}
		amount := fromBase(string(l.Amount))
		if why == "" && amount == nil {
			why = "no amount"
		}
		if why != "" {
			b.accuse("", "transfers line %d: %s", n, why)
			return
		}
		if l.Undone {
			amount.Neg(amount)
		}
		asset := cmp.Or(string(l.TokenID), string(l.Asset))
		if lower(string(l.From)) == lower(string(l.To)) {
			return // nothing has moved
		}
		for wallet, sign := range map[text]int64{l.From: -1, l.To: 1} {
			if account := b.court.venue.wallets[lower(string(wallet))]; account != "" {
				add(b.moved, move{account, lower(string(l.TxHash)), asset}, new(big.Rat).Mul(amount, big.NewRat(sign, 1)))
			}
		}
	}, func(n int) { b.accuse("", "transfers line %d is longer than any record", n) })
}

// ledgerEvent is one event of a ledger, as far as balances ask.
type ledgerEvent struct {
	Type    text  `json:"type"`
	N       whole `json:"n"`
	Asset   text  `json:"asset"`
	TokenID text  `json:"token_id"`
	Balance text  `json:"balance"`
	Change  text  `json:"change"`
	Ref     struct {
		TxHash text `json:"tx_hash"`
	} `json:"ref"`
}

// replay follows what an account's ledger told.
func (b *books) replay(a *account) {
	var n int64
	for _, m := range a.log {
		if !strings.HasPrefix(m.subject, "evt.ledger.") {
			continue
		}
		var body struct {
			Events list `json:"events"`
		}
		if why := decode([]byte(m.data), &body); why != "" {
			b.accuse(a.name, "%s: %s", m.where(), why)
			continue
		}
		for _, raw := range body.Events {
			var e ledgerEvent
			if why := decode(raw, &e); why != "" {
				b.accuse(a.name, "%s: %s", m.where(), why)
				continue
			}
			if e.N.n != n+1 {
				b.accuse(a.name, "%s: event %d of the ledger follows %d", m.where(), e.N.n, n)
			}
			n = e.N.n
			b.event(a.name, m, &e)
		}
	}
}

func (b *books) event(account string, m message, e *ledgerEvent) {
	switch e.Type {
	case "ledger.discrepancy":
		b.accuse(account, "%s: the ledger itself tells of a discrepancy", m.where())
	case "ledger.balance":
		change, balance := quantity(string(e.Change)), quantity(string(e.Balance))
		asset := cmp.Or(string(e.TokenID), string(e.Asset))
		if change == nil || balance == nil {
			b.accuse(account, "%s: a balance of %s without figures", m.where(), asset)
			return
		}
		key := [2]string{account, asset}
		add(b.balance, key, change)
		if !equal(b.balance[key], balance) {
			b.accuse(account, "%s: the balance of %s is told as %s, and its changes sum to %s", m.where(), asset, show(balance), show(b.balance[key]))
			b.balance[key] = balance
		}
		add(b.told, move{account, lower(string(e.Ref.TxHash)), asset}, change)
	}
}

// compare charges every effect of a transaction that was told otherwise than it is, and counts the transactions.
func (b *books) compare() {
	booked, all := map[move]bool{}, map[move]bool{}
	for k := range b.moved {
		all[k] = b.court.judges(k.account)
	}
	for k := range b.told {
		all[k] = true
	}
	keys := make([]move, 0, len(all))
	for k, judged := range all {
		if judged {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(x, y move) int {
		return cmp.Or(cmp.Compare(x.account, y.account), cmp.Compare(x.tx, y.tx), cmp.Compare(x.asset, y.asset))
	})
	for _, k := range keys {
		if b.told[k] != nil && b.moved[k] != nil {
			booked[move{account: k.account, tx: k.tx}] = true
		}
		if !equal(b.told[k], b.moved[k]) {
			b.accuse(k.account, "transaction %s moves %s of %s, and the ledger tells %s", k.tx, show(b.moved[k]), k.asset, show(b.told[k]))
		}
	}
	b.found.Transactions = len(booked)
}

// add adds to a sum.
func add[K comparable](sums map[K]*big.Rat, k K, v *big.Rat) {
	if sums[k] == nil {
		sums[k] = new(big.Rat)
	}
	sums[k].Add(sums[k], v)
}
