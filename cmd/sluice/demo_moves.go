package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

const (
	// demoMarket is quoted at 0.51 to 0.52 by the local venue's liquidity maker.
	demoMarket = "sandbox-coin"
	// demoPace is the pause between two moves: one or two commands each, well below what the venue allows.
	demoPace = 40 * time.Millisecond
	// demoRest is how long a resting order of the demonstration would rest at most; the venue wants three minutes.
	demoRest = 10 * time.Minute
)

// strategy is a small one that makes each move that there is, round after round. It knows nothing but the bus.
type strategy struct {
	d      *demo
	random *rand.Rand
	n      int    // moves so far
	last   string // the newest order that rests
}

func (d *demo) strategy(seed uint64) *strategy {
	return &strategy{d: d, random: rand.New(rand.NewPCG(seed, 0))}
}

// moves are what the strategy does in one round.
func moves() []func(*strategy) error {
	return []func(*strategy) error{
		(*strategy).rest, (*strategy).take, (*strategy).rest, (*strategy).replace, (*strategy).fillOrKill, (*strategy).kill, (*strategy).fillAndKill,
		(*strategy).spend, (*strategy).rest, (*strategy).cancel, (*strategy).cancelFirst, (*strategy).goodTill, (*strategy).postOnly, (*strategy).sell,
		(*strategy).repeat, (*strategy).tooLate, (*strategy).offTick, (*strategy).haltAndResume, (*strategy).cancelAll,
	}
}

// trade makes move after move until ctx ends, each at least once.
func (s *strategy) trade(ctx context.Context) error {
	for round := 0; ctx.Err() == nil || round == 0; round++ {
		for _, move := range moves() {
			if round > 0 && ctx.Err() != nil {
				return nil
			}
			s.n++
			if err := move(s); err != nil {
				return err
			}
			if err := s.d.wait(ctx, demoPace+time.Duration(s.random.Int64N(int64(demoPace)))); err != nil {
				return err
			}
		}
	}
	return nil
}

// demoMain is the account that most moves are made for. The one that is halted now and then is demoHalted.
const demoMain, demoHalted msgs.Account = "main", "second"

// order is a submit of main with an id and a size that no other has.
func (s *strategy) order(side msgs.Side, kind msgs.OrderType, price string) *msgs.Submit {
	at, err := money.Parse[money.Price](price)
	if err != nil {
		panic(fmt.Sprintf("price %q of the demonstration: %v", price, err)) // it stands in this file
	}
	size := 5*money.Size(money.Unit) + money.Size(s.n)*money.Unit/100
	return &msgs.Submit{Common: msgs.Common{SentMS: time.Now().UnixMilli()}, ClientOrderID: msgs.ClientOrderID(fmt.Sprintf("demo-%04d", s.n)),
		Market: demoMarket, Outcome: "Yes", Side: side, Type: kind, Price: &at, Size: &size}
}

func (s *strategy) send(account msgs.Account, family string, c msgs.Command) error {
	_, err := send(s.d.bus, msgs.CmdSubject(family, account, c.Verb()), "", c)
	return err
}

func (s *strategy) submit(o *msgs.Submit) error { return s.send(demoMain, msgs.FamilyOrder, o) }

func (s *strategy) id(what string) msgs.RequestID {
	return msgs.RequestID(fmt.Sprintf("demo-%s-%04d", what, s.n))
}

func (s *strategy) now() msgs.Common { return msgs.Common{SentMS: time.Now().UnixMilli()} }

// restPrefix is how the ids of resting orders begin.
const restPrefix = "rest-"

// rest places an order that rests far from the market.
func (s *strategy) rest() error {
	o := s.order(msgs.Buy, msgs.GTC, "0.3")
	o.ClientOrderID = restPrefix + o.ClientOrderID
	s.last = string(o.ClientOrderID)
	return s.submit(o)
}

func (s *strategy) take() error        { return s.submit(s.order(msgs.Buy, msgs.GTC, "0.52")) }
func (s *strategy) sell() error        { return s.submit(s.order(msgs.Sell, msgs.GTC, "0.51")) }
func (s *strategy) fillOrKill() error  { return s.submit(s.order(msgs.Buy, msgs.FOK, "0.53")) }
func (s *strategy) fillAndKill() error { return s.submit(s.order(msgs.Sell, msgs.FAK, "0.5")) }
func (s *strategy) kill() error        { return s.submit(s.order(msgs.Buy, msgs.FOK, "0.4")) } // nobody sells so low
func (s *strategy) offTick() error     { return s.submit(s.order(msgs.Buy, msgs.GTC, "0.305")) }

// spend buys for an amount, at the live book's price and a little more.
func (s *strategy) spend() error {
	o := s.order(msgs.Buy, msgs.FAK, "0.02")
	amount := money.Cash(*o.Size)
	o.MaxSlippage, o.Price, o.Size, o.Amount = o.Price, nil, nil, &amount
	return s.submit(o)
}

func (s *strategy) goodTill() error {
	o := s.order(msgs.Buy, msgs.GTD, "0.31")
	o.ExpiresMS = time.Now().Add(demoRest).UnixMilli()
	return s.submit(o)
}

// postOnly asks to rest where it would take: the venue refuses.
func (s *strategy) postOnly() error {
	o := s.order(msgs.Buy, msgs.GTC, "0.55")
	o.PostOnly = true
	return s.submit(o)
}

func (s *strategy) replace() error {
	o := s.order(msgs.Buy, msgs.GTC, "0.32")
	return s.send(demoMain, msgs.FamilyOrder, &msgs.Replace{Common: s.now(), ClientOrderID: o.ClientOrderID, Replaces: msgs.ClientOrderID(s.last),
		Price: o.Price, Size: o.Size, SizeIs: "new"})
}

func (s *strategy) cancel() error {
	return s.send(demoMain, msgs.FamilyOrder, &msgs.Cancel{Common: s.now(), ClientOrderID: msgs.ClientOrderID(s.last)})
}

// cancelFirst cancels an order that is submitted only afterwards: it must never leave.
func (s *strategy) cancelFirst() error {
	o := s.order(msgs.Buy, msgs.GTC, "0.52")
	if err := s.send(demoMain, msgs.FamilyOrder, &msgs.Cancel{Common: s.now(), ClientOrderID: o.ClientOrderID}); err != nil {
		return err
	}
	return s.submit(o)
}

// repeat sends the same order twice, and a third time with another size: one order leaves.
func (s *strategy) repeat() error {
	o := s.order(msgs.Buy, msgs.GTC, "0.33")
	if err := s.submit(o); err != nil {
		return err
	}
	if err := s.submit(o); err != nil {
		return err
	}
	other := *o
	other.Size = new(*o.Size + money.Unit)
	return s.submit(&other)
}

// tooLate sends an order that nobody wants any more when it arrives.
func (s *strategy) tooLate() error {
	o := s.order(msgs.Buy, msgs.GTC, "0.52")
	o.ValidUntilMS = new(time.Now().Add(-time.Second).UnixMilli())
	return s.submit(o)
}

// haltAndResume places an order for the other account, halts it, tries another order, resumes, and takes.
func (s *strategy) haltAndResume() error {
	part := 0
	order := func(kind msgs.OrderType, price string) func() error {
		part++
		o := s.order(msgs.Buy, kind, price)
		o.ClientOrderID += msgs.ClientOrderID(fmt.Sprintf("-%d", part))
		return func() error { return s.send(demoHalted, msgs.FamilyOrder, o) }
	}
	halt := &msgs.Halt{Common: s.now(), RequestID: s.id("halt"), Reason: "demonstration", Cancel: true}
	resume := &msgs.Resume{Common: s.now(), RequestID: s.id("resume")}
	for _, do := range []func() error{
		order(msgs.GTC, "0.34"),
		func() error { return s.send(demoHalted, msgs.FamilyControl, halt) },
		order(msgs.GTC, "0.35"),
		func() error { return s.send(demoHalted, msgs.FamilyControl, resume) },
		order(msgs.FAK, "0.52"),
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// cancelAll ends what rests, wherever it is by now.
func (s *strategy) cancelAll() error {
	return s.send(demoMain, msgs.FamilyOrder, &msgs.CancelAll{Common: s.now(), RequestID: s.id("all"), Filter: msgs.Filter{Prefix: restPrefix}})
}
