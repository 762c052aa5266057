package rehearse

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/quota"
)

const submit = "relayer POST /submit"

// quotaRow is a daily quota that the catalogue knows.
type quotaRow struct {
	profile, tier string
	units         int
}

// quotaRows are the daily quotas of all profiles.
func quotaRows(t *testing.T) (rows []quotaRow) {
	c, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range c.Names() {
		p := profile(t, name)
		for _, r := range p.Rules {
			for _, tier := range r.Tiers {
				for _, l := range tier.Layers {
					if l.Kind() == catalogue.QuotaKind {
						rows = append(rows, quotaRow{name, tier.Tier, l.Quota})
					}
				}
			}
			for _, l := range r.Layers {
				if l.Kind() == catalogue.QuotaKind {
					rows = append(rows, quotaRow{name, "", l.Quota})
				}
			}
		}
	}
	return rows
}

// days counts what arrives, day by day, and the most in any 24 hours.
type days struct {
	at    []time.Duration
	from  int // the first of the last 24 hours
	each  []int
	worst int
}

func (d *days) arrive(_, at time.Duration) {
	d.at = append(d.at, at)
	for day := int(at / quota.Day); len(d.each) <= day; {
		d.each = append(d.each, 0)
	}
	d.each[at/quota.Day]++
	for d.at[d.from] < at-quota.Day {
		d.from++
	}
	d.worst = max(d.worst, len(d.at)-d.from)
}

// TestSaturatedDaysNeverExceedADailyQuotaAndUseIt saturates what costs a unit for several days, under each daily quota of each
// profile and tier. No twenty-four hours hold more than the quota, by the venue's count and by the trace, and no day uses less than
// 99 % of it.
func TestSaturatedDaysNeverExceedADailyQuotaAndUseIt(t *testing.T) {
	rows := quotaRows(t)
	if len(rows) < 7 {
		t.Errorf("the catalogue has only %d daily quotas: %v", len(rows), rows)
	}
	for _, row := range rows {
		span, delays := 5*quota.Day, ways()
		if row.units > 1000 {
			span, delays = 2*quota.Day, []Delay{Jitter} // thousands a day are as many in few days
		}
		for _, d := range delays {
			t.Run(fmt.Sprintf("S0-16 S2-2 S2-3 %s %s %d a day, %s", row.profile, row.tier, row.units, d), func(t *testing.T) {
				seen := days{}
				r := simulate(t, Scenario{Profile: profile(t, row.profile), Options: budget.Options{Factor: budget.Permille, Tier: row.tier}, Endpoint: submit, Items: 1,
					Purpose: quota.Rescue, For: span, Delay: d, Seed: 7, Trace: seen.arrive})
				if r.Violations != 0 || seen.worst > row.units {
					t.Errorf("%d of %d in excess, %d in 24 hours", r.Violations, r.Sent, seen.worst)
				}
				for day := range int(span / quota.Day) {
					if seen.each[day]*100 < row.units*99 {
						t.Errorf("day %d used %d units of %d", day, seen.each[day], row.units)
					}
				}
				t.Logf("%d sent, by day %v, %d permille of %s", r.Sent, seen.each, r.Permil, r.Binding)
			})
		}
	}
}

// TestLostAnswersOfADailyQuotaStayCharged loses one answer in five: nobody knows what became of those units, and nothing is in excess.
func TestLostAnswersOfADailyQuotaStayCharged(t *testing.T) {
	r := simulate(t, Scenario{Profile: profile(t, "relayer"), Options: full(), Endpoint: submit, Purpose: quota.Rescue, For: 5 * quota.Day, Delay: Jitter, Seed: 3, Lost: 200})
	if r.Violations != 0 || r.Sent < 495 {
		t.Errorf("%d of %d in excess", r.Violations, r.Sent)
	}
}

// TestQuotaThatNobodyKeepsIsCaught takes the book away from the client, and wants the venue to find all that is over.
func TestQuotaThatNobodyKeepsIsCaught(t *testing.T) {
	r, err := newRun(Scenario{Profile: profile(t, "relayer"), Options: full(), Endpoint: submit, For: quota.Day, Delay: Jitter, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	r.quotas = quotas{}
	r.at(0, r.demand)
	r.world.run(r.For)
	if out := r.result(r.For); out.Violations < 30_000 || out.Sent-out.Violations != 100 {
		t.Errorf("%d of %d found in excess, want all but 100", out.Violations, out.Sent)
	}
}

// TestPurposeLeavesUnitsToWhatIsMoreUrgent saturates a day for each purpose.
func TestPurposeLeavesUnitsToWhatIsMoreUrgent(t *testing.T) {
	for p, want := range map[quota.Purpose]int{quota.Ordinary: 80, quota.Essential: 95, quota.Rescue: 100} {
		r := simulate(t, Scenario{Profile: profile(t, "relayer"), Options: full(), Endpoint: submit, Purpose: p, For: 12 * time.Hour, Seed: 1})
		if r.Sent != want || r.Violations != 0 {
			t.Errorf("%s: %d sent, want %d; %d in excess", p, r.Sent, want, r.Violations)
		}
	}
}

// TestPlanWaitsForTheNextDay plans more than a day allows: the book is what is waited for, and for at most a hundredth more than
// arithmetic says.
func TestPlanWaitsForTheNextDay(t *testing.T) {
	minutes := func(n int) time.Duration { return time.Duration((n-1)/25) * time.Minute } // 25 each minute
	for _, c := range []struct {
		profile, tier string
		p             quota.Purpose
		items         int
		least         time.Duration
		binding       string
	}{
		{"relayer", "Unverified", quota.Rescue, 100, minutes(100), "relayer submit"},
		{"relayer", "Unverified", quota.Rescue, 101, quota.Day, "relayer units"},
		{"relayer", "Unverified", quota.Rescue, 250, 2*quota.Day + minutes(50), "relayer units"},
		{"relayer", "Unverified", quota.Ordinary, 250, 3 * quota.Day, "relayer units"},
		{"relayer", "Verified", quota.Rescue, 3000, minutes(3000), "relayer submit"},
		{"relayer", "Verified", quota.Rescue, 4000, quota.Day + minutes(1000), "relayer units"},
		{"polymarket-safe", "", quota.Rescue, 20, quota.Day, "safe units"},
	} {
		t.Run(fmt.Sprintf("%s %s %s %d", c.profile, c.tier, c.p, c.items), func(t *testing.T) {
			o := full()
			o.Tier = c.tier
			f, err := Plan(Backlog{Profile: profile(t, c.profile), Options: o, Endpoint: submit, Items: c.items, Purpose: c.p, Answer: 50 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if f.Last < c.least || f.Last > c.least*101/100 || f.Requests != c.items || f.Waits[0].Rule != c.binding {
				t.Errorf("%d drained in %s, least is %s; bound by %s", f.Requests, f.Last, c.least, f.Binding)
			}
		})
	}
}

// dear is a profile of two daily quotas that are charged by the item.
func dear(t *testing.T) catalogue.Profile {
	t.Helper()
	p, err := catalogue.Build(catalogue.Profile{Name: "dear", Source: "test", Date: "2026-11-22", API: "x", Rules: []catalogue.Rule{
		{Name: "some", Scope: catalogue.Relayer, Charges: []catalogue.Charge{{To: "POST /x", Request: 1, Item: 3}}, Layers: []catalogue.Layer{{Quota: 33, Per: quota.Day}}},
		{Name: "few", Scope: catalogue.Relayer, For: []string{"POST /x"}, Layers: []catalogue.Layer{{Quota: 5, Per: quota.Day}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSeveralUnitsAreTakenFromAllBooksOrNone charges seven units a request to one book and one to another: four requests fit into
// the first, and what the fifth could not take is not lost to a smaller one.
func TestSeveralUnitsAreTakenFromAllBooksOrNone(t *testing.T) {
	p := dear(t)
	r := simulate(t, Scenario{Profile: p, Options: full(), Endpoint: "POST /x", Items: 2, Purpose: quota.Rescue, For: 4 * quota.Day, Seed: 1})
	if r.Violations != 0 || r.Sent != 4*4 || r.Binding != "some: 33 units in 24h0m0s" {
		t.Errorf("%+v, want sixteen", r)
	}
	q, err := quotasOf(Scenario{Profile: p, Endpoint: "POST /x", Items: 2, Purpose: quota.Rescue})
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{"", "", "", "", "some"} {
		if _, short, _ := q.take(epoch(), 2); (short == nil) != (want == "") {
			t.Fatalf("request %d: %v is short, want %q", n, short, want)
		}
	}
	if _, short, _ := q.take(epoch(), 1); short != nil { // 4 of the 5 units that are left
		t.Errorf("a smaller request does not pass: %s is short", short.rule)
	}
	if _, short, again := q.take(epoch(), 0); short == nil || short.rule != "few" || again.Sub(epoch()) < quota.Day {
		t.Errorf("the sixth in a day of five passes, or is to be asked again at %s", again)
	}
}

// TestWhatNoDayHoldsIsRefused asks for more in one request than a day has for its purpose.
func TestWhatNoDayHoldsIsRefused(t *testing.T) {
	for items, p := range map[int]quota.Purpose{11: quota.Rescue, 9: quota.Ordinary} {
		s := Scenario{Profile: dear(t), Options: full(), Endpoint: "POST /x", Items: items, Purpose: p, For: quota.Day}
		if r, err := Simulate(s); !errors.Is(err, gate.ErrNever) {
			t.Errorf("%d items: %+v, %v", items, r, err)
		}
		if f, err := Plan(Backlog{Profile: s.Profile, Options: full(), Endpoint: "POST /x", Items: items, Batch: items, Purpose: p}); !errors.Is(err, gate.ErrNever) {
			t.Errorf("%d items: %+v, %v", items, f, err)
		}
	}
}
