package relayer

import (
	"cmp"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// choice is who carries, and what must wait instead.
type choice struct {
	carrier msgs.Carrier // empty: nobody can
	waiting []*request
	why     *msgs.Error
	untilMS int64
}

// choose finds the carrier of what has not been sealed yet, of which therefore nothing has been signed. The relayer comes first; the
// owner's gas when the relayer cannot, where the wallet's kind has that way. What may wait for a unit of the quota waits.
func (t *decision) choose(l *Looked, rs []*request) choice {
	able, _ := t.id.Kind.Can()
	if len(rs) == 0 {
		return choice{}
	}
	var closed *msgs.Error
	var until int64
	if able.Relayer {
		purpose := purposeOf(rs)
		switch {
		case !l.Relayer.Open:
			closed, until = l.Relayer.error(msgs.VenueDown), l.Relayer.UntilMS
		case t.toll.AgainMS > t.nowMS:
			closed, until = t.toll.why(), t.toll.AgainMS
		case l.Quota.Left(purpose) <= 0:
			closed = failure(msgs.QuotaExhausted, "no unit of the relayer's quota is left for work that is "+purpose.String(),
				"wait, let urgent work go by own gas, or ask for a higher tier")
			if next := l.Quota.Next(purpose); !next.IsZero() {
				until = next.UnixMilli()
			}
		case t.id.Kind == polymarket.Proxy && l.Relay == (polymarket.Address{}):
			closed = failure(msgs.VenueDown, "the relayer does not say which worker would bring it", "wait until it answers")
		default:
			return choice{carrier: msgs.ByRelayer}
		}
	}
	// A proxy wallet has no fence against the relayer's copies: as long as one can have effect, nothing goes beside the relayer.
	fenced := able.OwnGas == polymarket.OwnGasAfterRefusal && len(t.ghosts) > 0
	if able.OwnGas == polymarket.OwnGasNever || fenced {
		closed.Fix += "; " + able.Waits
		return choice{waiting: rs, why: closed, untilMS: until}
	}
	now, later := rs, []*request(nil)
	if closed != nil && closed.Code == msgs.QuotaExhausted && until != 0 {
		now = nil
		for _, r := range rs {
			if r.LeavesByMS > t.nowMS && r.LeavesByMS >= until {
				later = append(later, r)
			} else {
				now = append(now, r)
			}
		}
	}
	if !l.OwnGas.Open {
		why := l.OwnGas.error(msgs.NoGas)
		if closed != nil {
			why = failure(closed.Code, closed.Cause+"; by own gas: "+why.Cause, closed.Fix+"; or: "+why.Fix)
		}
		return choice{waiting: rs, why: why, untilMS: cmp.Or(until, l.OwnGas.UntilMS)}
	}
	if len(now) == 0 {
		return choice{waiting: later, why: closed, untilMS: until}
	}
	return choice{carrier: msgs.ByOwnGas, waiting: later, why: closed, untilMS: until}
}

// error is why a door is closed.
func (d Door) error(code msgs.Code) *msgs.Error {
	return failure(cmp.Or(d.Code, code), cmp.Or(d.Cause, "it cannot be used now"), cmp.Or(d.Fix, "wait"))
}
