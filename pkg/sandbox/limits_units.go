package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// day is what a quota is counted over; it rolls.
const day = 24 * time.Hour

// builderOf is whose units a submission takes. Builders are numbered as they come, because a journal holds no credentials;
// a key for one's own wallet has no quota.
func (s *Sandbox) builderOf(q *request) (name string, b Builder, known bool) {
	credential := q.header.Get("POLY_BUILDER_API_KEY")
	own := credential == "" && q.header.Get("RELAYER_API_KEY") != ""
	if own {
		credential = q.header.Get("RELAYER_API_KEY")
	}
	if credential == "" {
		return "", Builder{}, false
	}
	l := &s.limits
	if name = l.names[credential]; name == "" {
		name = "builder-" + strconv.Itoa(len(l.names)+1)
		l.names[credential] = name
	}
	if b, known = l.builder[name]; known {
		return name, b, true
	}
	if own {
		b, known = l.table.builder("OwnKey")
	}
	if !known {
		b, known = l.table.builder("")
	}
	return name, b, known
}

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

// spendUnit takes one unit of a builder's rolling day, or answers with the venue's refusal.
func (s *Sandbox) spendUnit(name string, b Builder) *answer {
	now := time.Now()
	spent := s.limits.units[name]
	from, _ := slices.BinarySearchFunc(spent, now.Add(-day), time.Time.Compare)
	spent = spent[from:]
	over := b.Units > 0 && len(spent) >= b.Units
	s.count(limitKey{"relayer", name, "units"}, 1, over)
	if !over {
		s.limits.units[name] = append(spent, now)
		return nil
	}
	s.limits.units[name] = spent
	reset := int64((spent[len(spent)-b.Units].Add(day).Sub(now) + time.Second - 1) / time.Second)
	return new(refuse(http.StatusTooManyRequests, fmt.Sprintf("quota exceeded: 0 units remaining, resets in %d seconds", reset)))
}

// submit is the door of the relayer: who comes through it has paid a unit. Behind it nobody works yet, and the venue charges
// for what fails, too.
func (s *Sandbox) submit(q *request) answer {
	name, b, known := s.builderOf(q)
	if !known {
		return refuse(http.StatusUnauthorized, "invalid authorization")
	}
	q.account = name
	if refusal := s.spendUnit(name, b); refusal != nil {
		return *refusal
	}
	return refuse(http.StatusServiceUnavailable, "relayer is not available")
}
