package relayer

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"sluice/pkg/limits/quota"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// A deposit wallet has a batch under way that the relayer forgets. Free reads tell: nothing is looked at as open, and another batch is not
// sent again, nor is a unit reserved, until the forgotten one's deadline has passed.
func TestBusyWalletIsSeenWithoutASubmit(t *testing.T) {
	onBench(t, "deposit", func(b *bench) {
		l := b.look()
		b.venue.SetFaults(func(f *sandbox.Faults) { f.RelayForget.Next = 1 })
		if s := b.submit(b.unit("u1", l, b.split(3)), false); s.ID == "" {
			b.Fatalf("submitted %+v", s)
		}
		if door := b.look().Relayer; door.Open || door.Cause == "" || door.Fix == "" {
			b.Errorf("with a batch under way the relayer is %+v", door)
		}
		time.Sleep(time.Second)
		second := b.unit("u2", l, b.split(4))
		was := len(b.units.kinds())
		s := b.do(Submit{Unit: second, Purpose: quota.Essential, Left: true}, false, one)[0].(Submitted)
		if s.Err == nil || s.Err.Reason != polymarket.RelayerWalletBusy || s.Err.Method != http.MethodGet || costly(s.Err) || s.Err.Refuses() {
			b.Errorf("sent again beside it: %+v", s)
		}
		if n := len(b.units.kinds()); n != was {
			b.Errorf("%d words in the book, before %d", n, was)
		}
		time.Sleep(activeFor)
		if door := b.look().Relayer; !door.Open {
			b.Errorf("after its deadline the relayer is %+v", door)
		}
		if s := b.submit(b.unit("u3", l, b.split(4)), false); s.ID == "" {
			b.Errorf("after the forgotten one's deadline: %+v", s)
		}
	})
}

// A copy of a unit is not sent again while the relayer shows another nonce than the unit's, and goes when it is told to go all the same.
func TestCopyWaitsUntilTheRelayerSeesItsNonce(t *testing.T) {
	for _, account := range perKind {
		t.Run(account, func(t *testing.T) {
			onBench(t, account, func(b *bench) {
				first := b.unit("u1", b.look(), b.split(3))
				if s := b.submit(first, false); s.ID == "" {
					b.Fatalf("submitted %+v", s)
				}
				b.followed(first, "", "relayer")
				u := b.unit("u2", b.look(), b.split(4))
				was := b.units.kinds()
				b.venue.SetFaults(func(f *sandbox.Faults) { f.StaleNonce.PerMille = 1000 })
				s := b.do(Submit{Unit: u, Purpose: quota.Essential, Left: true}, false, one)[0].(Submitted)
				if s.Err == nil || s.Err.Reason != polymarket.RelayerNonce || costly(s.Err) || !slices.Equal(b.units.kinds(), was) {
					b.Errorf("the relayer shows an old nonce, and yet: %+v, units %v", s, b.units.kinds())
				}
				if s := b.do(Submit{Unit: u, Purpose: quota.Essential, Left: true, Sure: true}, false, one)[0].(Submitted); s.ID == "" {
					b.Errorf("told to go: %+v", s)
				}
			})
		})
	}
}

// A list of the relayer that cannot be read leaves it unknown whether a copy was accepted. That costs nothing, and is no refusal.
func TestUnreadableListCostsNothing(t *testing.T) {
	onBench(t, "proxy", func(b *bench) {
		u := b.unit("u1", b.look(), b.split(3))
		b.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = true })
		s := b.do(Submit{Unit: u, Purpose: quota.Essential, Left: true}, false, one)[0].(Submitted)
		if s.Err == nil || !unknown(s.Err) || costly(s.Err) || s.Err.Refuses() || len(b.units.kinds()) != 0 {
			b.Errorf("submitted %+v, units %v", s, b.units.kinds())
		}
	})
}
