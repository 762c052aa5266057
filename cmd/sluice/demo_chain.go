package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
	"sluice/services/relayer"
)

func (d *demo) startRelayer() error {
	cfg, err := (&relayerCmd{serviceFlags: d.flags, gasFlags: gasFlags{OwnGas: true}}).config(d.app, d.nc, d.accounts, d.log)
	if err != nil {
		return err
	}
	if d.cmd.carries != nil {
		cfg.HTTP = &http.Client{Transport: d.cmd.carries(http.DefaultTransport)}
	}
	if d.relayer, err = relayer.New(cfg); err != nil {
		return err
	}
	d.run("relayer", d.relayer.Run)
	return nil
}

const (
	// demoSets is how many full sets are made of the demonstration's market, demoSold of how many one side is sold, demoMerged
	// how many become collateral again, demoWrapped how much is wrapped; in millionths.
	demoSets, demoSold, demoMerged, demoWrapped = 20 * money.Unit, 8 * money.Unit, 12 * money.Unit, 5 * money.Unit
	// demoReset is in how many seconds, as the venue's relayer prints it, it has units again: nobody waits for that here.
	demoReset = 68_000
	// demoStep bounds one step on the chain: on a machine with nothing else to do it takes ten seconds.
	demoStep = 2 * time.Minute
)

// onChain goes its way on the chain while the strategy trades, and shows it: full sets are made, one side of some is sold, the
// others become collateral again; then the venue's relayer has no units left, and the same wallet's work goes by its owner's gas.
func (d *demo) onChain(ctx context.Context) error {
	market := conditionFlags{Market: demoMarket}
	condition, err := market.condition(d.bus)
	if err != nil {
		return err
	}
	common := func(id msgs.RequestID) msgs.TxCommon {
		return msgs.TxCommon{Common: msgs.Common{SentMS: time.Now().UnixMilli()}, RequestID: id, Urgency: msgs.High}
	}
	for _, step := range []struct {
		says string
		do   func() error
	}{
		{"20 pUSD become 20 full sets of " + demoMarket, func() error {
			return d.request(ctx, &msgs.Split{TxCommon: common("demo-split"), ConditionID: condition, Amount: demoSets})
		}},
		{"8 Yes of them are sold", func() error { return d.sell(ctx) }},
		{"the 12 sets that are left become pUSD again", func() error {
			return d.request(ctx, &msgs.Merge{TxCommon: common("demo-merge"), ConditionID: condition, Amount: msgs.AmountOrMax{Amount: demoMerged}})
		}},
		{"the relayer says that its units of today are gone; 5 USDC.e are wrapped all the same, by the owner's gas", func() error {
			d.box.SetFaults(func(f *sandbox.Faults) { f.QuotaGone.Next, f.QuotaResetS = 1, demoReset })
			return d.request(ctx, &msgs.Wrap{TxCommon: common("demo-wrap"), Amount: msgs.AmountOrMax{Amount: demoWrapped}})
		}},
	} {
		d.app.say("on chain: " + step.says)
		if err := step.do(); err != nil {
			return err
		}
	}
	return nil
}

// shown is the demonstration's terminal for the lines about one command: with -o json there is one object and nothing else.
func (d *demo) shown(ctx context.Context) *app {
	a := *d.app
	a.ctx = ctx
	if a.cli.Output == "json" {
		a.out = io.Discard
	}
	return &a
}

// request asks the relayer for something and shows it until it is final.
func (d *demo) request(ctx context.Context, c msgs.Command) error {
	if err := d.shown(ctx).pursue(d.bus, pursuit{account: demoMain, id: msgs.RequestID(c.ID()), cmd: c, within: demoStep, word: ownWord}); err != nil {
		return fmt.Errorf("%s on chain: %w", c.Verb(), err)
	}
	return nil
}

// sell sells one side of some sets, and waits until that is final, the weather notwithstanding.
func (d *demo) sell(ctx context.Context) error {
	price, size := money.Price(money.Unit/2), money.Size(demoSold)
	o := &msgs.Submit{Common: msgs.Common{SentMS: time.Now().UnixMilli()}, ClientOrderID: "demo-sets", Market: demoMarket, Outcome: "Yes", Side: msgs.Sell, Type: msgs.FAK, Price: &price, Size: &size,
		ValidUntilMS: new(time.Now().Add(demoStep).UnixMilli())}
	err := d.shown(ctx).follow(d.bus, demoMain, msgs.CmdSubject(msgs.FamilyOrder, demoMain, o.Verb()), o, awaited{within: demoStep, answers: 1, decides: func(e event) bool { return e.Final }})
	if e := codeOf(err); e == "no_event" || e == msgs.NotPlaced {
		return nil // lost in the weather: the rest of the way does not need it
	}
	return err
}
