package relayer

import (
	"testing"

	"sluice/pkg/msgs"
)

// A deposit wallet's nonce is used by another batch than the unit's, and nobody looks before the state of that time is gone from
// endpoints; the relayer does not say which transaction it was. It is found by what it moved, from the block on at which the unit was packed.
func TestUserOfADepositWalletsNonceIsFoundLongAfter(t *testing.T) {
	onBench(t, "deposit", func(b *bench) {
		if err := b.venue.MineBlocks(30); err != nil {
			b.Fatal(err)
		}
		l := b.look()
		lost, foreign := b.unit("lost", l, b.split(4)), b.unit("foreign", l, b.split(9))
		lost.Block = l.Block
		s := b.submit(foreign, false)
		if all := b.followed(foreign, s.ID, msgs.ByRelayer); !all[len(all)-1].Executed {
			b.Fatalf("the other batch is not performed: %+v", all)
		}
		for range 3 {
			if err := b.venue.MineBlocks(logsAtOnce/2 - searchBack); err != nil {
				b.Fatal(err)
			}
		}
		all := b.followed(lost, "", msgs.ByRelayer)
		if end := all[len(all)-1]; end.Executed || !end.NonceUsed || !end.Final {
			b.Errorf("seen %+v", end)
		}
		// The same for the unit that was performed, of which the relayer says nothing any more.
		foreign.Block = l.Block
		all = b.followed(foreign, "", msgs.ByRelayer)
		if end := all[len(all)-1]; !end.Executed || !end.Final || end.Effect["pUSD"] != -9_000_000 {
			b.Errorf("seen %+v", end)
		}
	})
}
