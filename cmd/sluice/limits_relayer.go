package main

import (
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/limits/catalogue"
	"sluice/pkg/msgs"
)

// The relayer's limits as the catalogue names them: its submits of a minute, and its units of a day.
const (
	relayerMinute = "relayer submit"
	relayerDay    = "relayer units"
)

// relayerUses are the limits of the relayer that accounts use: one window for all who share the address, and one day for each book, with
// the names of those who share it. Accounts without units, or when no relayer runs, use none; why another has no answer is an error.
func relayerUses(nc *nats.Conn, names []string) (uses []use, silent map[string]*msgs.Error) {
	silent = map[string]*msgs.Error{}
	minute, days := use{}, map[string]*use{}
	var order []string
	for _, name := range names {
		var q msgs.QuotaAnswer
		if err := ask(nc, msgs.SvcSubject("relayer", msgs.Account(name), "quota"), msgs.Empty{}, &q); err != nil {
			if e, ok := errors.AsType[*msgs.Error](err); !ok || e.Code != "no_answer" && e.Code != msgs.NotFound && e.Code != msgs.NotCapable {
				silent[name] = explain(err)
			}
			continue
		}
		if u := minuteOf(q); u.Used >= minute.Used { // of two answers the later one may know more
			minute = u
		}
		if day := days[q.Book]; day != nil {
			day.Account += ", " + name
		} else if q.Limit > 0 {
			days[q.Book] = new(dayOf(name, q))
			order = append(order, q.Book)
		}
	}
	if minute.Limit > 0 {
		uses = append(uses, minute)
	}
	for _, book := range order {
		uses = append(uses, *days[book])
	}
	return uses, silent
}

func minuteOf(q msgs.QuotaAnswer) use {
	u := use{Scope: string(catalogue.IP), Layer: relayerMinute, Used: int64(q.PerMinute.Used), Limit: int64(q.PerMinute.Limit), PerMS: time.Minute.Milliseconds(),
		IsLimited: q.PerMinute.Used >= q.PerMinute.Limit}
	return u.withHeadroom()
}

func dayOf(account string, q msgs.QuotaAnswer) use {
	u := use{Account: account, Scope: string(catalogue.Relayer), Layer: relayerDay, Used: int64(q.Used), Limit: int64(q.Limit), PerMS: (24 * time.Hour).Milliseconds(),
		IsLimited: q.Remaining == 0}
	if u.IsLimited {
		u.FreeAtMS = q.ResetsMS
	}
	if q.BlockedUntilMS != nil {
		u.FreeAtMS = max(u.FreeAtMS, *q.BlockedUntilMS)
	}
	return u.withHeadroom()
}

// withHeadroom fills in what is free, in percent.
func (u use) withHeadroom() use {
	if u.Limit > 0 {
		u.Headroom = min(max(0, u.Limit-u.Used), u.Limit) * 100 / u.Limit
	}
	return u
}
