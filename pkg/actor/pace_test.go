package actor

import (
	"testing"
	"time"
)

// An append that only tells of an outcome is sent where it will be on disk before the next submit comes, and not where that would
// have to wait for it.
func TestOutcomeIsWrittenAloneWhereTheDiskHasTime(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name            string
		gap, took, idle time.Duration
		room            bool
	}{
		{"a quick disk between slow submits", 20 * ms, ms / 2, ms, true},
		{"a quick disk between quick submits", 2 * ms, ms / 2, ms, true},
		{"the next submit is about to come", 2 * ms, ms / 2, 1600 * time.Microsecond, false},
		{"a slow disk", 2 * ms, 5 * ms, ms, false},
		{"a backlog", ms / 10, ms / 2, ms / 20, false},
		{"submits have ceased to come", 2 * ms, 5 * ms, 3 * ms, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p pace
			now := time.Now()
			for range 100 {
				p.came(now)
				p.wrote(c.took)
				now = now.Add(c.gap)
			}
			p.came(now)
			if got := p.room(now.Add(c.idle)); got != c.room {
				t.Errorf("room is %v with a mean gap of %v and appends of %v", got, p.gap, p.took)
			}
		})
	}
}

// Before anything was measured, and after an hour without submits, outcomes are written at once; a pause does not make the mean
// useless for long.
func TestPauseSaysLittle(t *testing.T) {
	var p pace
	now := time.Now()
	if !p.room(now) {
		t.Error("nothing was measured, and an outcome waits")
	}
	p.came(now)
	now = now.Add(time.Hour)
	p.came(now)
	for range 60 {
		now = now.Add(2 * time.Millisecond)
		p.came(now)
		p.wrote(5 * time.Millisecond)
	}
	if p.room(now.Add(time.Millisecond)) {
		t.Errorf("a mean gap of %v after sixty of 2 ms", p.gap)
	}
}
