package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// day is what a quota is counted over; it rolls.
const day = 24 * time.Hour

// SetBuilder gives a builder, as the journal names it, another tier.
func (s *Sandbox) SetBuilder(name, tier string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, known := s.limits.table.builder(tier)
	if !known || tier == "" {
		return fmt.Errorf("set tier of %s: no builder's tier %q in edition %s", name, tier, s.limits.table.Edition)
	}
	s.limits.builder[name] = b
	s.journal.add(tierLine{"tier", time.Now().UnixMicro(), name, b.Name})
	return nil
}

// spendUnit takes one unit of the payer's rolling day, or answers with the venue's refusal.
func (s *Sandbox) spendUnit(q *request, p payer) *answer {
	now := time.Now()
	spent := s.limits.units[p.name]
	from, _ := slices.BinarySearchFunc(spent, now.Add(-day), time.Time.Compare)
	spent = spent[from:]
	s.limits.units[p.name] = spent
	if s.faults.QuotaGone.strikes(s.rng, "") {
		return s.quotaGone(day)
	}
	over := p.tier.Units > 0 && len(spent) >= p.tier.Units
	s.count(limitKey{"relayer", p.name, "units"}, 1, over)
	if over {
		return s.quotaGone(spent[len(spent)-p.tier.Units].Add(day).Sub(now))
	}
	s.limits.units[p.name] = append(spent, now)
	s.journal.add(chargeLine{"charge", now.UnixMicro(), q.id, p.name, len(spent) + 1})
	return nil
}

// quotaGone says when the next unit comes back, or with QuotaResetS something else.
func (s *Sandbox) quotaGone(wait time.Duration) *answer {
	reset := int64((wait + time.Second - 1) / time.Second)
	if s.faults.QuotaResetS != 0 {
		reset = s.faults.QuotaResetS
	}
	return new(refuse(http.StatusTooManyRequests, fmt.Sprintf("quota exceeded: 0 units remaining, resets in %d seconds", reset)))
}
