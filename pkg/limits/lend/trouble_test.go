package lend

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestFleetsUseWhatIsAllowedThroughPartitionsAndPauses saturates 1, 4 and 16 members, to which something happens about every two minutes:
// one is cut off, or stands still, for up to 40 s; nobody has the bus for up to 10 s; one dies. Each second time it is the one that grants.
// A part of the demand comes late. Under the venue's own proportion what is lost in such a time is made up for, and 95 % of the allowance
// are used; where a window of ten seconds alone binds nothing can be made up for, and some members do better than one. SLUICE_FLEET_FULL=1
// runs longer, at larger figures, with all sizes.
func TestFleetsUseWhatIsAllowedThroughPartitionsAndPauses(t *testing.T) {
	full := os.Getenv("SLUICE_FLEET_FULL") == "1"
	all := []trouble{die, cutOff, standStill, noBus}
	type row struct {
		name     string
		figures  figures
		span     time.Duration
		size     int
		troubles []trouble
		least    int // permille
	}
	var rows []row
	for _, size := range sizes() {
		span, part := 20*time.Minute, 20
		if full {
			span, part = 70*time.Minute, 10
		} else if size == 16 {
			span, part = 15*time.Minute, 40
		}
		rows = append(rows, row{"deaths, partitions, pauses", venueOf(part), span, size, all, 950})
		if size == 4 || full {
			rows = append(rows, row{"partitions", venueOf(part), span, size, []trouble{cutOff, noBus}, 950}, row{"pauses", venueOf(part), span, size, []trouble{standStill}, 950})
		}
		span, part = 12*time.Minute, 50
		if full {
			span, part = 60*time.Minute, 10
		}
		short := venueOf(part)
		short.place = short.place[:2]
		if full || size == 4 {
			rows = append(rows, row{"ten seconds alone, deaths, partitions, pauses", short, span, size, all, 800})
		}
		if full {
			rows = append(rows, row{"ten seconds alone, partitions", short, span, size, []trouble{cutOff, noBus}, 800},
				row{"ten seconds alone, pauses", short, span, size, []trouble{standStill}, 800})
		}
	}
	for _, r := range rows {
		t.Run(fmt.Sprintf("%s, %d members", r.name, r.size), func(t *testing.T) {
			w := newWorld(t, uint64(r.size), r.figures)
			w.slow = 2
			n := w.disturb(r.size, r.span, 2*time.Minute, r.troubles)
			most := allowed(r.span, r.figures.place...)
			used := w.took[place] * 1000 / most
			t.Logf("%d of %d, %d permille; %d troubles, %d deaths", w.took[place], most, used, n, len(w.members)-r.size)
			if w.over > 0 {
				t.Errorf("%d were more than is allowed", w.over)
			}
			if used < r.least {
				t.Errorf("%d permille used, want at least %d", used, r.least)
			}
		})
	}
}

// trouble happens to a member.
type trouble func(w *world, m *member)

func die(_ *world, m *member) { m.kill() }

func cutOff(w *world, m *member) {
	m.cut = true
	w.after(w.between(time.Second, 40*time.Second), func() { m.cut = false })
}

func standStill(w *world, m *member) { m.stop(w.between(time.Second, 40*time.Second)) }

func noBus(w *world, _ *member) {
	back := w.between(time.Second, 10*time.Second)
	for _, m := range w.live() {
		m.cut = true
		w.after(back+w.between(0, 300*time.Millisecond), func() { m.cut = false })
	}
}

// disturb saturates so many members and lets one trouble after the other happen to them, each second time to the one that grants. The
// dead are replaced. It says how many troubles there were.
func (w *world) disturb(size int, span, every time.Duration, troubles []trouble) (n int) {
	for ; ; n++ {
		for len(w.live()) < size {
			m := w.join()
			m.flood(place, m.id+"-a", span)
			m.flood(place, m.id+"-b", span)
			w.after(w.between(0, 5*time.Minute), func() { m.flood(place, m.id+"-late", span) })
		}
		w.run(min(w.between(every/2, every*3/2), span-w.now))
		if w.now >= span {
			return n
		}
		m := w.granter()
		if live := w.live(); m == nil || n%2 == 1 {
			m = live[w.rng.IntN(len(live))]
		}
		troubles[n/2%len(troubles)](w, m)
	}
}
