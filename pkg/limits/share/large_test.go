package share

import (
	"testing"
	"time"
)

// TestSixteenReplicasThroughCrashes saturates sixteen processes, of which one dies each minute, each second time the one that grants.
func TestSixteenReplicasThroughCrashes(t *testing.T) {
	f := tight()
	inFleet(t, f, func(x *fleet) {
		const span = 4 * time.Minute
		began := time.Now()
		x.delay = jitter(2)
		var live []*replica
		for i := 0; time.Since(began) < span; i++ {
			for len(live) < 16 {
				r := x.start(cancelOf(r16))
				x.flood(r, post(r.name), span-time.Since(began))
				live = append(live, r)
			}
			time.Sleep(min(time.Minute, span-time.Since(began)))
			x.b.Wait()
			at := i % len(live)
			for k, r := range live {
				if i%2 == 0 && r.node.Granting() {
					at = k
				}
			}
			live[at].kill()
			live = append(live[:at], live[at+1:]...)
		}
		_, took := x.court.counts()
		n, all := took["POST /order"], allowed(span, f.place...)
		x.t.Logf("%d orders in %v with %d crashes: %d permille of what is allowed", n, span, x.made-16, n*1000/all)
		if n < all*95/100 {
			x.t.Errorf("%d orders, want at least 95 percent of %d", n, all)
		}
	})
}

// r16 is an account whose cancels are kept ready everywhere.
const r16 = "main"

// TestBreakOfTheBusChangesNobodysPlace restarts the broker under two processes, and cuts both off, again and again: who granted grants, and goes on with what it
// had reserved.
func TestBreakOfTheBusChangesNobodysPlace(t *testing.T) {
	f := tight()
	inFleet(t, f, func(x *fleet) {
		first := x.start()
		time.Sleep(time.Second)
		other := x.start()
		x.flood(first, post("first"), 2*time.Minute)
		x.flood(other, post("other"), 2*time.Minute)
		for i := range 5 {
			time.Sleep(20 * time.Second)
			if i%2 == 0 {
				x.b.Restart()
			} else { // longer than a granter may be silent, and who grants is the last to be back
				first.link.cut(true)
				other.link.cut(true)
				time.Sleep(1500 * time.Millisecond)
				other.link.cut(false)
				time.Sleep(300 * time.Millisecond)
				first.link.cut(false)
			}
			time.Sleep(3 * time.Second)
			x.b.Wait()
			if !first.node.Granting() || other.node.Granting() {
				x.t.Fatal("the other has taken over, and nobody had died")
			}
		}
		time.Sleep(5 * time.Second)
		x.b.Wait()
		_, took := x.court.counts()
		if n, all := took["POST /order"], allowed(2*time.Minute, f.place...); n < all*98/100 {
			x.t.Errorf("%d orders, want nearly %d", n, all)
		}
	})
}
