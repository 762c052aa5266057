package main

import (
	"fmt"

	"sluice/pkg/msgs"
)

// marketsSubject is where ingest lists what it follows.
const marketsSubject = "svc.ingest.markets"

type marketsCmd struct {
	busFlags
}

// Run lists the markets that ingest follows.
func (c *marketsCmd) Run(a *app) error {
	nc, err := c.strategy()
	if err != nil {
		return err
	}
	defer nc.Close()
	var r msgs.MarketsAnswer
	if err := ask(nc, marketsSubject, msgs.MarketsQuestion{}, &r); err != nil {
		return err
	}
	rows := make([][]string, 0, len(r.Markets))
	for _, m := range r.Markets {
		outcomes := ""
		for i, t := range m.Tokens {
			if i > 0 {
				outcomes += ", "
			}
			outcomes += t.Outcome
		}
		rows = append(rows, []string{m.Slug, outcomes, m.TickSize, m.MinSize.String(), fmt.Sprint(m.NegRisk), short(string(m.ConditionID))})
	}
	return a.print(r, []string{"MARKET", "OUTCOMES", "TICK", "MIN SIZE", "NEG RISK", "CONDITION"}, rows)
}
