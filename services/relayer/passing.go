package relayer

import (
	"sluice/pkg/actor"
	"sluice/pkg/evm/sender"
)

// Points of a unit, in the order in which it meets them, told to Config.Passing beside those of the actor and of the sender.
const (
	BeforeReserve = "relay-before-reserve" // a unit of the quota is about to be charged
	AfterReserve  = "relay-after-reserve"  // it is charged, and nothing is signed
	AfterSign     = "relay-after-sign"     // there is a signature that nobody knows of
	BeforeSubmit  = "relay-before-submit"  // the request is about to leave
	AfterSubmit   = "relay-after-submit"   // its answer is here, or will never come
	BeforeConfirm = "relay-before-confirm" // what became of the unit of the quota is not in the book
	AfterConfirm  = "relay-after-confirm"  // it is
	BeforeAnswer  = "relay-before-answer"  // an outcome is known and not decided upon
	BeforeBring   = "relay-before-bring"   // the sender is about to be asked
	AfterBring    = "relay-after-bring"    // it has taken the unit on
	SeenMined     = "relay-seen-mined"     // the unit was seen in a block, and nobody was told
	SeenFinal     = "relay-seen-final"     // the block is final, and nobody was told
)

// Points lists every point that Config.Passing is told of, those of the actor first.
func Points() []string {
	own := []string{BeforeReserve, AfterReserve, AfterSign, BeforeSubmit, AfterSubmit, BeforeConfirm, AfterConfirm, BeforeAnswer, BeforeBring, AfterBring, SeenMined, SeenFinal}
	return append(append(actor.Points(), own...), sender.Points()...)
}
