package relay

import (
	"encoding/json"
	"testing"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
	"sluice/services/relayer"
)

// stuck is a trouble of the relayer that lasts, and what it may cost one request.
type stuck struct {
	account string
	trouble func(f *sandbox.Faults)
	noGas   bool          // own gas is not switched on
	lasts   time.Duration // with SLUICE_RELAY_FULL, else a quarter of an hour of it; 0: it strikes once, or own gas does not wait for its end
	submits int           // at most, and so many units of our book; 0: what the pauses allow
	after   time.Duration // the request has its end so long after the trouble, at the latest; 0: what the pauses allow
	always  bool          // without SLUICE_RELAY_FULL too
}

// allowed is the most that a trouble may cost: three submits in quick succession, then one after 1, 2, 4 … 60 minutes, and the one that
// succeeds. The request ends when the pause does that was on when the trouble ended.
func (s *stuck) allowed() (submits int, after time.Duration) {
	if s.submits != 0 {
		return s.submits, s.after
	}
	submits = 4
	pause := time.Minute
	for left := s.lasts; left > 0; pause = min(2*pause, time.Hour) {
		left -= pause
		submits++
	}
	return submits, min(s.lasts, time.Hour) + 5*time.Minute
}

// A trouble of the relayer that lasts for hours takes a handful of the day's units for one request, and the request is executed once soon
// after it. Own gas brings what it can at once.
func TestLongTroubleCostsAHandfulOfUnits(t *testing.T) {
	busy := func(f *sandbox.Faults) { f.WalletBusy.PerMille = 1000 }
	fails := func(f *sandbox.Faults) { f.ServerError = sandbox.Fault{PerMille: 1000, On: "POST /relayer/submit"} }
	page := func(f *sandbox.Faults) { f.HTMLError = sandbox.Fault{PerMille: 1000, On: "POST /relayer/submit"} }
	forgets := func(f *sandbox.Faults) { f.RelayForget.Next = 1 }
	lies := func(f *sandbox.Faults) { f.RelaySilent.Next = 1 }
	const short, expiry, twiceIdle = 2 * time.Minute, 15 * time.Minute, 25 * time.Minute
	for name, s := range map[string]stuck{
		"busy, proxy":             {account: "proxy", trouble: busy, lasts: 30 * time.Minute},
		"busy, deposit":           {account: "deposit", trouble: busy, lasts: 30 * time.Minute, always: true},
		"busy, Safe":              {account: "main", trouble: busy, submits: 3, after: short, always: true},
		"busy, Safe without gas":  {account: "main", trouble: busy, noGas: true, lasts: 2 * time.Hour, always: true},
		"page, Safe without gas":  {account: "main", trouble: page, noGas: true, lasts: 2 * time.Hour},
		"500, deposit":            {account: "deposit", trouble: fails, lasts: 150 * time.Minute},
		"500, proxy":              {account: "proxy", trouble: fails, lasts: 3 * time.Hour, always: true},
		"500, Safe":               {account: "main", trouble: fails, submits: 2, after: short},
		"forgotten, deposit":      {account: "deposit", trouble: forgets, submits: 2, after: expiry, always: true},
		"forgotten, proxy":        {account: "proxy", trouble: forgets, submits: 2, after: twiceIdle, always: true},
		"told CONFIRMED, proxy":   {account: "proxy", trouble: lies, submits: 2, after: twiceIdle},
		"told CONFIRMED, deposit": {account: "deposit", trouble: lies, submits: 2, after: expiry},
	} {
		if !everything() {
			if s.lasts = min(s.lasts, 15*time.Minute); !s.always {
				continue
			}
		}
		t.Run(name, func(t *testing.T) {
			inPlant(t, setup{accounts: []string{s.account}, relayer: func(c *relayer.Config) { c.OwnGas = c.OwnGas && !s.noGas }}, func(p *plant) {
				p.venue.SetFaults(s.trouble)
				p.askAs(s.account, "split", "split", "'condition_id':'coin','amount':'3','urgency':'high'")
				p.pass(s.lasts)
				if s.lasts > 0 {
					p.venue.SetFaults(func(f *sandbox.Faults) { *f = sandbox.Faults{} })
				}
				submits, after := s.allowed()
				over := time.Now()
				p.within(after, "it has an end", func() bool { return p.end(s.account, "split") != nil })
				p.confirmedAs(s.account, "split")
				ours := p.booked(s.account)
				t.Logf("%s: %d submits, %d units at the venue, %d in our book, ended %s after it", s.lasts, p.submits(), p.units(), ours, time.Since(over).Round(time.Second))
				if n := p.submits(); n > submits || ours > submits {
					t.Errorf("%d submits, and %d units of our book, want at most %d", n, ours, submits)
				}
			})
		})
	}
}

// booked is how many units of the day our own book has charged to an account's credentials.
func (p *plant) booked(account string) int {
	p.t.Helper()
	m, err := p.bus.Request(msgs.SvcSubject("relayer", msgs.Account(account), "quota"), []byte("{}"), patience)
	if err != nil {
		p.t.Fatal(err)
	}
	var a msgs.QuotaAnswer
	if err := json.Unmarshal(m.Data, &a); err != nil || a.Limit == 0 {
		p.t.Fatalf("asked for the quota, and told %s (%v)", m.Data, err)
	}
	return a.Used
}

// After half an hour of an outage a wallet's next submit is due in half an hour, after hours of one in up to an hour. It leaves within a
// minute or two of the moment at which the relayer answers again.
func TestWorkLeavesSoonAfterAnOutage(t *testing.T) {
	fails := func(f *sandbox.Faults) { f.ServerError = sandbox.Fault{PerMille: 1000, On: "POST /relayer/submit"} }
	down := func(f *sandbox.Faults) { f.RelayerDown = true }
	none := func(f *sandbox.Faults) { *f = sandbox.Faults{} }
	ask := func(p *plant, account string) {
		p.askAs(account, "split", "split", "'condition_id':'coin','amount':'3','urgency':'high'")
	}
	t.Run("its reads answer again", func(t *testing.T) {
		inPlant(t, setup{accounts: []string{"proxy"}}, func(p *plant) {
			p.venue.SetFaults(fails)
			ask(p, "proxy")
			p.pass(36 * time.Minute) // the last submit was at half an hour, and the next would be at an hour
			p.venue.SetFaults(down)
			p.pass(4 * time.Minute)
			p.venue.SetFaults(none)
			over := time.Now()
			p.within(2*time.Minute, "the split is executed", func() bool { return p.end("proxy", "split") != nil })
			t.Logf("executed %s after the outage, %d submits", time.Since(over), p.submits())
		})
	})
	t.Run("another wallet's submit is taken", func(t *testing.T) {
		inPlant(t, setup{accounts: []string{"proxy", "deposit"}}, func(p *plant) {
			p.venue.SetFaults(fails)
			ask(p, "proxy")
			p.pass(20 * time.Minute)
			ask(p, "deposit")
			p.pass(25 * time.Minute) // the next submits are due some ten minutes apart
			p.venue.SetFaults(none)
			p.within(20*time.Minute, "one of the two is executed", func() bool { return p.end("proxy", "split") != nil || p.end("deposit", "split") != nil })
			over := time.Now()
			p.within(2*time.Minute, "both are executed", func() bool { return p.end("proxy", "split") != nil && p.end("deposit", "split") != nil })
			t.Logf("the second is executed %s after the first, %d submits", time.Since(over), p.submits())
		})
	})
}
