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

// count recounts what the judge says, from what the log has told of each order and what the venue has seen.
func (s *storm) count(t testing.TB, told map[string]string, seen map[key]*atVenue) (n count) {
	t.Helper()
	for id, k := range s.orders {
		stored, state := s.submitted[id], told[id]
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

// Every zero that count gives could have been another figure.
func TestCountSeesWhatIsWrong(t *testing.T) {
	same := func(id string) key { return key{id, "0.5", "5"} }
	s := &storm{
		orders:    map[string]key{"fine": same("a"), "twice": same("b"), "overdone": same("c"), "after": same("d"), "lost": same("e"), "phantom": same("f"), "unsent": same("g")},
		submitted: map[string]uint64{"fine": 1, "twice": 2, "overdone": 3, "after": 9, "lost": 5, "phantom": 6, "unsent": 7},
		cancelled: map[string]uint64{"fine": 8, "after": 4},
	}
	told := map[string]string{"fine": "filled", "twice": "open", "overdone": "filled", "after": "open", "phantom": "open", "unsent": "rejected"}
	once := map[string]bool{"x": true}
	seen := map[key]*atVenue{
		same("a"): {ids: once, traded: size(t, "5")}, same("b"): {ids: map[string]bool{"x": true, "y": true}},
		same("c"): {ids: once, traded: size(t, "5.01")}, same("d"): {ids: once},
	}
	if got, want := s.count(t, told, seen), (count{reached: 4, twice: 1, overdone: 1, after: 1, lost: 2}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}
