package executor

import (
	"testing"

	"sluice/pkg/msgs"
)

// Whoever is refused by the venue for a reason that is known hears what helps, not only what the venue said.
func TestKnownRefusalsOfTheVenueSayWhatHelps(t *testing.T) {
	plain := fixOf("")
	for _, c := range []msgs.Code{msgs.NotEnoughBalance, msgs.PriceOffTick, msgs.BelowMinSize, msgs.TooManyDecimals, msgs.WouldCross, msgs.FOKNotFilled, msgs.FAKNoMatch,
		msgs.MarketClosed, msgs.ClosedOnly, msgs.UnknownToken, msgs.NotCapable, msgs.Unauthorised, msgs.Geoblocked, msgs.Blocked} {
		if fix := fixOf(c); fix == plain || fix == "" {
			t.Errorf("%s: %q", c, fix)
		}
	}
}
