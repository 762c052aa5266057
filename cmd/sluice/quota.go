package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"sluice/pkg/msgs"
)

type quotaCmd struct {
	busFlags
	Account []string `name:"account" help:"Accounts; all that are configured when absent."`
}

// quotas are the answers of accounts, and why others gave none.
type quotas struct {
	Quotas map[string]msgs.QuotaAnswer `json:"quotas"`
	Errors map[string]*msgs.Error      `json:"errors,omitempty"`
}

// Run shows what the relayer still carries today, one line for all accounts that share a book. It fails when no account has an answer.
func (c *quotaCmd) Run(a *app) error {
	names, err := a.named(c.Account)
	if err != nil {
		return err
	}
	nc, err := c.strategy()
	if err != nil {
		return err
	}
	defer nc.Close()
	all := quotas{map[string]msgs.QuotaAnswer{}, map[string]*msgs.Error{}}
	var rows [][]string
	rowOf := map[string]int{} // of a book
	for _, name := range names {
		one := accountFlags{Account: name}
		account, err := one.account()
		if err != nil {
			return err
		}
		var q msgs.QuotaAnswer
		if err = ask(nc, msgs.SvcSubject("relayer", account, "quota"), msgs.Empty{}, &q); err == nil {
			all.Quotas[name] = q
			if i, shown := rowOf[q.Book]; shown && q.Book != "" {
				rows[i][0] += ", " + name
				continue
			}
			rowOf[q.Book] = len(rows)
			rows = append(rows, quotaRow(name, q, time.Now()))
			continue
		}
		e := explain(a.hint(account, asksRelayer(err)))
		all.Errors[name] = e
		rows = append(rows, []string{name, e.Cause + " → " + e.Fix})
	}
	if len(all.Quotas) == 0 && len(names) > 0 {
		return all.Errors[names[0]]
	}
	return a.print(all, []string{"ACCOUNTS", "BOOK", "TIER", "USED", "OPEN", "LEFT", "THIS MINUTE", "LAST CALL", "NEXT COMES BACK", "RUNS OUT", ""}, rows)
}

// asksRelayer says who should have answered.
func asksRelayer(err error) error {
	if e, ok := errors.AsType[*msgs.Error](err); ok && e.Code == "no_answer" {
		return problem(e.Code, e.Cause, "the relayer service answers this: start it with sluice relayer, or everything with sluice up")
	}
	return err
}

// quotaRow is one account's line.
func quotaRow(name string, q msgs.QuotaAnswer, now time.Time) []string {
	used, left := fmt.Sprintf("%d/%d", q.Used, q.Limit), fmt.Sprint(q.Remaining)
	if q.Limit == 0 {
		used, left = fmt.Sprintf("%d, no daily limit", q.Used), "–"
	}
	out := "–"
	if q.RunsOutMS != nil {
		out = clock(*q.RunsOutMS, now)
	}
	var notes []string
	if q.Warning {
		notes = append(notes, "half of the day's units is used")
	}
	if q.BlockedUntilMS != nil {
		notes = append(notes, "the relayer takes nothing before "+clock(*q.BlockedUntilMS, now))
	} else if q.Limit > 0 && q.Remaining == 0 {
		notes = append(notes, "nothing left")
	}
	return []string{name, q.Book, q.Tier, used, fmt.Sprint(q.Reserved), left, fmt.Sprintf("%d/%d", q.PerMinute.Used, q.PerMinute.Limit),
		clock(q.LastCallMS, now), clock(q.ResetsMS, now), out, strings.Join(notes, "; ")}
}

// clock is a moment as a person reads it, with the date when it is another day's; – for none.
func clock(ms int64, now time.Time) string {
	if ms == 0 {
		return "–"
	}
	at := time.UnixMilli(ms)
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return at.Format(time.TimeOnly)
	}
	return at.Format("Jan 2 15:04")
}
