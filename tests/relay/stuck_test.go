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
	lasts   time.Duration // 0: it strikes once
	submits int           // at most, and so many units of ours
	after   time.Duration // the request has its end so long after the trouble, at the latest
}

// A trouble of the relayer that lasts for hours takes a handful of the day's units for one request, and the request is executed once soon
// after it. Own gas brings what it can at once.
func TestLongTroubleCostsAHandfulOfUnits(t *testing.T) {
	busy := func(f *sandbox.Faults) { f.WalletBusy.PerMille = 1000 }
	fails := func(f *sandbox.Faults) { f.ServerError = sandbox.Fault{PerMille: 1000, On: "POST /relayer/submit"} }
	page := func(f *sandbox.Faults) { f.HTMLError = sandbox.Fault{PerMille: 1000, On: "POST /relayer/submit"} }
	forgets := func(f *sandbox.Faults) { f.RelayForget.Next = 1 }
	lies := func(f *sandbox.Faults) { f.RelaySilent.Next = 1 }
	for name, s := range map[string]stuck{
		"busy, proxy":             {"proxy", busy, false, 30 * time.Minute, 9, 40 * time.Minute},
		"busy, deposit":           {"deposit", busy, false, 30 * time.Minute, 9, 40 * time.Minute},
		"busy, Safe":              {"main", busy, false, 0, 3, 2 * time.Minute},
		"busy, Safe without gas":  {"main", busy, true, 2 * time.Hour, 11, 65 * time.Minute},
		"page, Safe without gas":  {"main", page, true, 2 * time.Hour, 11, 65 * time.Minute},
		"500, deposit":            {"deposit", fails, false, 150 * time.Minute, 12, 65 * time.Minute},
		"500, proxy":              {"proxy", fails, false, 3 * time.Hour, 12, 65 * time.Minute},
		"500, Safe":               {"main", fails, false, 0, 2, 2 * time.Minute},
		"forgotten, deposit":      {"deposit", forgets, false, 0, 2, 15 * time.Minute},
		"forgotten, proxy":        {"proxy", forgets, false, 0, 2, 25 * time.Minute},
		"told CONFIRMED, proxy":   {"proxy", lies, false, 0, 2, 25 * time.Minute},
		"told CONFIRMED, deposit": {"deposit", lies, false, 0, 2, 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inPlant(t, setup{accounts: []string{s.account}, relayer: func(c *relayer.Config) { c.OwnGas = c.OwnGas && !s.noGas }}, func(p *plant) {
				p.venue.SetFaults(s.trouble)
				p.askAs(s.account, "split", "split", "'condition_id':'coin','amount':'3','urgency':'high'")
				p.pass(s.lasts)
				if s.lasts > 0 {
					p.venue.SetFaults(func(f *sandbox.Faults) { *f = sandbox.Faults{} })
				}
				over := time.Now()
				p.within(s.after, "it has an end", func() bool { return p.end(s.account, "split") != nil })
				p.confirmedAs(s.account, "split")
				t.Logf("%d submits, %d units at the venue, %d in our book, ended %s after the trouble", p.submits(), p.units(), p.booked(s.account), time.Since(over))
				if n, ours := p.submits(), p.booked(s.account); n > s.submits || ours > s.submits {
					t.Errorf("%d submits, and %d units of our book, want at most %d", n, ours, s.submits)
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
