package crash

import (
	"slices"
	"testing"
)

// count is what a storm came to, told without any id of ours: by token, price and size.
type count struct {
	reached  int // orders that the venue has had
	twice    int // of these, under more than one id
	overdone int // or traded for more than they were for
	after    int // or cancelled before they were submitted
	lost     int // submits without an event, or told to be at a venue that never had them
}

// count recounts what the judge says.
func (s *storm) count(book *logbook) (n count) {
	t, seen := s.p.t, s.p.seen()
	t.Helper()
	for id, k := range s.orders {
		stored, state := s.submitted[id], book.state[id]
		if stored > 0 && state == "" {
			t.Logf("lost: %s, stored at %d", id, stored)
			n.lost++
		}
		v := seen[k]
		if v == nil {
			if slices.Contains([]string{"open", "filled", "delayed"}, state) {
				t.Logf("lost: %s is told %s and the venue never had it", id, state)
				n.lost++
			}
			continue
		}
		n.reached++
		if len(v.ids) > 1 {
			t.Logf("sent twice: %s %v", id, v.ids)
			n.twice++
		}
		if v.traded > size(t, k.size) {
			t.Logf("traded beyond its size: %s %v %v", id, k, v.traded)
			n.overdone++
		}
		if cancel := s.cancelled[id]; cancel > 0 && stored > cancel {
			t.Logf("sent after cancel: %s, cancelled at %d and stored at %d", id, cancel, stored)
			n.after++
		}
	}
	return n
}

// none demands that nothing is wrong.
func (n count) none(t testing.TB) {
	t.Helper()
	if n.twice+n.overdone+n.lost+n.after > 0 {
		t.Errorf("sent twice %d, traded beyond its size %d, lost %d, sent after cancel %d, want none", n.twice, n.overdone, n.lost, n.after)
	}
	if n.reached == 0 {
		t.Error("no order reached the venue: nothing is shown")
	}
}
