package main

import (
	"context"
	"time"

	"sluice/pkg/sandbox"
)

// storm is one thing that goes wrong, at a fraction of the demonstration.
type storm struct {
	percent int
	happen  func(*demo) error
}

// storms are in the order in which they happen. Beside them every tenth answer and, at first, every twentieth request of those
// that move orders is lost, and some trades settle late or not at all. Near the end no request is lost: it would be waited for.
func storms() []storm {
	cut := func(d *demo) error { d.box.CutSockets(); return nil }
	return []storm{
		{10, cut},
		{15, func(d *demo) error { d.box.Restart(engineDown, engineWindow); return nil }},
		{35, func(d *demo) error { d.freeze(true); return nil }},
		{42, func(d *demo) error { d.freeze(false); return nil }},
		{45, cut},
		{50, (*demo).crash},
		{60, func(d *demo) error {
			d.box.SetFaults(func(f *sandbox.Faults) { f.LoseRequest = sandbox.Fault{} })
			return cut(d)
		}},
		{90, cut},
	}
}

// The venue's engine is down for engineDown, and then takes post-only orders alone for engineWindow.
const engineDown, engineWindow = time.Second, time.Second

// weather lets everything go wrong until ctx ends, and then sets it right. What comes out of the channel is why it could not.
func (d *demo) weather(ctx context.Context, length time.Duration) <-chan error {
	d.box.SetFaults(func(f *sandbox.Faults) {
		f.DropAnswer, f.LoseRequest = sandbox.Fault{Next: 1, PerMille: 100}, sandbox.Fault{Next: 1, PerMille: 50}
		f.RetrySettlement.PerMille, f.FailSettlement.PerMille = 100, 40
	})
	ended := make(chan error, 1)
	go func() { ended <- d.blow(ctx, length) }()
	return ended
}

func (d *demo) blow(ctx context.Context, length time.Duration) error {
	defer d.box.SetFaults(func(f *sandbox.Faults) { // the end of the day's units is no weather
		*f = sandbox.Faults{Restarting: f.Restarting, PostOnlyMode: f.PostOnlyMode, QuotaGone: f.QuotaGone, QuotaResetS: f.QuotaResetS}
	})
	began := time.Now()
	for _, s := range storms() {
		at := time.NewTimer(time.Until(began.Add(length * time.Duration(s.percent) / 100)))
		select {
		case <-at.C:
		case <-ctx.Done():
			at.Stop()
			return nil
		}
		if err := s.happen(d); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// freeze keeps the sockets open and silent.
func (d *demo) freeze(on bool) {
	d.box.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = on })
}
